"""The admin API of tests: reset, clock, faults, snapshots. `skylogin serve` has none of it."""

from skylogin.admin.request import AdminCall, Handler
from skylogin.admin.users import moment, read_moment
from skylogin.apps.faults import FaultInForce
from skylogin.apps.registry import App, NamedSnapshot
from skylogin.operations import controls

Json = dict[str, object]


async def reset_app(call: AdminCall) -> object:
    """Make an app as it is when it is new."""
    await controls.reset(call.operator, call.opened_app)
    return None


# --- the clock -------------------------------------------------------------------


async def get_clock(call: AdminCall) -> object:
    """Show the clock."""
    clock = call.opened_app.clock
    return {
        "now": moment(clock()),
        "frozen": clock.reading.frozen_at is not None,
        "offset_seconds": clock.offset.total_seconds(),
    }


async def set_clock(call: AdminCall) -> object:
    """Set the clock, and have it go on or stand."""
    wanted, frozen = read_moment(call.body.get("now")), call.body.get("frozen", False)
    await controls.set_clock(call.operator, call.opened_app, wanted, frozen=frozen)
    return await get_clock(call)


async def advance_clock(call: AdminCall) -> object:
    """Move the clock on, or back."""
    await controls.advance_clock(call.operator, call.opened_app, call.body["seconds"])
    return await get_clock(call)


async def reset_clock(call: AdminCall) -> object:
    """Have the clock show the server's time again."""
    await controls.reset_clock(call.operator, call.opened_app)
    return await get_clock(call)


# --- faults ------------------------------------------------------------------------


async def list_faults(call: AdminCall) -> object:
    """List the faults that are not over."""
    app = call.opened_app
    return {"faults": [_fault(app, one) for one in app.faults.in_force()]}


async def add_fault(call: AdminCall) -> object:
    """Have a fault strike calls from now on."""
    app = call.opened_app
    return _fault(app, await controls.add_fault(call.operator, app, controls.read_fault(call.body)))


async def end_fault(call: AdminCall) -> object:
    """End one fault."""
    await controls.end_fault(call.operator, call.opened_app, call.parameters["fault_id"])
    return None


async def end_faults(call: AdminCall) -> object:
    """End all faults."""
    await controls.end_faults(call.operator, call.opened_app)
    return None


def _fault(app: App, one: FaultInForce) -> Json:
    fault = one.fault
    names = [name for name, kinds in controls.OF_KINDS.items() if fault.kind in kinds]
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
        **{name: getattr(fault, name) for name in names},
    }


# --- snapshots -----------------------------------------------------------------------


async def list_snapshots(call: AdminCall) -> object:
    """List the snapshots."""
    return {"snapshots": [_snapshot(one) for one in call.opened_app.snapshots.values()]}


async def take_snapshot(call: AdminCall) -> object:
    """Keep an app as it is."""
    taken = await controls.take_snapshot(call.operator, call.opened_app, call.body["name"])
    return _snapshot(taken)


async def restore_snapshot(call: AdminCall) -> object:
    """Make an app what it was."""
    await controls.restore_snapshot(call.operator, call.opened_app, call.parameters["name"])
    return None


async def delete_snapshot(call: AdminCall) -> object:
    """Forget a snapshot."""
    await controls.delete_snapshot(call.operator, call.opened_app, call.parameters["name"])
    return None


def _snapshot(one: NamedSnapshot) -> Json:
    rows = sum(len(rows) for rows in one.rows.values())
    return {"name": one.name, "at": moment(one.at), "rows": rows}


HANDLERS: dict[str, Handler] = {
    "resetApp": reset_app,
    "getClock": get_clock,
    "setClock": set_clock,
    "advanceClock": advance_clock,
    "resetClock": reset_clock,
    "listFaults": list_faults,
    "addFault": add_fault,
    "endFault": end_fault,
    "endFaults": end_faults,
    "listSnapshots": list_snapshots,
    "takeSnapshot": take_snapshot,
    "restoreSnapshot": restore_snapshot,
    "deleteSnapshot": delete_snapshot,
}
