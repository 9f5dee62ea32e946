"""The admin API on users and on attempts to log in."""

import json
from collections.abc import AsyncGenerator
from dataclasses import asdict
from datetime import datetime, timedelta

from skylogin.admin.request import AdminCall, Handler
from skylogin.domain import record_json
from skylogin.domain.login_attempt import Filter, LogEntry
from skylogin.domain.stored_names import USER_TYPE
from skylogin.domain.user import User
from skylogin.encoding import rfc3339
from skylogin.http import event_stream
from skylogin.operations import login_attempts, overview, tokens, users
from skylogin.operations.operator import RefusedError
from skylogin.operations.overview import Series
from skylogin.operations.users import UserDetails
from skylogin.store.user_search import Search

Json = dict[str, object]


def moment(value: datetime | None) -> str | None:
    """Return a time as the API shows it."""
    return rfc3339.on_wire(value) if value else None


def read_moment(text: str | None) -> datetime | None:
    """Return the time that a text means. Raises RefusedError on one that cannot be."""
    if text is None:
        return None
    try:
        return rfc3339.read_moment(text)
    except ValueError as error:
        raise RefusedError(f"{text!r} is no time that can be used: {error}") from None


# --- users ----------------------------------------------------------------------


async def list_users(call: AdminCall) -> object:
    """Search users."""
    given = call.parameters
    search = Search(
        text=given["search"] or "",
        subject=given["subject"] or "",
        field=given["field"] or "",
        value=given["value"] or "",
        disabled=given["disabled"],
        sort=given["sort"],
        cursor=given["cursor"] or "",
        limit=given["limit"],
    )
    page = await users.find(call.operator, call.app, search)
    return {
        "users": [_user(call, one, page.subjects.get(one.id)) for one in page.users],
        "next_cursor": page.next_cursor or None,
    }


async def get_user(call: AdminCall) -> object:
    """Show a user."""
    details: UserDetails = await users.get(call.operator, call.app, _user_id(call))
    principals = [
        {
            "kind": one.kind,
            "provider": one.provider,
            "id": one.id,
            "created_at": moment(one.created_at),
        }
        for one in details.principals
    ]
    return {**_user(call, details.user, details.subject), "principals": principals}


async def edit_user(call: AdminCall) -> object:
    """Edit a profile."""
    changes = call.body["profile"]
    edited = await users.edit_profile(call.operator, call.app, _user_id(call), changes)
    return _user(call, edited.user, edited.subject)


async def disable_user(call: AdminCall) -> object:
    """Disable a user."""
    message, until = call.body.get("message", ""), read_moment(call.body.get("until"))
    await users.disable(call.operator, call.app, _user_id(call), message, until)
    return None


async def enable_user(call: AdminCall) -> object:
    """Enable a user."""
    await users.enable(call.operator, call.app, _user_id(call))
    return None


async def set_user_roles(call: AdminCall) -> object:
    """Give a user these roles and no others."""
    await users.set_roles(call.operator, call.app, _user_id(call), call.body["roles"])
    return None


async def sign_out_user(call: AdminCall) -> object:
    """Sign a user out everywhere."""
    await users.sign_out(call.operator, call.app, _user_id(call))
    return None


async def delete_user(call: AdminCall) -> object:
    """Delete a user."""
    await users.delete(call.operator, call.app, _user_id(call))
    return None


def _user_id(call: AdminCall) -> str:
    return str(call.parameters["user_id"])


def _user(call: AdminCall, user: User, subject: str | None) -> Json:
    record = user.record
    known = call.operator.store.fields_of(call.app, USER_TYPE)
    return {
        "id": user.id,
        "subject": subject,
        "profile": record_json.record_body(record, known) if record else None,
        "roles": list(user.roles),
        "disabled": user.disabled_at(call.operator.now()),
        "disabled_message": user.disabled_message,
        "disabled_until": moment(user.disabled_expiry),
        "has_password": bool(user.password_hash),
        "created_at": moment(record.created_at) if record else None,
        "last_seen_at": moment(user.last_seen_at),
        "signed_out_at": moment(user.token_valid_since),
    }


