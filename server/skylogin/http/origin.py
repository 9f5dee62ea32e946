"""Which requests may reach what belongs to operators, by where they come from. Pure.

A page of somebody else's must neither act here in an operator's name nor, by a name of
its own that leads to this machine, read what is here (DNS rebinding).
"""

import functools
import ipaddress
from collections.abc import Mapping
from urllib.parse import urlsplit

SAME = frozenset(("same-origin", "none"))
SAFE_METHODS = frozenset(("GET", "HEAD", "OPTIONS"))


def refusal(
    method: str, host: str, headers: Mapping[str, str], *, names: frozenset[str] | None
) -> str:
    """Return why a request is refused, nothing where it is not.

    *host* is what the Host header says; *names* are the host names that are ours, or
    None where any may be, because a proxy in front of us has them.
    """
    if names is not None and not _is_ours(host, names):
        return f"the host {host!r} is not this server's"
    origin = headers.get("Origin")
    if origin is not None and not _is_same(origin, host):
        return f"the origin {origin!r} is not this server's"
    site = headers.get("Sec-Fetch-Site", "none")
    if site not in SAME and not _is_link(method, headers):
        return f"a page of another site ({site}) asks"
    return ""


# Tests and pages of the portal always come with the same one.
@functools.lru_cache(maxsize=64)
def _is_ours(host: str, names: frozenset[str]) -> bool:
    try:
        name = urlsplit(f"//{host}").hostname or ""
    except ValueError:
        return False
    if name in names or any(name.endswith(f".{known}") for known in names):
        return True
    try:
        ipaddress.ip_address(name)
    except ValueError:
        return False
    # Rebinding needs a name.
    return True


def _is_same(origin: str, host: str) -> bool:
    try:
        parts = urlsplit(origin)
        asked = urlsplit(f"//{host}")
        if parts.scheme not in ("http", "https") or parts.hostname is None:
            return False
        standard = 443 if parts.scheme == "https" else 80
        # A proxy may have taken the TLS off, so the scheme of ours is not known.
        there, here = parts.port or standard, asked.port or standard
        return parts.hostname == asked.hostname and there == here
    except ValueError:
        return False


def _is_link(method: str, headers: Mapping[str, str]) -> bool:
    """Return whether somebody follows a link to a page here, which changes nothing."""
    return (
        method in SAFE_METHODS
        and headers.get("Sec-Fetch-Mode") == "navigate"
        and headers.get("Sec-Fetch-Dest") == "document"
    )
