"""What tests do to an app of `skylogin dev`: empty it, move its clock, break calls, put it back.

The clock, the faults and the snapshots are this server's own, and gone when it ends.
"""

import re
from collections.abc import Mapping
from datetime import datetime, timedelta
from difflib import get_close_matches

from skylogin.actions.table import ACTIONS, NOT_EMULATED
from skylogin.apps.faults import (
    DROP,
    ERROR,
    EVERY_ACTION,
    LATENCY,
    LIMITS,
    NAMES_OF_ERRORS,
    STATUS,
    FaultInForce,
    InjectedFault,
)
from skylogin.apps.registry import App, NamedSnapshot
from skylogin.config import DEV
from skylogin.database import Transaction
from skylogin.operations.operator import ConflictError, MissingError, Operator, RefusedError
from skylogin.store import snapshots

SNAPSHOTS_MAX = 20
_NAME = re.compile(r"[A-Za-z0-9_.-]{1,100}", re.ASCII)
# With a probability: how many calls a fault covers unless it says so.
CALLS_DRAWN = 100
# What only faults of some kinds have, and which of them need it.
OF_KINDS = {
    "seconds": (LATENCY,),
    "error": (ERROR,),
    "message": (ERROR,),
    "status": (STATUS,),
    "after": (DROP,),
}
NEEDED = ("seconds", "error", "status")


async def reset(operator: Operator, app: App) -> None:
    """Make *app* as it is when it is new; its keys and secrets stay, and its snapshots.

    Users, records, rules, attempts, counts and the audit list go, faults end, and the clock
    is the server's again.
    """
    _check_dev(operator)

    async def work(tx: Transaction) -> None:
        first = await snapshots.reset(tx, app.name, operator.settings.auth_record_keys, app.first)

        def remember() -> None:
            app.first = first

        tx.on_commit.append(remember)

    async def empty() -> None:
        app.clock.reset()
        await operator.act(app.name, "app.reset", app.name, work)
        app.access_rules.forget()

    await app.login_log.forget(empty)
    app.faults.clear()


# --- the clock -------------------------------------------------------------------


async def set_clock(
    operator: Operator, app: App, moment: datetime | None = None, *, frozen: bool = False
) -> None:
    """Have the clock of *app* show *moment*, or the time it shows, and go on or stand.

    Raises RefusedError on a time that is out of reach.
    """
    _check_dev(operator)
    try:
        app.clock.set(app.clock() if moment is None else moment, frozen=frozen)
    except ValueError as error:
        raise RefusedError(str(error)) from None


async def advance_clock(operator: Operator, app: App, seconds: float) -> None:
    """Move the clock of *app* on, or back. Raises RefusedError where that is out of reach."""
    _check_dev(operator)
    try:
        app.clock.advance(timedelta(seconds=seconds))
    except (ValueError, OverflowError) as error:
        raise RefusedError(str(error)) from None


async def reset_clock(operator: Operator, app: App) -> None:
    """Have the clock of *app* show the server's time again."""
    _check_dev(operator)
    app.clock.reset()


# --- faults ------------------------------------------------------------------------


def read_fault(body: Mapping[str, object]) -> InjectedFault:
    """Return the fault that *body* asks for. Raises RefusedError where it does not fit its kind."""
    kind = body["kind"]
    for name, kinds in OF_KINDS.items():
        if name in body and kind not in kinds:
            raise RefusedError(f"{name} goes with {', '.join(kinds)} and not with {kind}")
        if name in NEEDED and kind in kinds and name not in body:
            raise RefusedError(f"{kind} needs {name}")
    if kind == ERROR and body["error"] not in NAMES_OF_ERRORS:
        names = ", ".join(sorted(NAMES_OF_ERRORS))
        raise RefusedError(f"{body['error']!r} is none of {names}")
    is_drawn = "probability" in body
    # The schema of the document, or the form, has said of what type each is.
    fault = InjectedFault(**{"calls": CALLS_DRAWN if is_drawn else 1, **body})  # type: ignore[arg-type]
    for name, (least, most) in LIMITS.items():
        if name in body and not least <= getattr(fault, name) <= most:
            raise RefusedError(f"{name} has to be {least} to {most}: {getattr(fault, name)}")
    if fault.action not in (EVERY_ACTION, *ACTIONS, *NOT_EMULATED):
        raise RefusedError(f"{fault.action!r} is no action{_hint(fault.action)}")
    return fault


def _hint(action: str) -> str:
    """Return what was meant: a fault that no call ever meets is a riddle."""
    near = get_close_matches(action.strip("/").replace("/", ":"), ACTIONS, n=1)
    return f"; did you mean {near[0]}?" if near else ", and * are all of them"


async def add_fault(operator: Operator, app: App, fault: InjectedFault) -> FaultInForce:
    """Have *fault* strike calls of *app* from now on. Raises ConflictError at too many."""
    _check_dev(operator)
    try:
        return app.faults.add(operator.ids.random_id(), fault)
    except ValueError as error:
        raise ConflictError(str(error)) from None


async def end_fault(operator: Operator, app: App, fault_id: str) -> None:
    """End one fault. Raises MissingError where it is over already."""
    _check_dev(operator)
    if not app.faults.end(fault_id):
        raise MissingError(f"there is no fault {fault_id}, or it is over")


async def end_faults(operator: Operator, app: App) -> None:
    """End all faults of *app*."""
    _check_dev(operator)
    app.faults.clear()


# --- snapshots -----------------------------------------------------------------------


async def take_snapshot(operator: Operator, app: App, name: str) -> NamedSnapshot:
    """Keep *app* as it is, in place of an earlier snapshot of that name.

    Raises RefusedError on a name that cannot be, ConflictError where there are too many.
    """
    _check_dev(operator)
    if not _NAME.fullmatch(name):
        raise RefusedError(f"{name!r} names no snapshot: a name has 1 to 100 of A-Z a-z 0-9 _ . -")
    if name not in app.snapshots and len(app.snapshots) >= SNAPSHOTS_MAX:
        raise ConflictError(f"there are {SNAPSHOTS_MAX} snapshots already: delete one")
    rows = await operator.store.run(
        lambda tx: snapshots.copy(tx, app.name), write=False, snapshot=True
    )
    taken = NamedSnapshot(name, operator.now(), rows, app.clock.reading)
    app.snapshots[name] = taken
    return taken


async def restore_snapshot(operator: Operator, app: App, name: str) -> None:
    """Make *app* as it was at a snapshot, its clock as well; faults end. Raises MissingError."""
    _check_dev(operator)
    kept = _snapshot(app, name)

    async def work(tx: Transaction) -> None:
        await snapshots.put_back(tx, app.name, kept.rows)

    async def put_back() -> None:
        app.clock.reading = kept.clock
        await operator.act(app.name, "app.restore", name, work)

    await app.login_log.forget(put_back)
    app.faults.clear()


async def delete_snapshot(operator: Operator, app: App, name: str) -> None:
    """Forget a snapshot. Raises MissingError."""
    _check_dev(operator)
    _snapshot(app, name)
    del app.snapshots[name]


def _snapshot(app: App, name: str) -> NamedSnapshot:
    try:
        return app.snapshots[name]
    except KeyError:
        raise MissingError(f"there is no snapshot {name}") from None


def _check_dev(operator: Operator) -> None:
    if operator.settings.mode != DEV:
        raise RefusedError("only `skylogin dev` lets tests take hold of an app")
