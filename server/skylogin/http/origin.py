"""Which requests may reach the admin API and the portal, by their origin. Pure.

A page of another site must not act in an operator's name, nor read our pages through its own
host name that resolves to this machine (DNS rebinding).
"""

import functools
import ipaddress
from urllib.parse import urlsplit

from multidict import MultiMapping

from skylogin.domain.hosts import is_loopback

SAME_SITE = frozenset(("same-origin", "none"))
SAFE_METHODS = frozenset(("GET", "HEAD", "OPTIONS"))
# A name has at most 253, a port with its colon 6.
HOST_CHARACTERS_MAX = 300
DOMAIN_HINT = "set SKYLOGIN_DOMAIN if it should"
PROXY_HINT = (
    "a proxy in front has to pass on the Host header, or to send X-Forwarded-Host and be in "
    "SKYLOGIN_TRUSTED_PROXIES"
)


def refusal(
    method: str,
    hosts: tuple[str, str],
    headers: MultiMapping[str],
    *,
    names: frozenset[str] | None,
) -> str:
    """Return why a request is refused, empty if it is not.

    *hosts* are the Host header, and the host that the browser used if trusted proxies
    report it. *names* are the server's own host names; None allows any host.
    """
    foreign = foreign_host(hosts, names)
    if foreign is not None:
        return f"the host {foreign!r} does not belong to this server; {DOMAIN_HINT}"
    origin = whole(headers, "Origin")
    if "Origin" in headers and not _is_same(origin, hosts[1]):
        shown = origin[:HOST_CHARACTERS_MAX]
        return f"the origin {shown!r} is not that of the host {hosts[1]!r}; {PROXY_HINT}"
    site = whole(headers, "Sec-Fetch-Site") or "none"
    if site not in SAME_SITE and not _is_link(method, headers):
        return f"the request comes from a page of another site ({site})"
    return ""


def foreign_host(hosts: tuple[str, str], names: frozenset[str] | None) -> str | None:
    """Return the first host that does not belong to this server, None if both do."""
    # A page of another site can send X-Forwarded-Host to its own host name, but not another Host.
    foreign = (host for host in hosts if names is not None and not _is_own(host, names))
    return next((host[:HOST_CHARACTERS_MAX] for host in foreign), None)


def whole(headers: MultiMapping[str], name: str) -> str:
    """Return the value of all lines of a header, so that a second one is not missed."""
    return ", ".join(headers.getall(name, ()))


def is_on_loopback(origin: str) -> bool:
    """Return whether *origin* is that of a page on this machine, or empty: not of a page."""
    if not origin:
        return True
    return is_loopback(_host_of(origin))


def _host_of(url: str) -> str:
    """Return the host of an origin or a Host header, empty if it has none.

    After a user name or a backslash, a browser may see another host than `urlsplit` does.
    """
    try:
        return "" if "@" in url or "\\" in url else urlsplit(url).hostname or ""
    except ValueError:
        return ""


def _is_own(host: str, names: frozenset[str]) -> bool:
    # A longer text is not a host, and must not fill the cache.
    return len(host) <= HOST_CHARACTERS_MAX and _is_own_host(host, names)


# Tests and the portal's pages always send the same host.
@functools.lru_cache(maxsize=64)
def _is_own_host(host: str, names: frozenset[str]) -> bool:
    name = _host_of(f"//{host}").removesuffix(".")
    if name in names or any(name.endswith(f".{own}") for own in names):
        return True
    try:
        ipaddress.ip_address(name)
    except ValueError:
        return False
    # DNS rebinding needs a name.
    return True


def _is_same(origin: str, host: str) -> bool:
    try:
        theirs, ours = urlsplit(origin), urlsplit(f"//{host}")
        if theirs.scheme not in ("http", "https") or theirs.hostname is None:
            return False
        # A proxy may terminate TLS, so our own scheme is unknown.
        standard = 443 if theirs.scheme == "https" else 80
        same_port = (theirs.port or standard) == (ours.port or standard)
        return theirs.hostname == ours.hostname and same_port
    except ValueError:
        return False


def _is_link(method: str, headers: MultiMapping[str]) -> bool:
    """Return whether a browser follows a link to one of our pages, which is harmless."""
    return (
        method in SAFE_METHODS
        and whole(headers, "Sec-Fetch-Mode") == "navigate"
        and whole(headers, "Sec-Fetch-Dest") == "document"
    )
