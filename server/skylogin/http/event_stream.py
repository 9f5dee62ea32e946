"""Server-sent events, until the client disconnects or the server stops."""

import asyncio
from collections.abc import AsyncGenerator, Callable
from contextlib import aclosing

from aiohttp import web

from skylogin.domain.login_attempt import LogEntry

KEEP_ALIVE_SECONDS = 15.0
HEADERS = {
    "Content-Type": "text/event-stream",
    "Cache-Control": "no-store",
    # nginx would wait until it has a few kilobytes.
    "X-Accel-Buffering": "no",
}
# Set while the server stops.
STOPPING = web.AppKey("stopping", asyncio.Event)


async def send(
    request: web.Request, entries: AsyncGenerator[LogEntry], to_text: Callable[[LogEntry], str]
) -> web.StreamResponse:
    """Send each login attempt of *entries* as an event with the text from *to_text*."""
    response = web.StreamResponse(headers=HEADERS)
    await response.prepare(request)
    async with aclosing(entries):
        stopping = asyncio.create_task(request.app[STOPPING].wait())
        next_entry = asyncio.ensure_future(anext(entries))
        try:
            while True:
                await asyncio.wait(
                    [next_entry, stopping],
                    timeout=KEEP_ALIVE_SECONDS,
                    return_when=asyncio.FIRST_COMPLETED,
                )
                if stopping.done():
                    return response
                if not next_entry.done():
                    # Only a write detects that the client has disconnected.
                    await response.write(b": keep-alive\n\n")
                    continue
                await response.write(_event(to_text(next_entry.result())))
                next_entry = asyncio.ensure_future(anext(entries))
        finally:
            for task in (next_entry, stopping):
                task.cancel()
            await asyncio.wait([next_entry, stopping])


def _event(text: str) -> bytes:
    return b"".join(b"data: " + line + b"\n" for line in text.encode().splitlines()) + b"\n"
