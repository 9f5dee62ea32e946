"""The server that the start-up is compared with: the libraries a login needs, and one route."""

import asyncio
import json

import aiosqlite  # noqa: F401
import jwt  # noqa: F401
import sqlalchemy.ext.asyncio  # noqa: F401
from aiohttp import web


async def home(request: web.Request) -> web.Response:
    return web.json_response({"status": "OK"})


async def serve() -> None:
    app = web.Application()
    app.router.add_get("/", home)
    runner = web.AppRunner(app, access_log=None)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    print(json.dumps({"url": f"http://127.0.0.1:{runner.addresses[0][1]}/"}), flush=True)
    await asyncio.Event().wait()


if __name__ == "__main__":
    asyncio.run(serve())
