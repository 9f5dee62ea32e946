"""Waits for a server to be ready."""

import json
import time
from collections.abc import Callable
from http import HTTPStatus
from pathlib import Path

from skylogin.client.connections import Connections, read_path, read_url, trusting
from skylogin.clock import monotonic

PAUSE_SECONDS = 0.05
ANSWER_SECONDS_MAX = 5.0
PROBLEM_BYTES_MAX = 200


def wait_until_ready(find_url: Callable[[], str], seconds: float, certificate: str = "") -> str:
    """Wait until the server is ready; return an empty text, or the last problem.

    *find_url* is called each time, because a restarted server may have another port. If a
    *certificate* file is given, a server with it is trusted, whatever its name or issuer.
    """
    deadline = monotonic() + seconds
    while True:
        left = deadline - monotonic()
        seconds_max = max(PAUSE_SECONDS, min(left, ANSWER_SECONDS_MAX))
        problem = find_problem(find_url(), seconds_max, certificate)
        if not problem or not left > 0:
            return problem
        time.sleep(PAUSE_SECONDS)


def url_in(ready_file: Path) -> str:
    """Return the URL in the ready line of a file, empty until it has one."""
    try:
        return str(json.loads(ready_file.read_text(encoding="utf-8"))["url"])
    except (OSError, ValueError, KeyError, TypeError):
        return ""


def find_problem(url: str, seconds: float, certificate: str = "") -> str:
    """Return why the server at *url* is not ready, empty if it is, after at most *seconds*."""
    if not url:
        return "no ready line"
    try:
        parts = read_url(url)
        prefix, _ = read_path(parts.path) or ("", "")
        trust = trusting(certificate) if certificate and parts.scheme == "https" else None
        server = Connections(f"{parts.scheme}://{parts.netloc}", trust)
    except ValueError:
        return "not a URL"
    except OSError as error:
        return f"{certificate}: {error.strerror or error}"
    try:
        with server.stream("GET", f"{prefix}/readyz", {}, seconds=seconds) as answer:
            text = answer.read(PROBLEM_BYTES_MAX).decode("utf-8", "replace").strip()
    except ConnectionError as error:
        return str(error)
    return "" if answer.status == HTTPStatus.OK else text
