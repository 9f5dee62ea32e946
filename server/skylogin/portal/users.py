"""The pages on users."""

import json
from datetime import UTC, datetime
from http import HTTPStatus
from urllib.parse import quote

from aiohttp import web

from skylogin.domain import record_json
from skylogin.domain.login_attempt import Filter
from skylogin.domain.stored_names import USER_TYPE
from skylogin.domain.user import User
from skylogin.operations import login_attempts, users
from skylogin.operations.operator import RefusedError
from skylogin.portal.endpoint import PageRequest, Route, next_page, read_object, route
from skylogin.store.user_search import SORTS, Search

PER_PAGE = 50
SIGN_INS_SHOWN = 20
SORT_NAMES = {
    "-created_at": "newest first",
    "created_at": "oldest first",
    "-last_seen_at": "seen last first",
    "last_seen_at": "seen longest ago first",
    "id": "by id",
    "-id": "by id, backwards",
}
assert SORT_NAMES.keys() == set(SORTS)


async def show_users(visit: PageRequest) -> web.StreamResponse:
    """Show the users that are searched for."""
    sort = visit.text("sort")
    search = Search(
        text=visit.text("search"),
        field=visit.text("field"),
        value=visit.text("value"),
        disabled={"yes": True, "no": False}.get(visit.text("disabled")),
        sort=sort if sort in SORTS else "-created_at",
        cursor=visit.text("cursor"),
        limit=PER_PAGE,
    )
    page = await users.find(visit.operator, visit.app, search)
    kept = {name: visit.text(name) for name in ("search", "field", "value", "disabled", "sort")}
    return visit.page(
        "users.html",
        users=page.users,
        search=search,
        sorts=SORT_NAMES,
        disabled=visit.text("disabled"),
        is_search=bool(search.text or search.field or search.disabled is not None),
        next_page=next_page(kept, page.next_cursor),
    )


async def show_user(visit: PageRequest) -> web.StreamResponse:
    """Show a user."""
    return await _user_page(visit)


async def _user_page(
    visit: PageRequest, *, fault: str = "", text: str | None = None
) -> web.Response:
    user_id = visit.values["user_id"]
    details = await users.get(visit.operator, visit.app, user_id)
    wanted = Filter(user_id=user_id)
    sign_ins = await login_attempts.find(visit.operator, visit.app, wanted, "", SIGN_INS_SHOWN)
    profile = _profile(visit, details.user)
    return visit.page(
        "user.html",
        status=HTTPStatus.UNPROCESSABLE_ENTITY if fault else HTTPStatus.OK,
        user=details.user,
        principals=details.principals,
        profile=profile,
        profile_text=json.dumps(profile, ensure_ascii=False, indent=2) if text is None else text,
        sign_ins=sign_ins.attempts,
        is_disabled=details.user.disabled_at(visit.operator.now()),
        fault=fault,
    )


def _profile(visit: PageRequest, user: User) -> dict[str, object]:
    """Return the fields of a profile in wire form, without what every record has."""
    if user.record is None:
        return {}
    known = visit.operator.store.fields_of(visit.app, USER_TYPE)
    body = record_json.record_body(user.record, known)
    return {name: value for name, value in sorted(body.items()) if not name.startswith("_")}


async def edit_profile(visit: PageRequest) -> web.StreamResponse:
    """Save a profile that was edited as JSON: a field that is missing goes."""
    text = visit.text("profile")
    try:
        wanted = read_object(text, "The profile")
        user = (await users.get(visit.operator, visit.app, visit.values["user_id"])).user
        before = _profile(visit, user)
        changes = {name: None for name in before if name not in wanted}
        changes |= {name: value for name, value in wanted.items() if before.get(name) != value}
        if changes:
            await users.edit_profile(visit.operator, visit.app, user.id, changes)
    except RefusedError as error:
        return await _user_page(visit, fault=str(error), text=text)
    return _back(visit, "saved")


async def disable_user(visit: PageRequest) -> web.StreamResponse:
    """Disable a user."""
    until = visit.text("until")
    try:
        # A browser sends `2026-01-02T03:04`, and the form says that it is UTC.
        end = datetime.fromisoformat(until).replace(tzinfo=UTC) if until else None
    except ValueError:
        return await _user_page(visit, fault=f"{until!r} is no time.")
    user_id, message = visit.values["user_id"], visit.text("message")
    await users.disable(visit.operator, visit.app, user_id, message, end)
    return _back(visit, "disabled")


async def enable_user(visit: PageRequest) -> web.StreamResponse:
    """Enable a user."""
    await users.enable(visit.operator, visit.app, visit.values["user_id"])
    return _back(visit, "enabled")


async def set_roles(visit: PageRequest) -> web.StreamResponse:
    """Give a user these roles and no others."""
    names = {name.strip() for name in visit.text("roles").split(",")} - {""}
    try:
        await users.set_roles(visit.operator, visit.app, visit.values["user_id"], names)
    except RefusedError as error:
        return await _user_page(visit, fault=str(error))
    return _back(visit, "roles")


async def sign_out_user(visit: PageRequest) -> web.StreamResponse:
    """Sign a user out everywhere."""
    await users.sign_out(visit.operator, visit.app, visit.values["user_id"])
    return _back(visit, "signed-out")


async def ask_to_delete(visit: PageRequest) -> web.StreamResponse:
    """Ask before a user is deleted."""
    details = await users.get(visit.operator, visit.app, visit.values["user_id"])
    profile = _profile(visit, details.user)
    return visit.page("delete_user.html", user=details.user, profile=profile)


async def delete_user(visit: PageRequest) -> web.StreamResponse:
    """Delete a user."""
    await users.delete(visit.operator, visit.app, visit.values["user_id"])
    return visit.go("users", "deleted")


def _back(visit: PageRequest, notice: str) -> web.Response:
    return visit.go(f"users/{quote(visit.values['user_id'], safe='')}", notice)


ROUTES: list[Route] = [
    route("GET", "users", show_users),
    route("GET", "users/{user_id}", show_user),
    route("POST", "users/{user_id}/edit", edit_profile),
    route("POST", "users/{user_id}/disable", disable_user),
    route("POST", "users/{user_id}/enable", enable_user),
    route("POST", "users/{user_id}/roles", set_roles),
    route("POST", "users/{user_id}/sign-out", sign_out_user),
    route("GET", "users/{user_id}/delete", ask_to_delete),
    route("POST", "users/{user_id}/delete", delete_user),
]
