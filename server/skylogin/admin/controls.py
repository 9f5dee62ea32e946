"""The admin API's operations for tests, in `skylogin dev` only."""

from skylogin.admin.request import AdminRequest, Json, read_time, time_text
from skylogin.apps.faults import FaultInForce
from skylogin.apps.registry import App, NamedSnapshot
from skylogin.operations import controls

# --- the clock -------------------------------------------------------------------


async def get_clock(request: AdminRequest) -> Json:
    clock = request.opened_app.clock
    return {
        "now": time_text(clock()),
        "frozen": clock.reading.frozen_at is not None,
        "offset_seconds": clock.offset.total_seconds(),
    }


async def set_clock(request: AdminRequest) -> Json:
    """Set the clock, and let it run or freeze it."""
    time, frozen = read_time(request.body.get("now")), request.body.get("frozen", False)
    await controls.set_clock(request.operator, request.opened_app, time, frozen=frozen)
    return await get_clock(request)


async def advance_clock(request: AdminRequest) -> Json:
    """Move the clock forward or back."""
    await controls.advance_clock(request.operator, request.opened_app, request.body["seconds"])
    return await get_clock(request)


async def reset_clock(request: AdminRequest) -> Json:
    """Reset the clock to server time."""
    await controls.reset_clock(request.operator, request.opened_app)
    return await get_clock(request)


# --- faults ------------------------------------------------------------------------


async def list_faults(request: AdminRequest) -> Json:
    app = request.opened_app
    return {"faults": [_fault_body(app, one) for one in app.faults.in_force()]}


async def add_fault(request: AdminRequest) -> Json:
    app, fault = request.opened_app, controls.read_fault(request.body)
    return _fault_body(app, await controls.add_fault(request.operator, app, fault))


async def end_fault(request: AdminRequest) -> None:
    fault_id = request.parameters["fault_id"]
    await controls.end_fault(request.operator, request.opened_app, fault_id)


async def end_faults(request: AdminRequest) -> None:
    await controls.end_faults(request.operator, request.opened_app)


def _fault_body(app: App, one: FaultInForce) -> Json:
    fault = one.fault
    own = [name for name, kinds in controls.FIELDS_OF_KINDS.items() if fault.kind in kinds]
    return {
        "id": one.id,
        "kind": fault.kind,
        "action": fault.action,
        "calls": fault.calls,
        "calls_left": one.calls_left,
        "struck": one.struck,
        "probability": fault.probability,
        "seed": fault.seed,
        "expires_in": round(app.faults.seconds_left(one), 3),
        **{name: getattr(fault, name) for name in own},
    }


# --- snapshots -----------------------------------------------------------------------


async def list_snapshots(request: AdminRequest) -> Json:
    return {"snapshots": [_snapshot_body(one) for one in request.opened_app.snapshots.values()]}


async def take_snapshot(request: AdminRequest) -> Json:
    name = request.body["name"]
    return _snapshot_body(await controls.take_snapshot(request.operator, request.opened_app, name))


async def restore_snapshot(request: AdminRequest) -> None:
    name = request.parameters["name"]
    await controls.restore_snapshot(request.operator, request.opened_app, name)


async def delete_snapshot(request: AdminRequest) -> None:
    name = request.parameters["name"]
    await controls.delete_snapshot(request.operator, request.opened_app, name)


def _snapshot_body(one: NamedSnapshot) -> Json:
    rows = sum(len(rows) for rows in one.rows.values())
    return {"name": one.name, "at": time_text(one.at), "rows": rows}
