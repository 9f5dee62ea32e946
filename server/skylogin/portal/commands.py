"""Shell commands that a page offers to copy. They can be pasted in any directory."""

import json
import shlex

from skylogin.config import DEV, MASK
from skylogin.domain.login_attempt import LogEntry
from skylogin.portal.request import PageRequest
from skylogin.tokens import jws

ADDED_BY_MINT, DEFAULT_ALGORITHM = ("iat", "exp"), "HS256"


def log_in(request: PageRequest) -> str:
    """Return the command that logs in with the token in `$TOKEN`."""
    url = shlex.quote(f"{request.endpoint}sso/custom_token/login")
    before, after = json.dumps({"api_key": request.opened_app.api_key, "token": "|"}).split("|")
    return (
        f"curl -s {url} -H 'Content-Type: application/json' \\\n"
        f"""  -d {shlex.quote(before)}"$TOKEN"{shlex.quote(after)}"""
    )


def repeat(request: PageRequest, attempt: LogEntry, *, is_shown: bool) -> str:
    """Return the commands that repeat a login attempt with an equal token.

    The server's key in them is masked unless it *is_shown*.
    """
    details = attempt.details
    # `token mint` adds these unless they are null.
    missing = {name: None for name in ADDED_BY_MINT if name not in details["claim_names"]}
    claims = {**missing, **details["claims"]}
    options = _target(request, is_shown=is_shown)
    options += [
        f"--claim {shlex.quote(f'{name}={json.dumps(value)}')}"
        for name, value in sorted(claims.items())
        if name != "sub"
    ]
    if details["algorithm"] in jws.ALGORITHMS and details["algorithm"] != DEFAULT_ALGORITHM:
        options.append(f"--algorithm {details['algorithm']}")
    # A subject with a leading hyphen would be parsed as an option.
    end = ["--"] if attempt.subject.startswith("-") else []
    arguments = " ".join([*options, *end, shlex.quote(attempt.subject)])
    return f"TOKEN=$(skylogin token mint {arguments})\n{log_in(request)}"


def key_is_secret(request: PageRequest) -> bool:
    """Return whether the key in a command is one that only the operator knows."""
    settings = request.operator.settings
    return settings.mode == DEV and bool(
        settings.admin_token or not settings.has_default_master_key
    )


def _target(request: PageRequest, *, is_shown: bool) -> list[str]:
    """Return the options with which a command finds the app and its secret."""
    settings = request.operator.settings
    if settings.mode == DEV:
        key = settings.admin_token or settings.master_key
        text = MASK if key_is_secret(request) and not is_shown else shlex.quote(key)
        return [f"--url {shlex.quote(request.endpoint)} --admin-token={text}"]
    # `skylogin serve` makes no tokens, so this command has to run on its machine.
    return [] if request.is_default else [f"--app {shlex.quote(request.app)}"]