# --- attempts to log in ------------------------------------------------------------


async def list_attempts(call: AdminCall) -> object:
    """List attempts."""
    given = call.parameters
    page = await login_attempts.find(
        call.operator, call.app, _filter(call), given["cursor"] or "", given["limit"]
    )
    return {
        "attempts": [attempt_body(one) for one in page.attempts],
        "next_cursor": page.next_cursor or None,
    }


async def get_attempt(call: AdminCall) -> object:
    """Show one attempt."""
    return attempt_body(
        await login_attempts.get(call.operator, call.app, call.parameters["attempt_id"])
    )


async def wait_for_attempt(call: AdminCall) -> object:
    """Wait for the next attempt that matches."""
    given = call.parameters
    found = await login_attempts.wait(
        call.operator, call.app, _filter(call), given["timeout"], given["after"] or ""
    )
    return {"attempt": attempt_body(found) if found else None}


async def follow_attempts(call: AdminCall) -> object:
    """Send attempts as they come, as events, until the client leaves."""
    return await event_stream.send(call.http, following(call), _as_json)


def following(call: AdminCall) -> AsyncGenerator[LogEntry]:
    """Give the attempts that a call is about, as they come."""
    return login_attempts.follow(call.operator, call.app, _filter(call))


def _as_json(attempt: LogEntry) -> str:
    return json.dumps(attempt_body(attempt), separators=(",", ":"))


def _filter(call: AdminCall) -> Filter:
    given = call.parameters
    return Filter(
        accepted=given["accepted"],
        reason=given["reason"] or "",
        subject=given["subject"] or "",
        user_id=given["user_id"] or "",
        secret_id=given["secret_id"] or "",
        since=read_moment(given.get("since")),
        until=read_moment(given.get("until")),
    )


def attempt_body(entry: LogEntry) -> Json:
    """Return an attempt as the API shows it."""
    return {
        "id": entry.id,
        "at": moment(entry.at),
        "accepted": entry.accepted,
        "reason": entry.reason,
        "subject": entry.subject,
        "user_id": entry.user_id,
        **entry.details,
    }


async def get_overview(call: AdminCall) -> object:
    """Show what goes on in an app."""
    seen = await overview.overview(call.operator, call.app)
    return {**asdict(seen), "hour": _series(seen.hour), "day": _series(seen.day)}


def _series(series: Series) -> Json:
    points = [{**asdict(point), "at": moment(point.at)} for point in series.points]
    return {"minutes_per_point": series.minutes_per_point, "points": points}


# --- tokens ------------------------------------------------------------------------


async def mint_token(call: AdminCall) -> object:
    """Make a custom token."""
    body = call.body
    claims = {"sub": body["sub"], **body.get("claims", {})}
    if "skyprofile" in body:
        claims["skyprofile"] = body["skyprofile"]
    lifetime = timedelta(seconds=body.get("expires_in", 3600))
    algorithm, bad = body.get("algorithm", "HS256"), body.get("bad", "")
    return {"token": await tokens.mint(call.operator, call.app, claims, lifetime, algorithm, bad)}


async def explain_token(call: AdminCall) -> object:
    """Say what becomes of a custom token."""
    verdict = await tokens.explain(call.operator, call.app, call.body["token"])
    return verdict.as_dict()


HANDLERS: dict[str, Handler] = {
    "listUsers": list_users,
    "getUser": get_user,
    "editUser": edit_user,
    "disableUser": disable_user,
    "enableUser": enable_user,
    "setUserRoles": set_user_roles,
    "signOutUser": sign_out_user,
    "deleteUser": delete_user,
    "listAttempts": list_attempts,
    "getAttempt": get_attempt,
    "waitForAttempt": wait_for_attempt,
    "followAttempts": follow_attempts,
    "getOverview": get_overview,
    "mintToken": mint_token,
    "explainToken": explain_token,
}
