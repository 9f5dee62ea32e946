"""The page Calls: what clients called, what stubs answer, and the mails that were not sent."""

import json

from aiohttp import web

from skylogin.apps.faults import NAMES_OF_ERRORS
from skylogin.domain.redaction import redacted
from skylogin.encoding import json_text
from skylogin.encoding.json_text import NotJsonError
from skylogin.operations import stubs
from skylogin.operations.operator import RefusedError
from skylogin.portal.request import PageRequest, status_with

PAGE = "calls"
CALLS_SHOWN_MAX = 50
TEXTS = ("action", "error", "message")
FIELDS = (*TEXTS, "arguments", "result", "times", "delay")


async def show_calls(request: PageRequest, problem: str = "") -> web.Response:
    """Show the latest calls, the stubs and the mails."""
    app = request.opened_app
    calls = app.calls.find()
    return request.render(
        "calls.html",
        status=status_with(problem),
        calls=[(one, _text(one.arguments)) for one in calls[: -CALLS_SHOWN_MAX - 1 : -1]],
        number=len(calls),
        stubs=[
            (one, _text(redacted(one.stub.arguments)), _text(redacted(one.stub.result)))
            for one in app.stubs.all()
        ],
        mails=app.outbox.all()[::-1],
        errors=sorted(NAMES_OF_ERRORS),
        form_values={name: request.text(name) for name in FIELDS},
        problem=problem,
    )


def _text(value: object) -> str:
    return json.dumps(value, ensure_ascii=False)


async def add_stub(request: PageRequest) -> web.Response:
    """Add a stub."""
    try:
        stub = stubs.read_stub(_filled_in(request))
        await stubs.add_stub(request.operator, request.opened_app, stub)
    except RefusedError as error:
        return await show_calls(request, str(error))
    return request.redirect(PAGE, "stub")


def _filled_in(request: PageRequest) -> dict[str, object]:
    """Return the fields that are filled in; without an error, the result is null unless given."""
    values: dict[str, object] = {name: text for name in TEXTS if (text := request.text(name))}
    values.setdefault("action", "")
    for name in ("arguments", "result"):
        text = request.text(name)
        try:
            values |= {name: json_text.read_whole(text)} if text else {}
        except NotJsonError as error:
            raise RefusedError(f"{name} is not JSON: {error}") from None
    for name, read in (("times", int), ("delay", float)):
        text = request.text(name)
        try:
            values |= {name: read(text)} if text else {}
        except ValueError:
            raise RefusedError(f"{name}: {text!r} is not a number.") from None
    return values


async def remove_stub(request: PageRequest) -> web.Response:
    """Remove one stub."""
    await stubs.remove_stub(request.operator, request.opened_app, request.parameters["stub_id"])
    return request.redirect(PAGE, "stub-removed")


async def forget_calls(request: PageRequest) -> web.Response:
    """Forget the calls."""
    await stubs.forget_calls(request.operator, request.opened_app)
    return request.redirect(PAGE, "calls-forgotten")
