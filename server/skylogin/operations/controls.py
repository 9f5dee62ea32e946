"""Test controls for apps of `skylogin dev`: reset, clock, faults, snapshots.

The clock, the faults and the snapshots exist only in the server's memory.
"""

import re
from collections.abc import Mapping
from datetime import datetime, timedelta
from difflib import get_close_matches

from skylogin.actions.stubbed import NOT_EMULATED, has_answer
from skylogin.actions.table import ACTIONS
from skylogin.apps.faults import (
    DROP,
    ERROR,
    EVERY_ACTION,
    LATENCY,
    LIMITS,
    NAMES_OF_ERRORS,
    RATE,
    STATUS,
    FaultInForce,
    InjectedFault,
)
from skylogin.apps.registry import App, NamedSnapshot
from skylogin.apps.stubs import AddedStub
from skylogin.config import DEV
from skylogin.database import Transaction
from skylogin.operations.operator import ConflictError, MissingError, Operator, RefusedError
from skylogin.store import access_rules, snapshots

SNAPSHOTS_MAX = 20
_NAME = re.compile(r"[A-Za-z0-9_.-]{1,100}", re.ASCII)
# How many calls a fault with a probability covers by default.
CALLS_WITH_PROBABILITY = 100
# The fields that only some kinds of faults have.
FIELDS_OF_KINDS = {
    "seconds": (LATENCY,),
    "error": (ERROR,),
    "message": (ERROR,),
    "status": (STATUS,),
    "after": (DROP,),
    "limit": (RATE,),
    "window": (RATE,),
}
REQUIRED_FIELDS = ("seconds", "error", "status", "limit", "window")


async def reset(operator: Operator, app: App) -> None:
    """Reset *app* to its first state; its keys, secrets and snapshots stay.

    Users, records, rules, login attempts, calls, counts and the audit log are deleted, faults and
    stubs end, and the clock shows server time.
    """
    check_dev(operator)

    async def work(tx: Transaction) -> None:
        keys = operator.settings.auth_record_keys
        first, changed = await snapshots.reset(tx, app.name, keys, app.first)

        def remember() -> None:
            app.first = first
            if not access_rules.TABLES.isdisjoint(changed):
                app.access_rules.forget()

        tx.on_commit.append(remember)

    async def empty() -> None:
        app.clock.reset()
        await operator.act(app.name, "app.reset", app.name, work)

    await app.login_log.forget(empty)
    app.faults.clear()
    app.stubs.put()
    app.calls.clear()
    app.outbox.clear()


# --- the clock -------------------------------------------------------------------


async def set_clock(
    operator: Operator, app: App, moment: datetime | None = None, *, frozen: bool = False
) -> None:
    """Set the clock of *app* to *moment*, if one is given, and let it run or freeze it.

    Raises RefusedError on a time that is out of range.
    """
    check_dev(operator)
    try:
        app.clock.set(app.clock() if moment is None else moment, frozen=frozen)
    except ValueError as error:
        raise RefusedError(str(error)) from None


async def advance_clock(operator: Operator, app: App, seconds: float) -> None:
    """Move the clock of *app* forward or back. Raises RefusedError on a time out of range."""
    check_dev(operator)
    try:
        app.clock.advance(timedelta(seconds=seconds))
    except (ValueError, OverflowError) as error:
        raise RefusedError(str(error)) from None


async def reset_clock(operator: Operator, app: App) -> None:
    """Reset the clock of *app* to server time."""
    check_dev(operator)
    app.clock.reset()


# --- faults ------------------------------------------------------------------------


def read_fault(body: Mapping[str, object]) -> InjectedFault:
    """Return the fault that *body* describes. Raises RefusedError on an invalid one."""
    kind = body["kind"]
    for name, kinds in FIELDS_OF_KINDS.items():
        if name in body and kind not in kinds:
            raise RefusedError(f"{name} is for {', '.join(kinds)}, not for {kind}")
        if name in REQUIRED_FIELDS and kind in kinds and name not in body:
            raise RefusedError(f"{kind} needs {name}")
    if kind == ERROR and body["error"] not in NAMES_OF_ERRORS:
        names = ", ".join(sorted(NAMES_OF_ERRORS))
        raise RefusedError(f"{body['error']!r} is not one of {names}")
    calls = CALLS_WITH_PROBABILITY if "probability" in body else 1
    if kind == RATE:
        calls = LIMITS["calls"][1]
    # The OpenAPI document, or the form, has checked the types.
    fault = InjectedFault(**{"calls": calls, **body})  # type: ignore[arg-type]
    for name, (least, most) in LIMITS.items():
        if name in body and not least <= getattr(fault, name) <= most:
            raise RefusedError(f"{name} has to be {least} to {most}, not {getattr(fault, name)}")
    return fault


