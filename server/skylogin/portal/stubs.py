"""The pages Calls, Stubs and Outbox: recorded calls, what answers them, and unsent mails."""

from collections.abc import Callable, Mapping, Sequence
from http import HTTPStatus
from typing import Any

from aiohttp import web

from skylogin.apps.faults import NAMES_OF_ERRORS
from skylogin.domain.redaction import redacted
from skylogin.encoding.json_text import read_whole
from skylogin.operations import stubs
from skylogin.operations.operator import RefusedError
from skylogin.portal.request import PageRequest, Reader, status_with

CALLS, STUBS, OUTBOX = "calls", "calls/stubs", "calls/outbox"
ROWS_MAX = 50
# The form's fields.
READERS: Mapping[str, Reader] = {
    "action": str,
    "error": str,
    "message": str,
    "arguments": read_whole,
    "result": read_whole,
    "times": int,
    "delay": float,
}


async def show_calls(request: PageRequest) -> web.Response:
    return _show(request, CALLS, lambda one: (one, one.arguments))


async def show_stubs(request: PageRequest, problem: str = "") -> web.Response:
    """Show the stubs, and the form that adds one."""
    return _show(
        request,
        STUBS,
        lambda one: (one, redacted(one.stub.arguments), redacted(one.stub.result)),
        status=status_with(problem),
        errors=sorted(NAMES_OF_ERRORS),
        form_values={name: request.text(name) for name in READERS},
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
    try:
        stub = stubs.read_stub({"action": "", **request.filled_in(READERS)})
        await stubs.add_stub(request.operator, request.opened_app, stub)
    except RefusedError as error:
        return await show_stubs(request, str(error))
    return request.redirect(STUBS, "stub")


async def remove_stub(request: PageRequest) -> web.Response:
    await stubs.remove_stub(request.operator, request.opened_app, request.parameters["stub_id"])
    return request.redirect(STUBS, "stub-removed")


async def forget_calls(request: PageRequest) -> web.Response:
    await stubs.forget_calls(request.operator, request.opened_app)
    return request.redirect(CALLS, "calls-forgotten")
