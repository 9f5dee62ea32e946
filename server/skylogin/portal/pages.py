"""The pages on what goes on: start, overview, tokens, secrets, apps, audit list, settings."""

import json
from datetime import timedelta
from http import HTTPStatus
from typing import Any

from aiohttp import web

from skylogin import config
from skylogin.actions import table
from skylogin.actions.call import Call
from skylogin.actions.dispatch import dispatch
from skylogin.config import DEV
from skylogin.domain.login_attempt import Origin
from skylogin.domain.stored_names import EVERY_APP
from skylogin.http import file_stream, origin
from skylogin.operations import apps, overview, secrets, tokens
from skylogin.operations.operator import RefusedError, list_acts
from skylogin.portal import chart
from skylogin.portal.endpoint import (
    PageRequest,
    Route,
    TurnedAwayError,
    read_object,
    route,
    sign_out,
)

LOG_IN = "sso:custom_token:login"
ACTS_PER_PAGE = 50
HOURS_DAY = 24


async def start(visit: PageRequest) -> web.StreamResponse:
    """Show how to log in for the first time."""
    return await _start(visit)


async def _start(visit: PageRequest, **more: Any) -> web.Response:
    accepted = await secrets.list_accepted(visit.operator, visit.app)
    secret = accepted[0] if accepted else None
    is_shown = visit.text("show") == "secret"
    values: dict[str, Any] = {
        "endpoint": visit.endpoint,
        "api_key": visit.opened_app.api_key,
        "secret": secret.secret if secret and is_shown else config.MASK,
        "has_secret": secret is not None,
        "is_shown": is_shown,
        "answer": None,
        "subject": "alice",
        "profile": '{"username": "alice"}',
        **more,
    }
    return visit.page("start.html", **values)


async def try_login(visit: PageRequest) -> web.StreamResponse:
    """Log in as a client does, and show the answer."""
    subject, profile_text = visit.text("subject"), visit.text("profile") or "{}"
    given = {"subject": subject, "profile": profile_text}
    try:
        claims = {"sub": subject, "skyprofile": read_object(profile_text, "The profile")}
        token = await tokens.mint(visit.operator, visit.app, claims)
    except RefusedError as error:
        return await _start(visit, **given, answer={"status": None, "text": str(error)})
    app = visit.opened_app
    call = Call(
        app=app,
        action=table.named(LOG_IN),
        payload={"token": token},
        api_key=app.api_key,
        access_token="",
        now=visit.operator.now(),
        origin=Origin(
            visit.operator.address,
            visit.services.ids.random_id(),
            visit.operator.settings.keeps_profiles,
        ),
    )
    answered = await dispatch(call, visit.services)
    text = json.dumps(answered.body, ensure_ascii=False, indent=2)
    return await _start(visit, **given, answer={"status": answered.status, "text": text})


async def show_overview(visit: PageRequest) -> web.StreamResponse:
    """Show what goes on."""
    seen = await overview.overview(visit.operator, visit.app)
    charts = [
        ("Last hour, by the minute", seen.hour, chart.draw(seen.hour.points)),
        ("Last day, by the quarter of an hour", seen.day, chart.draw(seen.day.points)),
    ]
    reasons: dict[str, int] = {}
    for point in seen.day.points:
        for reason, number in point.refused.items():
            reasons[reason] = reasons.get(reason, 0) + number
    return visit.page(
        "overview.html",
        seen=seen,
        charts=charts,
        reasons=sorted(reasons.items(), key=lambda pair: -pair[1]),
        accepted=sum(point.accepted for point in seen.day.points),
    )


# --- tokens ------------------------------------------------------------------------


async def show_token(visit: PageRequest) -> web.StreamResponse:
    """Show the forms on tokens."""
    return _token_page(visit)


def _token_page(visit: PageRequest, **more: Any) -> web.Response:
    values: dict[str, Any] = {
        "token": "",
        "verdict": None,
        "minted": "",
        "fault": "",
        "subject": "alice",
        "profile": "{}",
        "expires_in": "3600",
        "can_mint": visit.operator.settings.mode == DEV,
        **more,
    }
    status = HTTPStatus.UNPROCESSABLE_ENTITY if values["fault"] else HTTPStatus.OK
    return visit.page("token.html", status=status, **values)


async def explain_token(visit: PageRequest) -> web.StreamResponse:
    """Say what becomes of a token."""
    token = visit.text("token")
    verdict = await tokens.explain(visit.operator, visit.app, token)
    return _token_page(visit, token=token, verdict=verdict)


async def mint_token(visit: PageRequest) -> web.StreamResponse:
    """Make a token, and say what becomes of it."""
    given = {name: visit.text(name) for name in ("subject", "profile", "expires_in")}
    try:
        profile = read_object(given["profile"] or "{}", "The profile")
        lifetime = timedelta(seconds=_read_seconds(given["expires_in"]))
        claims = {"sub": given["subject"], "skyprofile": profile}
        minted = await tokens.mint(visit.operator, visit.app, claims, lifetime)
    except RefusedError as error:
        return _token_page(visit, **given, fault=str(error))
    verdict = await tokens.explain(visit.operator, visit.app, minted)
    return _token_page(visit, **given, minted=minted, token=minted, verdict=verdict)


def _read_seconds(text: str, seconds_max: int = 10**9) -> int:
    try:
        seconds = int(text)
    except ValueError:
        raise RefusedError(f"{text!r} is no number of seconds.") from None
    if abs(seconds) > seconds_max:
        raise RefusedError(f"{text} seconds are too many.")
    return seconds


