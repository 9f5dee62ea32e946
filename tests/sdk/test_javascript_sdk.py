"""The original's JavaScript SDK in Node."""

import json
import subprocess
from collections.abc import Callable
from typing import Any

import pytest

from tests.processes import environment_with
from tests.sdk.conftest import API_KEY, CLIENTS, Endpoint, check_app

SECONDS_MAX = 90
RunScript = Callable[..., dict[str, Any]]


@pytest.fixture
def run_script(require: Any) -> RunScript:
    """Run a script in Node with an environment and return what it prints."""
    require("nodejs", "the packages of tests/sdk")

    def run(name: str, **environment: str) -> dict[str, Any]:
        script = subprocess.run(
            ["node", name],
            cwd=CLIENTS,
            env=environment_with(environment),
            capture_output=True,
            text=True,
            timeout=SECONDS_MAX,
            check=False,
        )
        assert script.returncode == 0, script.stderr
        result: dict[str, Any] = json.loads(script.stdout)
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
