"""The pages on users."""

import json
from urllib.parse import quote, urlencode

from aiohttp import web

from skylogin.domain import record_json
from skylogin.domain.login_attempt import Filter
from skylogin.domain.stored_names import USER_TYPE
from skylogin.domain.user import User
from skylogin.encoding.json_equality import is_equal
from skylogin.operations import login_attempts, users
from skylogin.operations.operator import RefusedError
from skylogin.portal import profile_tree
from skylogin.portal.request import PageRequest, next_page, read_object, read_time, status_with
from skylogin.store.user_search import SORTS, Search

USERS_PER_PAGE = 50
ATTEMPTS_SHOWN = 20
FILTERS = ("search", "field", "value", "disabled", "sort")
SORT_NAMES = {
    "-created_at": "newest first",
    "created_at": "oldest first",
    "-last_seen_at": "most recently seen first",
    "last_seen_at": "least recently seen first",
    "id": "by id",
    "-id": "by id, descending",
}
assert SORT_NAMES.keys() == set(SORTS)


async def show_users(request: PageRequest) -> web.Response:
    """Show the users that match a search."""
    sort = request.text("sort")
    search = Search(
        text=request.text("search"),
        field=request.text("field"),
        value=request.text("value"),
        disabled={"yes": True, "no": False}.get(request.text("disabled")),
        sort=sort if sort in SORTS else "-created_at",
        cursor=request.text("cursor"),
        limit=USERS_PER_PAGE,
    )
    page = await users.find(request.operator, request.app, search)
    filters = {name: request.text(name) for name in FILTERS}
    return request.render(
        "users.html",
        rows=[
            (user, page.subjects.get(user.id), profile_tree.name_of(user), _email(user))
            for user in page.users
        ],
        search=search,
        sorts=SORT_NAMES,
        disabled=request.text("disabled"),
        is_search=bool(search.text or search.field or search.disabled is not None),
        next_page=next_page(filters, page.next_cursor),
    )


async def find_user(request: PageRequest) -> web.Response:
    """Show the user with this `sub`, e-mail or id; if there are several, list them."""
    text = request.text("q")
    for search in (Search(subject=text, limit=1), Search(text=text, limit=2)) if text else ():
        found = (await users.find(request.operator, request.app, search)).users
        if len(found) == 1:
            return request.redirect(f"users/{quote(found[0].id, safe='')}")
    return request.redirect(f"users?{urlencode({'search': text})}")


async def show_user(
    request: PageRequest, *, problem: str = "", typed: str | None = None
) -> web.Response:
    user_id = request.parameters["user_id"]
    details = await users.get(request.operator, request.app, user_id)
    by_user = Filter(user_id=user_id)
    page = await login_attempts.find(request.operator, request.app, by_user, limit=ATTEMPTS_SHOWN)
    profile = _profile(request, details.user)
    return request.render(
        "user.html",
        status=status_with(problem),
        user=details.user,
        principals=details.principals,
        devices=details.devices,
        origin=details.origin,
        subject=details.subject,
        name=profile_tree.name_of(details.user),
        branches=list(profile_tree.branches(profile)),
        profile_text=json.dumps(profile, ensure_ascii=False, indent=2) if typed is None else typed,
        attempts=page.attempts,
        is_disabled=details.user.disabled_at(request.operator.now()),
        problem=problem,
    )


def _email(user: User) -> str:
    email = user.record.data.get("email") if user.record else None
    return email if isinstance(email, str) else ""


def _profile(request: PageRequest, user: User) -> dict[str, object]:
    """Return a profile's own fields in wire form."""
    if user.record is None:
        return {}
    fields = request.operator.store.fields_of(request.app, USER_TYPE)
    body = record_json.record_body(user.record, fields)
    return {name: value for name, value in sorted(body.items()) if not name.startswith("_")}


async def edit_profile(request: PageRequest) -> web.Response:
    """Save a profile that was edited as JSON; a missing field is removed."""
    typed = request.text("profile")
    try:
        wanted = read_object(typed, "The profile")
        user_id = request.parameters["user_id"]
        user = (await users.get(request.operator, request.app, user_id)).user
        before = _profile(request, user)
        changes = {name: None for name in before if name not in wanted}
        changes |= {
            name: value for name, value in wanted.items() if not is_equal(before.get(name), value)
        }
        if changes:
            await users.edit_profile(request.operator, request.app, user_id, changes)
    except RefusedError as error:
        return await show_user(request, problem=str(error), typed=typed)
    return _redirect_to_user(request, "saved")


async def disable_user(request: PageRequest) -> web.Response:
    until = request.text("until")
    try:
        end = read_time(until) if until else None
    except RefusedError as error:
        return await show_user(request, problem=str(error))
    user_id, message = request.parameters["user_id"], request.text("message")
    await users.disable(request.operator, request.app, user_id, message, end)
    return _redirect_to_user(request, "disabled")


async def enable_user(request: PageRequest) -> web.Response:
    await users.enable(request.operator, request.app, request.parameters["user_id"])
    return _redirect_to_user(request, "enabled")


async def set_roles(request: PageRequest) -> web.Response:
    """Set a user's roles; other roles are removed."""
    names = {name.strip() for name in request.text("roles").split(",")} - {""}
    try:
        user_id = request.parameters["user_id"]
        await users.set_roles(request.operator, request.app, user_id, names)
    except RefusedError as error:
        return await show_user(request, problem=str(error))
    return _redirect_to_user(request, "roles")


async def sign_out_user(request: PageRequest) -> web.Response:
    """Sign a user out everywhere."""
    await users.sign_out(request.operator, request.app, request.parameters["user_id"])
    return _redirect_to_user(request, "signed-out")


async def confirm_delete(request: PageRequest) -> web.Response:
    """Ask for confirmation before a user is deleted."""
    user_id = request.parameters["user_id"]
    user = (await users.get(request.operator, request.app, user_id)).user
    name = profile_tree.name_of(user)
    return request.render("delete_user.html", user=user, name=name)


async def delete_user(request: PageRequest) -> web.Response:
    await users.delete(request.operator, request.app, request.parameters["user_id"])
    return request.redirect("users", "deleted")


def _redirect_to_user(request: PageRequest, notice: str) -> web.Response:
    return request.redirect(f"users/{quote(request.parameters['user_id'], safe='')}", notice)