# --- custom token secrets --------------------------------------------------------------


async def show_secrets(visit: PageRequest) -> web.StreamResponse:
    """Show the secrets, and the text of one that is asked for."""
    now = visit.operator.now()
    listing = await secrets.listing(visit.operator, visit.app)
    uses = await overview.secret_uses(visit.operator, visit.app)
    rows = [
        {
            "secret": one,
            "is_accepted": one.accepted_at(now),
            "is_shown": visit.text("show") == one.id,
            "used": uses.get(one.id, overview.SecretUses()),
        }
        for one in listing.secrets
    ]
    rows.sort(key=lambda row: not row["is_accepted"])
    return visit.page("secrets.html", rows=rows, is_fixed=listing.is_fixed)


async def rotate_secret(visit: PageRequest) -> web.StreamResponse:
    """Make a new secret."""
    hours = visit.text("overlap_hours") or str(HOURS_DAY)
    try:
        overlap = timedelta(hours=float(hours))
    except (ValueError, OverflowError):
        raise RefusedError(f"{hours!r} is no number of hours.") from None
    rotation = await secrets.rotate(visit.operator, visit.app, overlap)
    return visit.go(f"secrets?show={rotation.new.id}", "rotated")


async def ask_to_revoke(visit: PageRequest) -> web.StreamResponse:
    """Ask before a secret is revoked."""
    found = await secrets.get(visit.operator, visit.app, visit.values["secret_id"])
    uses = await overview.secret_uses(visit.operator, visit.app)
    used = uses.get(found.id, overview.SecretUses())
    return visit.page("revoke.html", secret=found, used=used)


async def revoke_secret(visit: PageRequest) -> web.StreamResponse:
    """Revoke a secret."""
    await secrets.revoke(visit.operator, visit.app, visit.values["secret_id"])
    return visit.go("secrets", "revoked")


# --- apps, audit list, settings ----------------------------------------------------------


async def show_apps(visit: PageRequest) -> web.StreamResponse:
    """Show the apps."""
    return visit.page("apps.html", apps=await apps.list_all(visit.operator), name="", fault="")


async def create_app(visit: PageRequest) -> web.StreamResponse:
    """Make an app."""
    name = visit.text("name")
    try:
        await apps.create(visit.operator, name)
    except RefusedError as error:
        listed = await apps.list_all(visit.operator)
        status = HTTPStatus.UNPROCESSABLE_ENTITY
        return visit.page("apps.html", status=status, apps=listed, name=name, fault=str(error))
    visit.app = name
    return visit.go("", "created")


async def show_app(visit: PageRequest) -> web.StreamResponse:
    """Show the app's keys, and what can be done to it."""
    return visit.page("app.html", keys=visit.opened_app, is_shown=visit.text("show") == "keys")


async def export_app(visit: PageRequest) -> web.StreamResponse:
    """Send everything that the app has, as a file.

    It is an act, so no link on a page of somebody else's does it, and no look ahead.
    """
    if visit.request.method != "GET":
        raise TurnedAwayError(HTTPStatus.METHOD_NOT_ALLOWED, "That cannot be done to this page.")
    if visit.request.headers.get("Sec-Fetch-Site", "none") not in origin.SAME:
        raise TurnedAwayError(HTTPStatus.FORBIDDEN, "Export it from the page on the app's keys.")
    return await file_stream.send(visit.request, visit.operator, visit.app)


async def rotate_app_keys(visit: PageRequest) -> web.StreamResponse:
    """Give the app new keys."""
    await apps.rotate_keys(visit.operator, visit.app)
    return visit.go("app?show=keys", "keys")


async def delete_app(visit: PageRequest) -> web.StreamResponse:
    """Delete the app, whose name was typed."""
    if visit.text("name") != visit.app:
        raise RefusedError(f"Type {visit.app} to delete it.")
    await apps.delete(visit.operator, visit.app)
    visit.app = visit.operator.settings.app_name
    return visit.go("apps", "app-deleted")


async def show_audit(visit: PageRequest) -> web.StreamResponse:
    """Show what operators did."""
    cursor = visit.text("cursor")
    everywhere = visit.text("apps") == "1"
    app = EVERY_APP if everywhere else visit.app
    acts = await list_acts(visit.operator, app, cursor, ACTS_PER_PAGE)
    next_cursor = acts[-1].id if len(acts) == ACTS_PER_PAGE else ""
    return visit.page("audit.html", acts=acts, next_cursor=next_cursor, everywhere=everywhere)


async def show_settings(visit: PageRequest) -> web.StreamResponse:
    """Show the settings in force."""
    return visit.page("settings.html", rows=config.in_force(visit.operator.settings))


ROUTES: list[Route] = [
    route("GET", "", start),
    route("POST", "try", try_login),
    route("GET", "overview", show_overview),
    route("GET", "token", show_token),
    route("POST", "token/explain", explain_token),
    route("POST", "token/mint", mint_token),
    route("GET", "secrets", show_secrets),
    route("POST", "secrets/rotate", rotate_secret),
    route("GET", "secrets/{secret_id}/revoke", ask_to_revoke),
    route("POST", "secrets/{secret_id}/revoke", revoke_secret),
    route("GET", "apps", show_apps),
    route("POST", "apps", create_app),
    route("GET", "app", show_app),
    route("GET", "app/export", export_app),
    route("POST", "app/rotate-keys", rotate_app_keys),
    route("POST", "app/delete", delete_app),
    route("GET", "audit", show_audit),
    route("GET", "settings", show_settings),
    route("POST", "sign-out", sign_out),
]
