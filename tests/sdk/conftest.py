"""A server, and what a client of one of its apps has to know."""

import logging
import time
import uuid
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import jwt
import pytest
from skylogin.testing import SkyloginServer

CLIENTS = Path(__file__).parent
NODE_MODULES = CLIENTS / "node_modules"
PACKAGE = NODE_MODULES / "skygear"
LIFETIME_SECONDS = 3600
API_KEY, MASTER_KEY = "changeme", "secret"


@dataclass(frozen=True, slots=True)
class Endpoint:
    """An app of a running server."""

    url: str
    custom_token_secret: str

    def mint(self, subject: str, **profile: Any) -> str:
        """Return a custom token signed by another library, as a team's own code does."""
        now = int(time.time())
        claims = {"sub": subject, "iat": now, "exp": now + LIFETIME_SECONDS, "skyprofile": profile}
        return jwt.encode(claims, self.custom_token_secret, algorithm="HS256")

    def app_settings(self) -> dict[str, Any]:
        """Return the settings of `app_scenario.js` and `python_sdk_app.py`."""
        run = uuid.uuid4().hex[:8]
        return {
            "run": run,
            "endPoint": self.url,
            "apiKey": API_KEY,
            "masterKey": MASTER_KEY,
            "customTokens": [self.mint(f"app-{run}", level=level) for level in (1, 2)],
        }


@pytest.fixture(params=["", "apps/shop/"], ids=["default app", "app below apps"])
def endpoint(
    request: pytest.FixtureRequest, caplog: pytest.LogCaptureFixture
) -> Iterator[Endpoint]:
    """An app of this test's own server, the environment's and one below it; no call may crash."""
    with SkyloginServer() as server:
        yield Endpoint(f"{server.url}/{request.param}", server.custom_token_secret)
    assert [record for record in caplog.records if record.levelno >= logging.ERROR] == []


def check_app(seen: dict[str, Any]) -> None:
    """Check what `app_scenario.js` or `python_sdk_app.py` returned."""
    assert seen["notes"] == [2, 3]
    assert seen["disabled"]["message"] == "too loud"
    assert seen["messages"] == {"ordinal": 1, "text": "<é> & \u2028", "list": [1, None, {}]}
    who = {seen["user_id"], seen["disabled"]["user_id"], seen["anonymous"], seen["principal"]}
    assert len(who) == 4  # noqa: PLR2004
