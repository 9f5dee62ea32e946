"""The admin API's operations on users."""

from skylogin.admin.request import AdminRequest, Json, read_time, time_text
from skylogin.domain import record_json
from skylogin.domain.stored_names import USER_TYPE
from skylogin.domain.user import User
from skylogin.operations import users
from skylogin.store.user_search import Search


async def list_users(request: AdminRequest) -> Json:
    """Search users."""
    given = request.parameters
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
    page = await users.find(request.operator, request.app, search)
    return {
        "users": [_user_body(request, user, page.subjects.get(user.id)) for user in page.users],
        "next_cursor": page.next_cursor or None,
    }


async def get_user(request: AdminRequest) -> Json:
    details = await users.get(request.operator, request.app, _user_id(request))
    principals = [
        {
            "kind": one.kind,
            "provider": one.provider,
            "id": one.id,
            "created_at": time_text(one.created_at),
        }
        for one in details.principals
    ]
    devices = [
        {
            "id": one.id,
            "type": one.type,
            "token": one.token or None,
            "topic": one.topic or None,
            "last_registered_at": time_text(one.last_registered_at),
        }
        for one in details.devices
    ]
    body = _user_body(request, details.user, details.subject)
    return {**body, "principals": principals, "devices": devices, "origin": details.origin}


async def edit_user(request: AdminRequest) -> Json:
    changes = request.body["profile"]
    edited = await users.edit_profile(request.operator, request.app, _user_id(request), changes)
    return _user_body(request, edited.user, edited.subject)


async def disable_user(request: AdminRequest) -> None:
    message, until = request.body.get("message", ""), read_time(request.body.get("until"))
    await users.disable(request.operator, request.app, _user_id(request), message, until)


async def enable_user(request: AdminRequest) -> None:
    await users.enable(request.operator, request.app, _user_id(request))


async def set_user_roles(request: AdminRequest) -> None:
    """Set a user's roles; other roles are removed."""
    await users.set_roles(request.operator, request.app, _user_id(request), request.body["roles"])


async def sign_out_user(request: AdminRequest) -> None:
    """Sign a user out everywhere."""
    await users.sign_out(request.operator, request.app, _user_id(request))


async def delete_user(request: AdminRequest) -> None:
    await users.delete(request.operator, request.app, _user_id(request))


def _user_id(request: AdminRequest) -> str:
    return str(request.parameters["user_id"])


def _user_body(request: AdminRequest, user: User, subject: str | None) -> Json:
    record = user.record
    fields = request.operator.store.fields_of(request.app, USER_TYPE)
    return {
        "id": user.id,
        "subject": subject,
        "profile": record_json.record_body(record, fields) if record else None,
        "roles": list(user.roles),
        "disabled": user.disabled_at(request.operator.now()),
        "disabled_message": user.disabled_message,
        "disabled_until": time_text(user.disabled_expiry),
        "has_password": bool(user.password_hash),
        "created_at": time_text(record.created_at) if record else None,
        "last_seen_at": time_text(user.last_seen_at),
        "signed_out_at": time_text(user.token_valid_since),
    }
