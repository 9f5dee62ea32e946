"""The log of requests, if a setting turns it on: a line for each, as text or JSON.

Under `skylogin serve` it has no text that a client made up, because that may contain a secret.
"""

import logging
from collections.abc import Mapping
from typing import Any

from aiohttp import web

from skylogin import logs
from skylogin.config import DEV
from skylogin.domain import redaction
from skylogin.errors import SkygearError
from skylogin.http.forwarding import CLIENT

logger = logging.getLogger(logs.CALLS)

HIDDEN = redaction.HIDDEN
METHODS = frozenset(("GET", "POST", "PUT", "PATCH", "DELETE", "HEAD", "OPTIONS"))

# What is known of a request once it is answered: its id, the action or operation, the app, why it
# failed.
ID = web.RequestKey("id", str)
ACTION = web.RequestKey("action", str)
APP = web.RequestKey("app", str)
REFUSAL = web.ResponseKey("refusal", SkygearError)


def is_on() -> bool:
    """Return whether requests are logged."""
    return logger.isEnabledFor(logging.INFO)


def note(
    request: web.Request,
    response: web.StreamResponse,
    seconds: float,
    mode: str,
    names: Mapping[str, str],
) -> None:
    """Log a request that was answered after *seconds*.

    *names* are its action and path, under `skylogin serve` without text that a client made up.
    """
    client = request.get(CLIENT)
    facts: dict[str, Any] = {
        "request_id": request.get(ID, ""),
        "method": request.method if request.method in METHODS else HIDDEN,
        "action": logs.shown(names["action"]),
        "app": request.get(APP, ""),
        "address": "" if client is None else client.address,
        "path": logs.shown(names["path"]),
        "status": response.status,
        **_why(response.get(REFUSAL), mode),
        "ms": round(seconds * 1000, 1),
    }
    text = "{method} {path} {status} in {ms} ms".format(**facts)
    why = ": ".join(filter(None, (facts["reason"], facts["explanation"])))
    logger.info("%s", f"{text}: {why}" if why else text, extra=facts)


def _why(refusal: SkygearError | None, mode: str) -> dict[str, str]:
    if refusal is None:
        return {"reason": "", "explanation": ""}
    if mode != DEV:
        # Messages and explanations repeat what the client sent.
        return {"reason": str(refusal.reason or refusal.kind.name), "explanation": ""}
    reason = str(refusal.reason or refusal.message)
    explanation = redaction.text(refusal.explanation)
    return {"reason": reason, "explanation": "" if explanation == reason else explanation}
