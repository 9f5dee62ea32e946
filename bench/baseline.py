"""The handlers that logins, and questions who one is, are compared with.

They do what nobody can leave out, and store nothing. A login: reading the body, verifying the
custom token and signing an access token, all of it with PyJWT. The question who one is: verifying
the access token.
"""

import asyncio
import json
import os
import time
import uuid
from datetime import UTC, datetime
from typing import Any

import jwt
from aiohttp import web

try:
    import uvloop
except ImportError:
    uvloop = None  # type: ignore[assignment]

APP_NAME = os.environ["APP_NAME"]
CUSTOM_TOKEN_SECRET = os.environ["CUSTOM_TOKEN_SECRET"]
TOKEN_STORE_SECRET = os.environ["TOKEN_STORE_SECRET"]


async def log_in(request: web.Request) -> web.Response:
    """Answer as a login does, with the subject as the user's id."""
    body = await request.json()
    claims = jwt.decode(body["token"], CUSTOM_TOKEN_SECRET, algorithms=["HS256", "HS384", "HS512"])
    user_id = claims["sub"]
    access_token = jwt.encode(
        {"jti": str(uuid.uuid4()), "iat": int(time.time()), "iss": APP_NAME, "sub": user_id},
        TOKEN_STORE_SECRET,
        algorithm="HS256",
    )
    profile = user_record(user_id, claims["skyprofile"])
    result = {"user_id": user_id, "profile": profile, "access_token": access_token}
    return web.json_response({"result": result})


async def me(request: web.Request) -> web.Response:
    """Answer who it is that the access token is for."""
    body = await request.json()
    claims = jwt.decode(body["access_token"], TOKEN_STORE_SECRET, algorithms=["HS256"])
    return web.json_response({"result": {"user_id": claims["sub"]}})


def user_record(user_id: str, profile: dict[str, Any]) -> dict[str, Any]:
    now = datetime.now(UTC).isoformat().replace("+00:00", "Z")
    return {
        "_access": None,
        "_created_at": now,
        "_created_by": user_id,
        "_id": f"user/{user_id}",
        "_ownerID": user_id,
        "_type": "record",
        "_updated_at": now,
        "_updated_by": user_id,
        **profile,
    }


async def serve() -> None:
    app = web.Application()
    app.router.add_post("/sso/custom_token/login", log_in)
    app.router.add_post("/me", me)
    runner = web.AppRunner(app, access_log=None)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    print(json.dumps({"url": f"http://127.0.0.1:{runner.addresses[0][1]}/"}), flush=True)
    await asyncio.Event().wait()


if __name__ == "__main__":
    (uvloop or asyncio).run(serve())
