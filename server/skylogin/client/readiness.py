"""Waiting for a server to be ready, from outside."""

import http.client
import json
import time
from collections.abc import Callable
from pathlib import Path
from urllib.parse import urlsplit

PAUSE_SECONDS = 0.05
ANSWER_SECONDS_MAX = 5.0


def wait_until_ready(find_url: Callable[[], str], seconds: float) -> str:
    """Wait until the server is ready; return nothing, or what it lacked at last.

    *find_url* is asked each time, because a server that starts anew may have another port.
    """
    deadline = time.monotonic() + seconds
    while True:
        left = deadline - time.monotonic()
        problem = _problem(find_url(), max(PAUSE_SECONDS, min(left, ANSWER_SECONDS_MAX)))
        if not problem or not left > 0:
            return problem
        time.sleep(PAUSE_SECONDS)


def url_in(ready_file: Path) -> str:
    """Return the URL that the ready line in a file says, empty while there is none."""
    try:
        return str(json.loads(ready_file.read_text(encoding="utf-8"))["url"])
    except (OSError, ValueError, KeyError, TypeError):
        return ""


def _problem(url: str, seconds: float) -> str:
    if not url:
        return "there is no ready line"
    try:
        connection = _connection(url, seconds)
    except (ValueError, http.client.InvalidURL):
        return "not a URL"
    try:
        connection.request("GET", "/readyz")
        answer = connection.getresponse()
        text = answer.read(200).decode("utf-8", "replace").strip()
    except (OSError, http.client.HTTPException) as error:
        return str(error) or type(error).__name__
    finally:
        connection.close()
    return "" if answer.status == 200 else text  # noqa: PLR2004


def _connection(url: str, seconds: float) -> http.client.HTTPConnection:
    """Return what reaches a URL. Raises ValueError or InvalidURL where nothing can."""
    parts = urlsplit(url)
    if parts.scheme not in ("http", "https") or not parts.hostname:
        raise ValueError(url)
    # So would the connection, when it looks up the address.
    parts.hostname.encode("idna")
    secure = parts.scheme == "https"
    kind = http.client.HTTPSConnection if secure else http.client.HTTPConnection
    return kind(parts.hostname, parts.port, timeout=seconds)
