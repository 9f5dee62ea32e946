"""The original's Python SDK, unchanged, in an environment of its own."""

import json
import subprocess
from typing import Any

import pytest

from tests.processes import environment_with
from tests.sdk.conftest import CLIENTS, Endpoint, check_app

PYTHON = CLIENTS / ".python_sdk" / "bin" / "python"
SECONDS_MAX = 90


@pytest.mark.slow
def test_an_app_runs_on_the_python_sdk(endpoint: Endpoint, require: Any) -> None:
    """The same app as with the JavaScript SDK."""
    require("the original's Python SDK")

    script = subprocess.run(
        [PYTHON, "python_sdk_app.py"],
        cwd=CLIENTS,
        env=environment_with(
            {"PYTHONPATH": "", "APP_SETTINGS": json.dumps(endpoint.app_settings())}
        ),
        capture_output=True,
        text=True,
        timeout=SECONDS_MAX,
        check=False,
    )

    assert script.returncode == 0, script.stderr
    check_app(json.loads(script.stdout))
