"""The pages Start, Overview, Audit, Imports and Settings."""

import json
from collections import Counter
from typing import Any

from aiohttp import web

from skylogin import config
from skylogin.actions import table
from skylogin.actions.call import Call
from skylogin.actions.dispatch import dispatch
from skylogin.domain import limit_table
from skylogin.domain.login_attempt import Origin
from skylogin.domain.stored_names import EVERY_APP
from skylogin.operations import imports, overview, secrets, tokens
from skylogin.operations.operator import RefusedError, page_of_acts
from skylogin.operations.tokens import TokenOrder
from skylogin.portal import chart, commands, setting_groups
from skylogin.portal.request import PageRequest, read_object

LOG_IN = "sso:custom_token:login"
ACTS_PER_PAGE = 50


async def show_start(request: PageRequest, **more: Any) -> web.Response:
    """Show how to log in for the first time."""
    accepted = await secrets.list_accepted(request.operator, request.app)
    is_shown = request.text("show") == "secret"
    values: dict[str, Any] = {
        "endpoint": request.endpoint,
        "curl": commands.log_in(request),
        "literal": _literal,
        "api_key": request.opened_app.api_key,
        "secret": accepted[0].secret if accepted and is_shown else config.MASK,
        "has_secret": bool(accepted),
        "is_shown": is_shown,
        "answer": None,
        "subject": "alice",
        "profile": '{"username": "alice"}',
        **more,
    }
    return request.render("start.html", **values)


def _literal(text: str) -> str:
    """Return *text* as a literal of JavaScript, Python, Ruby and Java alike."""
    # Ruby alone reads # in it.
    return json.dumps(text, ensure_ascii=False).replace("#", "\\u0023")


async def try_login(request: PageRequest) -> web.Response:
    """Log in as a client does, and show the answer."""
    subject, profile = request.text("subject"), request.text("profile") or "{}"
    typed = {"subject": subject, "profile": profile}
    try:
        claims = {"sub": subject, "skyprofile": read_object(profile, "The profile")}
        token = await tokens.mint(request.operator, request.app, TokenOrder(claims))
    except RefusedError as error:
        return await show_start(request, **typed, answer={"status": None, "text": str(error)})
    answer = await dispatch(_login_call(request, token), request.services)
    text = json.dumps(answer.body, ensure_ascii=False, indent=2)
    return await show_start(request, **typed, answer={"status": answer.status, "text": text})


def _login_call(request: PageRequest, token: str) -> Call:
    operator, app = request.operator, request.opened_app
    request_id, keeps_profiles = request.services.ids.random_id(), operator.settings.keeps_profiles
    return Call(
        app=app,
        action=table.named(LOG_IN),
        payload={"token": token},
        api_key=app.api_key,
        access_token="",
        now=operator.now(),
        origin=Origin(operator.address, request_id, keeps_profiles),
    )


async def show_overview(request: PageRequest) -> web.Response:
    """Show recent logins, totals and warnings."""
    seen = await overview.overview(request.operator, request.app)
    charts = [
        ("Last hour, by minute", chart.draw(seen.hour)),
        ("Last day, by quarter of an hour", chart.draw(seen.day)),
    ]
    reasons: Counter[str] = Counter()
    for point in seen.day.points:
        reasons.update(point.refused)
    return request.render(
        "overview.html",
        seen=seen,
        charts=charts,
        since=f"{seen.day.points[0].at:%FT%H:%M}",
        reasons=reasons.most_common(),
        accepted=sum(point.accepted for point in seen.day.points),
    )


async def show_audit(request: PageRequest) -> web.Response:
    """Show what operators did."""
    cursor = request.text("cursor")
    is_everywhere = request.text("apps") == "1"
    app = EVERY_APP if is_everywhere else request.app
    acts, next_cursor = await page_of_acts(request.operator, app, cursor, ACTS_PER_PAGE)
    return request.render(
        "audit.html", acts=acts, next_cursor=next_cursor, is_everywhere=is_everywhere
    )


async def show_imports(request: PageRequest) -> web.Response:
    """Show the imports from Skygear servers: how far one is, and the reports of the others."""
    now = request.operator.server_now()
    runs = await imports.list_runs(request.operator, request.app)
    listed = [(run, imports.state_of(run, now)) for run in runs]
    is_running = any(state == imports.RUNNING for _, state in listed)
    return request.render("imports.html", runs=listed, is_running=is_running)


async def show_settings(request: PageRequest) -> web.Response:
    search, rows = request.text("search"), config.in_force(request.operator.settings)
    groups = list(setting_groups.grouped(rows, search))
    limits = request.operator.limits
    shown = [
        (one, limit_table.describe(limits.rules[one.name]), limits.hits[one.name])
        for one in limit_table.LIMITS
        if one.name in limits.rules
    ]
    return request.render("settings.html", groups=groups, search=search, limits=shown)
