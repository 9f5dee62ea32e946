"""The original's JavaScript SDK in Node."""

import json
from collections.abc import Callable
from typing import Any

import pytest
from skylogin.testing import SkyloginServer

from tests.processes import output_of
from tests.sdk.conftest import API_KEY, CLIENTS, MASTER_KEY, Endpoint, check_app

DATE = "1970-01-01T00:00:00.000Z"
RunScript = Callable[..., dict[str, Any]]


@pytest.fixture
def run_script(require: Any) -> RunScript:
    """Run a script in Node with an environment and return what it prints."""
    require("nodejs", "the packages of tests/sdk")

    def run(name: str, **environment: str) -> dict[str, Any]:
        result: dict[str, Any] = json.loads(output_of(["node", name], CLIENTS, **environment))
        return result

    return run


@pytest.mark.slow
def test_the_sdk_logs_in_with_custom_tokens(run_script: RunScript, endpoint: Endpoint) -> None:
    """Log in, change the profile, ask for the user, get refusals, log out."""
    seen = run_script(
        "sdk_login.js",
        SKYGEAR_ENDPOINT=endpoint.url,
        SKYGEAR_API_KEY=API_KEY,
        CUSTOM_TOKEN_SECRET=endpoint.custom_token_secret,
    )

    assert seen["first"]["user_id"] == seen["second"]["user_id"] == seen["me"]["user_id"]
    assert {name: answer["code"] for name, answer in seen["refused"].items()} == {
        "wrong_secret": 107,
        "expired": 107,
        "no_subject": 105,
    }


@pytest.mark.slow
def test_an_app_runs_in_node(run_script: RunScript, endpoint: Endpoint) -> None:
    """Users with passwords and without, profiles, records, roles, disabling, messages."""
    seen = run_script("sdk_app.js", APP_SETTINGS=json.dumps(endpoint.app_settings()))

    check_app(seen)


@pytest.mark.slow
def test_stubs_answer_what_an_app_calls_beyond_the_login(run_script: RunScript) -> None:
    """Cloud functions, a file, notifications, relations and OAuth; passwords by the outbox."""
    with SkyloginServer() as server:
        app = server.app("sdk")
        app.stubs.answer(
            "hello:world", {"at": {"$type": "date", "$date": DATE}}, arguments={"name": "alice"}
        )
        app.stubs.fail("hello:world", "ResourceNotFound", "no bob", arguments=["bob"])
        post = {"action": "/files/a.txt", "extra-fields": {"policy": "x"}}
        file = {"$type": "asset", "$name": "a.txt", "$url": "http://files.example/a.txt"}
        app.stubs.answer("asset:put", {"post-request": post, "asset": file})
        app.stubs.answer("files:*")
        app.stubs.answer("push:*", [])
        app.stubs.answer("sso/config", {"authorized_urls": []})
        app.stubs.answer("relation:query", [])
        settings = {
            "endPoint": app.url,
            "apiKey": API_KEY,
            "masterKey": MASTER_KEY,
            "customToken": app.mint("alice"),
            "outbox": f"{server.url}/_admin/v1/apps/sdk/outbox",
        }

        seen = run_script("sdk_stubs.js", APP_SETTINGS=json.dumps(settings))

        assert seen.pop("refused") == {"name": "ResourceNotFound", "code": 110, "message": "no bob"}
        assert seen == {
            "lambda": {"at": DATE},
            "uploaded": "http://files.example/a.txt",
            "pushed": [],
            "sso": {"authorized_urls": []},
            "friends": 0,
            "reset": True,
            "verified": True,
        }
        assert app.calls.unmatched == []
        [upload] = app.calls.of("files:*")
        assert upload.arguments["content_type"] == "multipart/form-data"
        assert app.calls.of("asset:put")[0].arguments["content-size"] == len("hello")
        [user] = app.calls.of("push:user")
        assert user.arguments["user_ids"] == [f"user/{app.users['alice'].id}"]


@pytest.mark.slow
def test_the_sdk_hands_on_that_a_limit_is_reached(run_script: RunScript) -> None:
    """As an error of Skygear's, which does not log out who is logged in."""
    with SkyloginServer({"SKYLOGIN_LIMITS": "refused_logins=1/h"}) as server:
        seen = run_script(
            "sdk_limit.js",
            SKYGEAR_ENDPOINT=f"{server.url}/",
            SKYGEAR_API_KEY=API_KEY,
            CUSTOM_TOKEN=Endpoint(server.url, server.custom_token_secret).mint("anna"),
        )

    [refused, limited] = seen["refusals"]
    assert (refused["status"], refused["code"]) == (400, 107)
    assert (limited["status"], limited["code"]) == (429, 10000)
    assert limited["message"].startswith("too many requests: try again in ")
    assert seen["is_logged_in"] is True
