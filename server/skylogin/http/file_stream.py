"""Sending an export, and taking what is to be imported, through a file that nobody else sees."""

import tempfile

from aiohttp import web

from skylogin.operations import exports
from skylogin.operations.exports import CONTENT_TYPE
from skylogin.operations.operator import Operator, RefusedError

CHUNK_BYTES = 2**18
IMPORT_BYTES_MAX = 2**30


async def send(request: web.Request, operator: Operator, app: str) -> web.StreamResponse:
    """Send the app as a file. It is read first, so that a slow client holds up nobody."""
    with tempfile.TemporaryFile() as file:
        await exports.export(operator, app, file)
        response = web.StreamResponse(
            headers={
                "Content-Type": CONTENT_TYPE,
                "Content-Length": str(file.tell()),
                "Content-Disposition": f'attachment; filename="{app}.jsonl"',
                "Cache-Control": "no-store",
                "X-Content-Type-Options": "nosniff",
            }
        )
        file.seek(0)
        await response.prepare(request)
        while chunk := file.read(CHUNK_BYTES):
            await response.write(chunk)
        await response.write_eof()
    return response


async def take(
    request: web.Request, operator: Operator, app: str, *, replace: bool
) -> dict[str, int]:
    """Import the body of a request, and return the number of rows by table.

    Raises RefusedError on one that is too large.
    """
    with tempfile.TemporaryFile() as file:
        async for chunk in request.content.iter_chunked(CHUNK_BYTES):
            if file.tell() + len(chunk) > IMPORT_BYTES_MAX:
                raise RefusedError(f"an import has at most {IMPORT_BYTES_MAX:,} bytes")
            file.write(chunk)
        return await exports.load(operator, app, file, replace=replace)
