"""The names of apps, and which app a call is for. Pure."""

import re

PREFIX = "/apps/"
# A label of a host name, so that every app can have a host name.
_NAME = re.compile(r"[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?", re.ASCII)


def is_name(text: str) -> bool:
    """Return whether *text* can be the name of an app, other than the default app."""
    return _NAME.fullmatch(text) is not None


def split(path: str, host: str, domain: str) -> tuple[str, str]:
    """Return the name of the app that a call is for, and its path within the app.

    `/apps/NAME/...` wins over the host `NAME.`*domain*. The name is not checked; it is
    empty for the default app.
    """
    if path.startswith(PREFIX):
        name, _, rest = path.removeprefix(PREFIX).partition("/")
        return name, f"/{rest}"
    if domain:
        host = _name_of(host)
        name = host.removesuffix(f".{domain}")
        if name != host and is_name(name):
            return name, path
    return "", path


def _name_of(host: str) -> str:
    """Return a host name in lower case, without a port and without a final dot."""
    name, colon, port = host.rpartition(":")
    return (name if colon and (port.isdigit() or not port) else host).lower().removesuffix(".")
