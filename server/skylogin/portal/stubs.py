"""The pages Calls, Stubs and Outbox: what clients called, what answers them, mails not sent."""

from collections.abc import Callable, Sequence
from http import HTTPStatus
from typing import Any

from aiohttp import web

from skylogin.apps.faults import NAMES_OF_ERRORS
from skylogin.domain.redaction import redacted
from skylogin.encoding import json_text
from skylogin.encoding.json_text import NotJsonError
from skylogin.operations import stubs
from skylogin.operations.operator import RefusedError
from skylogin.portal.request import PageRequest, status_with

CALLS, STUBS, OUTBOX = "calls", "calls/stubs", "calls/outbox"
ROWS_MAX = 50
TEXTS = ("action", "error", "message")
FIELDS = (*TEXTS, "arguments", "result", "times", "delay")


async def show_calls(request: PageRequest) -> web.Response:
    """Show the latest calls."""
    return _show(request, CALLS, lambda one: (one, one.arguments))


async def show_stubs(request: PageRequest, problem: str = "") -> web.Response:
    """Show the stubs, and the form that adds one."""
    return _show(
        request,
        STUBS,
        lambda one: (one, redacted(one.stub.arguments), redacted(one.stub.result)),
        status=status_with(problem),
        errors=sorted(NAMES_OF_ERRORS),
        form_values={name: request.text(name) for name in FIELDS},
        problem=problem,
    )


async def show_outbox(request: PageRequest) -> web.Response:
    """Show the latest mails."""
    return _show(request, OUTBOX, lambda one: one)


def _show(
    request: PageRequest,
    page: str,
    cells: Callable[[Any], object],
    status: HTTPStatus = HTTPStatus.OK,
    **values: object,
) -> web.Response:
    """Show the newest rows of a page, or all if asked, with links to the other two."""
    app = request.opened_app
    of_pages: dict[str, tuple[str, Sequence[Any]]] = {
        CALLS: ("Calls", app.calls.find()),
        STUBS: ("Stubs", app.stubs.all()),
        OUTBOX: ("Outbox", app.outbox.all()),
    }
    name, every = of_pages[page]
    newest = every[::-1] if request.text("all") else every[: -ROWS_MAX - 1 : -1]
    return request.render(
        f"{name.lower()}.html",
        status=status,
        rows=[cells(one) for one in newest],
        number=len(every),
        tabs=[(path, title, len(rows)) for path, (title, rows) in of_pages.items()],
        tab=page,
        **values,
    )


async def add_stub(request: PageRequest) -> web.Response:
    """Add a stub."""
    try:
        stub = stubs.read_stub(_filled_in(request))
        await stubs.add_stub(request.operator, request.opened_app, stub)
    except RefusedError as error:
        return await show_stubs(request, str(error))
    return request.redirect(STUBS, "stub")


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
    return request.redirect(STUBS, "stub-removed")


async def forget_calls(request: PageRequest) -> web.Response:
    """Forget the calls."""
    await stubs.forget_calls(request.operator, request.opened_app)
    return request.redirect(CALLS, "calls-forgotten")
