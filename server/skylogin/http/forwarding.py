"""The client of a request, and the URL that it used, as trusted proxies report them.

A client can write every one of these headers itself. So each list is read from its end, where
the nearest proxy has added what it saw, and only as far as the addresses are those of trusted
proxies.
"""

import re
from collections.abc import Sequence
from typing import NamedTuple

from aiohttp import web
from multidict import MultiMapping

from skylogin.config import Network, Settings
from skylogin.http.forwarded_header import MALFORMED, Address, read_address, read_forwarded

SCHEMES = {"http": "http", "https": "https", "ws": "http", "wss": "https"}
UNKNOWN = ""
_HOST = re.compile(r"(?:[\w.~-]+|\[[0-9A-Fa-f:.]+\])(?::\d{1,5})?", re.ASCII)
# A part `..` would lead a browser elsewhere.
_PREFIX = re.compile(r"((?:/(?!\.{1,2}(?:/|\Z))[\w.~%-]+)*)/?", re.ASCII)


class Client(NamedTuple):
    """What is known of a client: its address, and how it addresses this server.

    *address* is empty if it is not known. *prefix* is the part of the path that a proxy took
    away, such as `/login`.
    """

    address: str
    scheme: str
    host: str
    prefix: str = ""

    @property
    def server_url(self) -> str:
        """Return this server's URL as the client has it, without a slash at the end."""
        return f"{self.scheme}://{self.host}{self.prefix}"


CLIENT = web.RequestKey("client", Client)
# Addresses that sent headers of a proxy, but are not trusted.
UNTRUSTED = web.AppKey("untrusted", set[str])
UNTRUSTED_MAX, SHOWN_MAX = 100, 5


class _Trail(NamedTuple):
    """Where a list of addresses leads.

    *hops* is how many of its parts were read, *leaves_proxies* whether the last one is not the
    address of a trusted proxy.
    """

    address: str
    hops: int
    leaves_proxies: bool


def client_of(request: web.Request, settings: Settings) -> Client:
    """Return the client that sent *request*."""
    client = request.get(CLIENT)
    if client is None:
        direct = Client(request.remote or UNKNOWN, request.scheme, request.host)
        client = request[CLIENT] = read(request.headers, direct, settings.trusted_proxies)
        if "X-Forwarded-For" in request.headers or "Forwarded" in request.headers:
            _note(request, settings.trusted_proxies)
    return client


def _note(request: web.Request, trusted: Sequence[Network]) -> None:
    """Remember who sent a header that is ignored: it may be a proxy that is not listed."""
    peer, seen = read_address(request.remote or UNKNOWN), request.app.get(UNTRUSTED)
    if peer is None or seen is None or _is_trusted(peer, trusted):
        return
    if len(seen) < UNTRUSTED_MAX:
        seen.add(str(peer))


def warnings(request: web.Request) -> list[str]:
    """Return what an operator should know about headers that are ignored."""
    seen = sorted(request.app.get(UNTRUSTED, ()))
    return [
        f"{peer} sends X-Forwarded-For or Forwarded, which is ignored: if it is your proxy, "
        "add it to SKYLOGIN_TRUSTED_PROXIES"
        for peer in seen[:SHOWN_MAX]
    ]


def read(headers: MultiMapping[str], direct: Client, trusted: Sequence[Network]) -> Client:
    """Return the client of a request from *direct*: that one, or the one that proxies name."""
    if not trusted and ":" not in direct.address:
        return direct
    peer = read_address(direct.address)
    if peer is None:
        return direct
    if not _is_trusted(peer, trusted):
        return Client(str(peer), direct.scheme, direct.host)
    forwarded = read_forwarded(headers.getall("Forwarded", ()))
    trails = [
        _follow(peer, list_of(headers, "X-Forwarded-For"), trusted),
        _follow(peer, [one["for"] for one in forwarded if "for" in one], trusted),
    ]
    # Each proxy adds one part. Without addresses, only the nearest one is known to have added it.
    hops = max(1, *(trail.hops for trail in trails))

    def reported(name: str, parameter: str) -> list[str]:
        values = list_of(headers, name) or [one.get(parameter, "") for one in forwarded]
        return values[-hops:]

    schemes = [value.lower() for value in reported("X-Forwarded-Proto", "proto")]
    hosts = reported("X-Forwarded-Host", "host")
    prefixes = [_PREFIX.fullmatch(value) for value in reported("X-Forwarded-Prefix", "")]
    return Client(
        _agreed(peer, trails),
        next((SCHEMES[one] for one in schemes if one in SCHEMES), direct.scheme),
        next((one for one in hosts if _HOST.fullmatch(one)), direct.host),
        "".join(match[1] for match in prefixes if match is not None),
    )


def list_of(headers: MultiMapping[str], name: str) -> list[str]:
    """Return the parts of a list in order; lines of one name form one list (RFC 9110, 5.3)."""
    parts = ",".join(headers.getall(name, ())).split(",")
    # Empty parts do not count (RFC 9110, 5.6.1).
    return [part for text in parts if (part := text.strip(" \t"))]


def _follow(peer: Address, parts: list[str], trusted: Sequence[Network]) -> _Trail:
    """Go from *peer* back through the trusted proxies that *parts* name."""
    known = peer
    for hops, part in enumerate(reversed(parts), start=1):
        if part == MALFORMED:
            # In a malformed line, the part that the proxy added cannot be found.
            return _Trail(UNKNOWN, hops, leaves_proxies=True)
        address = read_address(part)
        if address is None:
            return _Trail(str(known), hops, leaves_proxies=True)
        if not _is_trusted(address, trusted):
            return _Trail(str(address), hops, leaves_proxies=True)
        known = address
    return _Trail(str(known), len(parts), leaves_proxies=False)


def _agreed(peer: Address, trails: list[_Trail]) -> str:
    """Return the client's address: that of both headers, if both name a client.

    A proxy that writes one of them passes on the other as the client sent it, and it is not known
    which one it writes. So different addresses count as none: the client may have invented either.
    """
    named = {trail.address for trail in trails if trail.leaves_proxies}
    if named:
        return named.pop() if len(named) == 1 else UNKNOWN
    return next((trail.address for trail in trails if trail.hops), str(peer))


def _is_trusted(address: Address, trusted: Sequence[Network]) -> bool:
    return any(address in network for network in trusted)
