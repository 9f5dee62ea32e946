"""Downloads of exports and uploads of imports, through an unnamed temporary file."""

import tempfile

from aiohttp import web

from skylogin.operations import exports
from skylogin.operations.exports import CONTENT_TYPE
from skylogin.operations.operator import Operator, RefusedError

CHUNK_BYTES = 2**18
IMPORT_BYTES_MAX = 2**30


async def send_export(request: web.Request, operator: Operator, app: str) -> web.StreamResponse:
    """Send the app as a file.

    The export finishes before it is sent, so a slow client does not keep a transaction open.
    """
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


async def receive_import(
    request: web.Request, operator: Operator, app: str, *, replace: bool
) -> dict[str, int]:
    """Import the request's body, and return the number of rows by table.

    Raises RefusedError if the body is too large.
    """
    with tempfile.TemporaryFile() as file:
        async for chunk in request.content.iter_chunked(CHUNK_BYTES):
            if file.tell() + len(chunk) > IMPORT_BYTES_MAX:
                raise RefusedError(f"an import has at most {IMPORT_BYTES_MAX:,} bytes")
            file.write(chunk)
        return await exports.load(operator, app, file, replace=replace)
