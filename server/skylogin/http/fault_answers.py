"""Answers as tests of `skylogin dev` stage them: dated by a clock they moved, or broken."""

from email.utils import format_datetime

from aiohttp import web

from skylogin.apps import faults
from skylogin.apps.clock import Clock
from skylogin.apps.faults import InjectedFault

# The clock of the app that a request is for.
CLOCK = web.RequestKey("clock", Clock)


def date(request: web.Request, response: web.StreamResponse) -> None:
    """Date an answer by the app's clock, where a test has moved that."""
    clock = request.get(CLOCK)
    if clock is not None and clock.is_moved:
        response.headers["Date"] = format_datetime(clock(), usegmt=True)


async def spoil(
    request: web.Request, fault: InjectedFault, answer: web.Response
) -> web.StreamResponse:
    """Send *answer* as *fault* would have it arrive."""
    match fault.kind:
        case faults.STATUS:
            del answer.headers["Content-Type"]
            return web.Response(status=answer.status, headers=answer.headers)
        case faults.DROP:
            if request.transport is not None:
                request.transport.abort()
        case faults.TRUNCATE:
            return await _truncated(request, answer)
    return answer


async def _truncated(request: web.Request, answer: web.Response) -> web.StreamResponse:
    body = answer.body
    assert isinstance(body, bytes)
    response = web.StreamResponse(status=answer.status, headers=answer.headers)
    response.content_length = len(body)
    await response.prepare(request)
    await response.write(body[: len(body) // 2])
    if request.transport is not None:
        # What was written still goes out.
        request.transport.close()
    return response
