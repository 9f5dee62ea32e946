"""The admin API's operations on the login log."""

import json
from collections.abc import AsyncGenerator

from skylogin.admin.request import AdminRequest, Json, read_time, time_text
from skylogin.domain.login_attempt import Filter, LogEntry
from skylogin.http import event_stream
from skylogin.operations import login_attempts


async def list_attempts(request: AdminRequest) -> Json:
    cursor, limit = request.parameters["cursor"] or "", request.parameters["limit"]
    page = await login_attempts.find(request.operator, request.app, _filter(request), cursor, limit)
    return {
        "attempts": [attempt_body(entry) for entry in page.attempts],
        "next_cursor": page.next_cursor or None,
    }


async def get_attempt(request: AdminRequest) -> Json:
    attempt_id = request.parameters["attempt_id"]
    return attempt_body(await login_attempts.get(request.operator, request.app, attempt_id))


async def wait_for_attempt(request: AdminRequest) -> Json:
    """Wait for the next login attempt that matches."""
    timeout, after = request.parameters["timeout"], request.parameters["after"] or ""
    found = await login_attempts.wait(
        request.operator, request.app, _filter(request), timeout, after
    )
    return {"attempt": attempt_body(found) if found else None}


async def follow_attempts(request: AdminRequest) -> object:
    """Send new login attempts as events until the client disconnects."""
    with login_attempts.stream(request.operator):
        return await event_stream.send(request.http, following(request), _as_json)


def following(request: AdminRequest) -> AsyncGenerator[LogEntry]:
    """Return the new login attempts that match, as they are made."""
    return login_attempts.follow(request.operator, request.app, _filter(request))


def _as_json(entry: LogEntry) -> str:
    return json.dumps(attempt_body(entry), separators=(",", ":"))


def _filter(request: AdminRequest) -> Filter:
    given = request.parameters
    return Filter(
        accepted=given["accepted"],
        reason=given["reason"] or "",
        subject=given["subject"] or "",
        user_id=given["user_id"] or "",
        secret_id=given["secret_id"] or "",
        since=read_time(given.get("since")),
        until=read_time(given.get("until")),
    )


def attempt_body(entry: LogEntry) -> Json:
    """Return a login attempt as the API shows it."""
    return {
        "id": entry.id,
        "at": time_text(entry.at),
        "accepted": entry.accepted,
        "reason": entry.reason,
        "subject": entry.subject,
        "user_id": entry.user_id,
        **entry.details,
    }
