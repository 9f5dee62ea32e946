"""The page of tests: the clock of an app, the faults in force, snapshots, and a reset."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta

from aiohttp import web

from skylogin.actions.table import ACTIONS
from skylogin.apps.faults import EVERY_ACTION, KINDS, NAMES_OF_ERRORS
from skylogin.operations import controls
from skylogin.operations.operator import RefusedError
from skylogin.portal.endpoint import PageRequest, Route, route
from skylogin.relative_time import ago

Reader = Callable[[str], object]
PAGE = "tests"
# How the fields of the form are read: those of every fault, and those of some kinds.
READERS: dict[str, Reader] = {
    "kind": str,
    "action": str,
    "calls": int,
    "probability": float,
    "seed": int,
}
OWN_READERS: dict[str, Reader] = {"seconds": float, "status": int, "error": str, "message": str}


async def show_controls(visit: PageRequest) -> web.StreamResponse:
    """Show what tests have done to the app, and what they can do."""
    return _page(visit)


def _page(visit: PageRequest, fault: str = "") -> web.Response:
    app, server_now = visit.opened_app, visit.operator.arrival
    moved = ""
    if app.clock.is_moved:
        is_frozen = app.clock.reading.frozen_at is not None
        moved = "frozen" if is_frozen else ago(server_now + app.clock.offset, server_now)
    return visit.page(
        "tests.html",
        clock=app.clock,
        moved=moved,
        faults=[(one, app.faults.seconds_left(one)) for one in app.faults.in_force()],
        snapshots=list(app.snapshots.values()),
        kinds=KINDS,
        errors=sorted(NAMES_OF_ERRORS),
        actions=[EVERY_ACTION, *sorted(filter(None, ACTIONS))],
        fault=fault,
    )


async def move_clock(visit: PageRequest) -> web.StreamResponse:
    """Freeze the clock, let it go on, set it, advance it, or give it back."""
    app, operator, act = visit.opened_app, visit.operator, visit.text("act")
    try:
        match act:
            case "freeze" | "go-on":
                await controls.set_clock(operator, app, frozen=act == "freeze")
            case "advance":
                await controls.advance_clock(operator, app, _number(visit.text("seconds")))
            case "set":
                is_frozen = app.clock.reading.frozen_at is not None
                await controls.set_clock(operator, app, _moment(visit.text("to")), frozen=is_frozen)
            case "reset":
                await controls.reset_clock(operator, app)
            case _:
                raise RefusedError(f"{act!r} is nothing that a clock does.")
    except RefusedError as error:
        return _page(visit, str(error))
    return visit.go(PAGE, "clock")


def _number(text: str) -> float:
    try:
        return timedelta(seconds=float(text)).total_seconds()
    except (ValueError, OverflowError):
        raise RefusedError(f"{text!r} is no number of seconds that can be used.") from None


def _moment(text: str) -> datetime:
    try:
        return datetime.fromisoformat(text).replace(tzinfo=UTC)
    except ValueError:
        raise RefusedError(f"{text!r} is no time.") from None


async def add_fault(visit: PageRequest) -> web.StreamResponse:
    """Have a fault strike calls from now on."""
    try:
        await controls.add_fault(
            visit.operator, visit.opened_app, controls.read_fault(_given(visit))
        )
    except RefusedError as error:
        return _page(visit, str(error))
    return visit.go(PAGE, "fault")


def _given(visit: PageRequest) -> dict[str, object]:
    """Return the fields of the form that are filled in, and that the kind has."""
    kind = visit.text("kind")
    if kind not in KINDS:
        raise RefusedError(f"{kind!r} is no kind of fault.")
    own = {name: read for name, read in OWN_READERS.items() if kind in controls.OF_KINDS[name]}
    given: dict[str, object] = {}
    for name, reader in {**READERS, **own}.items():
        text = visit.text(name)
        if not text:
            continue
        try:
            given[name] = reader(text)
        except ValueError:
            raise RefusedError(f"{name}: {text!r} is no number.") from None
    return given


async def end_faults(visit: PageRequest) -> web.StreamResponse:
    """End all faults."""
    await controls.end_faults(visit.operator, visit.opened_app)
    return visit.go(PAGE, "faults-ended")


async def take_snapshot(visit: PageRequest) -> web.StreamResponse:
    """Keep the app as it is."""
    try:
        await controls.take_snapshot(visit.operator, visit.opened_app, visit.text("name"))
    except RefusedError as error:
        return _page(visit, str(error))
    return visit.go(PAGE, "kept")


async def restore_snapshot(visit: PageRequest) -> web.StreamResponse:
    """Make the app what it was."""
    await controls.restore_snapshot(visit.operator, visit.opened_app, visit.values["name"])
    return visit.go(PAGE, "restored")


async def delete_snapshot(visit: PageRequest) -> web.StreamResponse:
    """Forget a snapshot."""
    await controls.delete_snapshot(visit.operator, visit.opened_app, visit.values["name"])
    return visit.go(PAGE, "forgotten")


async def reset(visit: PageRequest) -> web.StreamResponse:
    """Make the app as it is when it is new; its name was typed."""
    if visit.text("name") != visit.app:
        return _page(visit, f"Type {visit.app} to reset it.")
    await controls.reset(visit.operator, visit.opened_app)
    return visit.go(PAGE, "reset")


ROUTES: list[Route] = [
    route("GET", PAGE, show_controls, dev_only=True),
    route("POST", "tests/clock", move_clock, dev_only=True),
    route("POST", "tests/faults", add_fault, dev_only=True),
    route("POST", "tests/faults/end", end_faults, dev_only=True),
    route("POST", "tests/snapshots", take_snapshot, dev_only=True),
    route("POST", "tests/snapshots/{name}/restore", restore_snapshot, dev_only=True),
    route("POST", "tests/snapshots/{name}/delete", delete_snapshot, dev_only=True),
    route("POST", "tests/reset", reset, dev_only=True),
]
