"""Which requests may reach the admin API and the portal, by their origin. Pure.

A page of another site must not act in an operator's name, nor read our pages through its own
host name that resolves to this machine (DNS rebinding).
"""

import functools
import ipaddress
from collections.abc import Mapping
from urllib.parse import urlsplit

SAME_SITE = frozenset(("same-origin", "none"))
SAFE_METHODS = frozenset(("GET", "HEAD", "OPTIONS"))


def refusal(
    method: str, host: str, headers: Mapping[str, str], *, names: frozenset[str] | None
) -> str:
    """Return why a request is refused, empty if it is not.

    *host* is the Host header. *names* are the server's own host names; None allows any host.
    """
    if names is not None and not _is_own(host, names):
        return f"the host {host!r} does not belong to this server"
    origin = headers.get("Origin")
    if origin is not None and not _is_same(origin, host):
        return f"the origin {origin!r} does not belong to this server"
    site = headers.get("Sec-Fetch-Site", "none")
    if site not in SAME_SITE and not _is_link(method, headers):
        return f"the request comes from a page of another site ({site})"
    return ""


# Tests and the portal's pages always send the same host.
@functools.lru_cache(maxsize=64)
def _is_own(host: str, names: frozenset[str]) -> bool:
    try:
        name = urlsplit(f"//{host}").hostname or ""
    except ValueError:
        return False
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


def _is_link(method: str, headers: Mapping[str, str]) -> bool:
    """Return whether a browser follows a link to one of our pages, which changes nothing."""
    return (
        method in SAFE_METHODS
        and headers.get("Sec-Fetch-Mode") == "navigate"
        and headers.get("Sec-Fetch-Dest") == "document"
    )
