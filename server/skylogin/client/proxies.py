"""Environment variables that keep programs from asking a proxy for a server."""

from collections.abc import Mapping
from urllib.parse import urlsplit

PROXIES = frozenset(("http_proxy", "https_proxy", "all_proxy"))
# Some programs read one of them, and some the other.
EXCEPTIONS = ("NO_PROXY", "no_proxy")
EVERYTHING = "*"


def exceptions_for(url: str, environment: Mapping[str, str]) -> dict[str, str]:
    """Return the variables with which programs reach *url* without the proxy of *environment*.

    Existing exceptions are kept. Returns an empty dict if no proxy is set.
    """
    if not any(value for name, value in environment.items() if name.lower() in PROXIES):
        return {}
    upper, lower = (environment.get(name, "") for name in EXCEPTIONS)
    texts = (upper or lower, lower or upper)
    return {
        name: _with_host(text, urlsplit(url).hostname or "")
        for name, text in zip(EXCEPTIONS, texts, strict=True)
    }


def _with_host(text: str, host: str) -> str:
    entries = [entry.strip() for entry in text.split(",") if entry.strip()]
    if EVERYTHING in entries:
        return text
    # Programs disagree on the brackets around an IPv6 address.
    wanted = (host, f"[{host}]") if ":" in host else (host,)
    return ",".join([*entries, *(one for one in wanted if one not in entries)])
