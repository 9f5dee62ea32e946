"""Sending events as they come, until the client leaves."""

import asyncio
from collections.abc import AsyncGenerator, Callable
from contextlib import aclosing

from aiohttp import web

from skylogin.domain.login_attempt import LogEntry

KEEP_ALIVE_SECONDS = 15.0


async def send(
    request: web.Request, following: AsyncGenerator[LogEntry], write: Callable[[LogEntry], str]
) -> web.StreamResponse:
    """Send each attempt of *following* as the text that *write* makes of it."""
    response = web.StreamResponse(
        headers={"Content-Type": "text/event-stream", "Cache-Control": "no-store"}
    )
    await response.prepare(request)
    async with aclosing(following):
        coming = asyncio.ensure_future(anext(following))
        try:
            while True:
                done, _ = await asyncio.wait([coming], timeout=KEEP_ALIVE_SECONDS)
                if not done:
                    # Whoever left is found out by writing to them.
                    await response.write(b": still here\n\n")
                    continue
                await response.write(_event(write(coming.result())))
                coming = asyncio.ensure_future(anext(following))
        finally:
            coming.cancel()
            await asyncio.wait([coming])


def _event(text: str) -> bytes:
    return b"".join(b"data: " + line + b"\n" for line in text.encode().splitlines()) + b"\n"
