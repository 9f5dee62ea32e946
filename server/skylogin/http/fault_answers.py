"""Responses that a test changes: dated by the app's clock, or broken by a fault."""

from email.utils import format_datetime

from aiohttp import web

from skylogin.apps import faults
from skylogin.apps.clock import Clock
from skylogin.apps.faults import InjectedFault

# The clock of the app that a request is for.
CLOCK = web.RequestKey("clock", Clock)


def set_date(request: web.Request, response: web.StreamResponse) -> None:
    """Set `Date` to the app's clock if a test has moved it."""
    clock = request.get(CLOCK)
    if clock is not None and clock.is_moved:
        response.headers["Date"] = format_datetime(clock(), usegmt=True)


async def apply_fault(
    request: web.Request, fault: InjectedFault, response: web.Response
) -> web.StreamResponse:
    """Break *response* as *fault* says, and return the response to send."""
    match fault.kind:
        case faults.STATUS | faults.RATE:
            del response.headers["Content-Type"]
            if fault.retry_after:
                response.headers["Retry-After"] = str(fault.retry_after)
            return web.Response(status=response.status, headers=response.headers)
        case faults.DROP:
            if request.transport is not None:
                request.transport.abort()
        case faults.TRUNCATE:
            return await _send_half(request, response)
    return response


async def _send_half(request: web.Request, response: web.Response) -> web.StreamResponse:
    body = response.body
    assert isinstance(body, bytes)
    half = web.StreamResponse(status=response.status, headers=response.headers)
    half.content_length = len(body)
    await half.prepare(request)
    await half.write(body[: len(body) // 2])
    if request.transport is not None:
        # Unlike `abort`, this sends what was written first.
        request.transport.close()
    return half
