"""The admin API's document, settings, overview, audit log and imports."""

from dataclasses import asdict

from skylogin import config
from skylogin.admin import openapi
from skylogin.admin.request import AdminRequest, Json, time_text
from skylogin.client.admin_api import BASE
from skylogin.config import Settings
from skylogin.domain.stored_names import EVERY_APP
from skylogin.http import forwarding
from skylogin.http.forwarding import client_of
from skylogin.operations import imports, overview
from skylogin.operations.operator import page_of_acts
from skylogin.operations.overview import Series


async def get_document(request: AdminRequest) -> Json:
    """Return the OpenAPI document, with the path that the client has for the API."""
    settings = request.operator.settings
    prefix = client_of(request.http, settings).prefix
    return {**openapi.load_for(settings.mode), "servers": [{"url": prefix + BASE}]}


async def get_settings(request: AdminRequest) -> Json:
    """Show the settings in force; secrets are masked."""
    return settings_body(request.operator.settings)


def settings_body(settings: Settings) -> Json:
    """Return settings as the API shows them."""
    return {
        "mode": settings.mode,
        "settings": [row._asdict() for row in config.in_force(settings)],
        "warnings": list(settings.warnings),
    }


async def get_overview(request: AdminRequest) -> Json:
    """Show an app's activity."""
    seen = await overview.overview(request.operator, request.app)
    if request.http_request is not None:
        seen.warnings.extend(forwarding.warnings(request.http_request))
    return {**asdict(seen), "hour": _series_body(seen.hour), "day": _series_body(seen.day)}


def _series_body(series: Series) -> Json:
    points = [{**asdict(point), "at": time_text(point.at)} for point in series.points]
    return {"minutes_per_point": series.minutes_per_point, "points": points}


async def list_audit(request: AdminRequest) -> Json:
    """List what operators did, in one app or in all."""
    app = request.parameters.get("app", EVERY_APP)
    cursor, limit = request.parameters["cursor"] or "", request.parameters["limit"]
    acts, next_cursor = await page_of_acts(request.operator, app, cursor, limit)
    return {
        "acts": [{**act._asdict(), "at": time_text(act.at)} for act in acts],
        "next_cursor": next_cursor or None,
    }


async def list_imports(request: AdminRequest) -> Json:
    """List the imports from Skygear servers into an app."""
    now = request.operator.server_now()
    runs = await imports.list_runs(request.operator, request.app)
    return {
        "imports": [
            {
                **asdict(run),
                "started_at": time_text(run.started_at),
                "updated_at": time_text(run.updated_at),
                "finished_at": time_text(run.finished_at),
                "state": imports.state_of(run, now),
            }
            for run in runs
        ]
    }