def _hint(action: str) -> str:
    """Return a hint: a fault for a misspelt action would silently do nothing."""
    near = get_close_matches(action.strip("/").replace("/", ":"), ACTIONS, n=1)
    return f"; did you mean {near[0]}?" if near else "; * means every action"


async def add_fault(operator: Operator, app: App, fault: InjectedFault) -> FaultInForce:
    """Add *fault* to *app*.

    Raises RefusedError on an unknown action, and ConflictError if the app has too many.
    """
    check_dev(operator)
    is_known = fault.action in (EVERY_ACTION, *ACTIONS, *NOT_EMULATED)
    if not (is_known or has_answer(app, operator.settings, fault.action)):
        raise RefusedError(f"{fault.action!r} is not an action{_hint(fault.action)}")
    try:
        return app.faults.add(operator.ids.random_id(), fault)
    except ValueError as error:
        raise ConflictError(str(error)) from None


async def end_fault(operator: Operator, app: App, fault_id: str) -> None:
    """End one fault. Raises MissingError if it is over already."""
    check_dev(operator)
    if not app.faults.end(fault_id):
        raise MissingError(f"there is no fault {fault_id}, or it has ended")


async def end_faults(operator: Operator, app: App) -> None:
    """End all faults of *app*."""
    check_dev(operator)
    app.faults.clear()


# --- snapshots -----------------------------------------------------------------------


async def take_snapshot(operator: Operator, app: App, name: str) -> NamedSnapshot:
    """Take a snapshot of *app*; it replaces an earlier one with the same name.

    Raises RefusedError on an invalid name, ConflictError if the app has too many snapshots.
    """
    check_dev(operator)
    if not _NAME.fullmatch(name):
        raise RefusedError(
            f"{name!r} is not a valid name: a name has 1 to 100 of A-Z a-z 0-9 _ . -"
        )
    if name not in app.snapshots and len(app.snapshots) >= SNAPSHOTS_MAX:
        raise ConflictError(f"there are {SNAPSHOTS_MAX} snapshots already: delete one")
    rows = await operator.store.run(
        lambda tx: snapshots.copy(tx, app.name), write=False, snapshot=True
    )
    taken = NamedSnapshot(name, operator.now(), rows, app.clock.reading, app.stubs.all())
    app.snapshots[name] = taken
    return taken


async def restore_snapshot(operator: Operator, app: App, name: str) -> None:
    """Restore *app*, its clock and its stubs from a snapshot; faults end. Raises MissingError."""
    check_dev(operator)
    snapshot = _snapshot(app, name)

    async def work(tx: Transaction) -> None:
        await snapshots.put_back(tx, app.name, snapshot.rows)

    async def restore() -> None:
        app.clock.reading = snapshot.clock
        await operator.act(app.name, "app.restore", name, work)

    await app.login_log.forget(restore)
    app.faults.clear()
    # As if no call had used them.
    app.stubs.put(AddedStub(one.id, one.stub) for one in snapshot.stubs)
    app.calls.clear()
    app.outbox.clear()


async def delete_snapshot(operator: Operator, app: App, name: str) -> None:
    """Delete a snapshot. Raises MissingError."""
    check_dev(operator)
    _snapshot(app, name)
    del app.snapshots[name]


def _snapshot(app: App, name: str) -> NamedSnapshot:
    try:
        return app.snapshots[name]
    except KeyError:
        raise MissingError(f"there is no snapshot {name}") from None


def check_dev(operator: Operator) -> None:
    """Raise RefusedError except under `skylogin dev`."""
    if operator.settings.mode != DEV:
        raise RefusedError("only `skylogin dev` has controls for tests")
