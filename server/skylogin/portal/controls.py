"""The page Tests: an app's clock, faults and snapshots, and its reset."""

from collections.abc import Mapping
from datetime import timedelta

from aiohttp import web

from skylogin.actions.table import ACTIONS
from skylogin.apps.faults import EVERY_ACTION, KINDS, NAMES_OF_ERRORS
from skylogin.operations import controls
from skylogin.operations.operator import RefusedError
from skylogin.portal.request import PageRequest, Reader, read_time
from skylogin.relative_time import ago

PAGE = "tests"
# The form's fields for every fault, and those for some kinds only.
READERS: Mapping[str, Reader] = {
    "kind": str,
    "action": str,
    "calls": int,
    "probability": float,
    "seed": int,
}
KIND_READERS: Mapping[str, Reader] = {
    "seconds": float,
    "status": int,
    "error": str,
    "message": str,
    "limit": int,
    "window": float,
}


async def show_controls(request: PageRequest, problem: str = "") -> web.Response:
    """Show the app's clock, faults and snapshots."""
    app, server_now = request.opened_app, request.operator.server_now()
    is_frozen = app.clock.reading.frozen_at is not None
    return request.render(
        "tests.html",
        clock=app.clock,
        is_frozen=is_frozen,
        distance="" if is_frozen else ago(server_now + app.clock.offset, server_now),
        faults=[(one, app.faults.seconds_left(one)) for one in app.faults.in_force()],
        snapshots=list(app.snapshots.values()),
        kinds=KINDS,
        errors=sorted(NAMES_OF_ERRORS),
        actions=[EVERY_ACTION, *sorted(filter(None, ACTIONS))],
        problem=problem,
    )


async def move_clock(request: PageRequest) -> web.Response:
    """Freeze, resume, set, advance or reset the clock."""
    app, operator, act = request.opened_app, request.operator, request.text("act")
    try:
        match act:
            case "freeze" | "go-on":
                await controls.set_clock(operator, app, frozen=act == "freeze")
            case "advance":
                await controls.advance_clock(operator, app, _read_seconds(request.text("seconds")))
            case "set":
                time, is_frozen = read_time(request.text("to")), bool(app.clock.reading.frozen_at)
                await controls.set_clock(operator, app, time, frozen=is_frozen)
            case "reset":
                await controls.reset_clock(operator, app)
            case _:
                raise RefusedError(f"{act!r} is not an action on the clock.")
    except RefusedError as error:
        return await show_controls(request, str(error))
    return request.redirect(PAGE, "clock")


def _read_seconds(text: str) -> float:
    try:
        return timedelta(seconds=float(text)).total_seconds()
    except (ValueError, OverflowError):
        raise RefusedError(f"{text!r} is not a valid number of seconds.") from None


async def add_fault(request: PageRequest) -> web.Response:
    try:
        fault = controls.read_fault(_filled_in(request))
        await controls.add_fault(request.operator, request.opened_app, fault)
    except RefusedError as error:
        return await show_controls(request, str(error))
    return request.redirect(PAGE, "fault")


def _filled_in(request: PageRequest) -> dict[str, object]:
    """Return the filled-in fields that apply to the kind of fault."""
    kind = request.text("kind")
    if kind not in KINDS:
        raise RefusedError(f"{kind!r} is not a kind of fault.")
    fields = controls.FIELDS_OF_KINDS
    own = {name: read for name, read in KIND_READERS.items() if kind in fields[name]}
    return request.filled_in({**READERS, **own})


async def end_faults(request: PageRequest) -> web.Response:
    await controls.end_faults(request.operator, request.opened_app)
    return request.redirect(PAGE, "faults-ended")


async def take_snapshot(request: PageRequest) -> web.Response:
    try:
        await controls.take_snapshot(request.operator, request.opened_app, request.text("name"))
    except RefusedError as error:
        return await show_controls(request, str(error))
    return request.redirect(PAGE, "kept")


async def restore_snapshot(request: PageRequest) -> web.Response:
    name = request.parameters["name"]
    await controls.restore_snapshot(request.operator, request.opened_app, name)
    return request.redirect(PAGE, "restored")


async def delete_snapshot(request: PageRequest) -> web.Response:
    name = request.parameters["name"]
    await controls.delete_snapshot(request.operator, request.opened_app, name)
    return request.redirect(PAGE, "forgotten")


async def reset(request: PageRequest) -> web.Response:
    """Reset the app to its first state, if the user typed its name."""
    if request.text("name") != request.app:
        return await show_controls(request, f"Type {request.app} to reset it.")
    await controls.reset(request.operator, request.opened_app)
    return request.redirect(PAGE, "reset")
