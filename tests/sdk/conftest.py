"""A server as its users start it, and what its clients have to know of it."""

import time
import uuid
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import jwt
import pytest

from tests.processes import ServerProcess

CLIENTS = Path(__file__).parent
NODE_MODULES = CLIENTS / "node_modules"
PACKAGE = NODE_MODULES / "skygear"
LIFETIME_SECONDS = 3600
NOTHING_LOGGED = ("crashed", "Traceback")


@dataclass(frozen=True, slots=True)
class Endpoint:
    """An app of a running server: where it is, and its keys."""

    url: str
    api_key: str
    master_key: str
    custom_token_secret: str
    server: ServerProcess

    def mint(self, subject: str, **profile: Any) -> str:
        """Return a custom token that another library signed: what a team's own code does."""
        now = int(time.time())
        claims = {"sub": subject, "iat": now, "exp": now + LIFETIME_SECONDS, "skyprofile": profile}
        return jwt.encode(claims, self.custom_token_secret, algorithm="HS256")

    def app_settings(self) -> dict[str, Any]:
        """Return what `app_scenario.js` has to know."""
        run = uuid.uuid4().hex[:8]
        return {
            "run": run,
            "endPoint": self.url,
            "apiKey": self.api_key,
            "masterKey": self.master_key,
            "customTokens": [self.mint(f"app-{run}", level=level) for level in (1, 2)],
        }

    def check_nothing_crashed(self) -> None:
        """Fail with the server's log where it tells of a call that crashed."""
        assert not [word for word in NOTHING_LOGGED if word in self.server.log], self.server.log


@pytest.fixture(params=["", "apps/shop/"], ids=["default app", "app below apps"])
def endpoint(
    request: pytest.FixtureRequest, start_server: Callable[..., ServerProcess]
) -> Endpoint:
    """An app of a server of this test's own: the environment's, and one below it."""
    server = start_server("dev", "--port", "0", "--ephemeral")
    facts = server.facts
    return Endpoint(
        url=f"{server.url}{request.param}",
        api_key=facts["api_key"],
        master_key=facts["master_key"],
        custom_token_secret=facts["custom_token_secret"],
        server=server,
    )


def check_app(seen: dict[str, Any]) -> None:
    """Check what `app_scenario.js` returned."""
    assert seen["notes"] == [2, 3]
    assert seen["disabled"]["message"] == "too loud"
    assert seen["messages"] == {"ordinal": 1, "text": "<é> & \u2028", "list": [1, None, {}]}
    who = {seen["user_id"], seen["disabled"]["user_id"], seen["anonymous"], seen["principal"]}
    assert len(who) == 4  # noqa: PLR2004
