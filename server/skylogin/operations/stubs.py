"""Stubs, recorded calls and mails of apps of `skylogin dev`; only the server's memory has them."""

from collections.abc import Mapping, Sequence
from dataclasses import fields

from skylogin.actions.table import ACTIONS
from skylogin.apps.calls import RecordedCall, Wanted
from skylogin.apps.registry import App
from skylogin.apps.stubs import LIMITS, STUBS_MAX, AddedStub, Stub, action_name, error_kind
from skylogin.encoding import json_text
from skylogin.operations.controls import check_dev
from skylogin.operations.operator import ConflictError, MissingError, Operator, RefusedError

ANSWER_BYTES_MAX = 262_144
NESTING_MAX = 100
# The types of the fields of a stub; those that are missing may be any JSON.
TYPES: dict[str, tuple[type, ...]] = {
    "action": (str,),
    "error": (str, int),
    "message": (str,),
    "info": (dict,),
    "times": (int,),
    "delay": (int, float),
    "key_required": (bool,),
    "user_required": (bool,),
}
FIELDS = tuple(field.name for field in fields(Stub))


def read_stub(body: Mapping[str, object]) -> Stub:
    """Return the stub that *body* describes. Raises RefusedError on an invalid one."""
    action = action_name(str(body["action"]))
    # The OpenAPI document, or the seed's reader, has checked the types.
    stub = Stub(**{**body, "action": action})  # type: ignore[arg-type]
    problem = _problem(stub, body)
    if problem:
        raise RefusedError(problem)
    return stub


def _problem(stub: Stub, given: Mapping[str, object]) -> str:
    """Return why *stub* cannot be added, empty if it can."""
    action, error, has_error = stub.action, stub.error, stub.error is not None
    emulated = f"skylogin emulates {action or 'a call without action'}: a fault can make it fail"
    problems = {
        emulated: action in ACTIONS,
        f"{action!r} has a * that is not at its end": "*" in action[:-1],
        "a stub has either a result or an error": has_error and "result" in given,
        "message and info are for a stub with an error": not has_error
        and bool(stub.message or stub.info),
        f"{error!r} is not the name of an error; a code is a number": error is not None
        and error_kind(error) is None,
        **{
            f"{name} has to be {least} to {most}": not least <= value <= most
            for name, (least, most) in LIMITS.items()
            if (value := getattr(stub, name)) is not None
        },
    }
    found = next((text for text, is_so in problems.items() if is_so), "")
    return found or _size_problem(stub)


def _size_problem(stub: Stub) -> str:
    try:
        text = _written([stub.arguments, stub.result, stub.message, dict(stub.info)])
    except RefusedError as error:
        return f"the stub {error}"
    is_small = len(text) <= ANSWER_BYTES_MAX
    return "" if is_small else f"the stub has {len(text):,} bytes, more than {ANSWER_BYTES_MAX:,}"


def _written(value: object) -> bytes:
    """Return *value* as JSON. Raises RefusedError if that is not possible, or nested too deeply."""
    try:
        data = json_text.write(value)
    except (ValueError, TypeError, RecursionError) as error:
        raise RefusedError(f"cannot be written as JSON: {error}") from None
    if json_text.too_deep(data.decode(), NESTING_MAX):
        raise RefusedError(f"is nested deeper than {NESTING_MAX} levels")
    return data


async def add_stub(operator: Operator, app: App, stub: Stub) -> AddedStub:
    """Add *stub* to *app*. Raises ConflictError if the app has too many."""
    check_dev(operator)
    try:
        return app.stubs.add(operator.ids.random_id(), stub)
    except ValueError as error:
        raise ConflictError(str(error)) from None


async def add_seeded(operator: Operator, app: App, stubs: Sequence[Stub]) -> None:
    """Add the stubs of a seed in place of equal ones. Raises ConflictError on too many."""
    check_dev(operator)
    others = [one for one in app.stubs.all() if one.stub not in stubs]
    if len(others) + len(stubs) > STUBS_MAX:
        raise ConflictError(f"the app would have more than {STUBS_MAX} stubs")
    new = [AddedStub(operator.ids.random_id(), stub) for stub in stubs]
    app.stubs.put([*others, *new])


async def remove_stub(operator: Operator, app: App, stub_id: str) -> None:
    """Remove one stub. Raises MissingError."""
    check_dev(operator)
    if not app.stubs.remove(stub_id):
        raise MissingError(f"there is no stub {stub_id}")


async def remove_stubs(operator: Operator, app: App) -> None:
    """Remove all stubs of *app*."""
    check_dev(operator)
    app.stubs.put()


async def wait_for_call(
    operator: Operator, app: App, wanted: Wanted, seconds: float
) -> tuple[RecordedCall | None, str]:
    """Return the first call that matches *wanted*, past or future; on time-out, why none did.

    Raises RefusedError on arguments that are nested too deeply.
    """
    check_dev(operator)
    _written(wanted.arguments)
    found = await app.calls.wait(wanted, seconds)
    return found, "" if found else app.calls.why_none(wanted)


async def forget_calls(operator: Operator, app: App) -> None:
    """Forget the calls of *app*."""
    check_dev(operator)
    app.calls.clear()


async def delete_mails(operator: Operator, app: App) -> None:
    """Delete the mails of *app*, which makes their codes invalid."""
    check_dev(operator)
    app.outbox.clear()
