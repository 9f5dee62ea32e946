"""The original's Python SDK, unchanged, in a separate environment."""

import json
from typing import Any

import pytest

from tests.processes import output_of
from tests.sdk.conftest import CLIENTS, Endpoint, check_app

PYTHON = CLIENTS / ".python_sdk" / "bin" / "python"


@pytest.mark.slow
def test_an_app_runs_on_the_python_sdk(endpoint: Endpoint, require: Any) -> None:
    """The same app as with the JavaScript SDK."""
    require("the original's Python SDK")

    environment = {"PYTHONPATH": "", "APP_SETTINGS": json.dumps(endpoint.app_settings())}
    check_app(json.loads(output_of([PYTHON, "python_sdk_app.py"], CLIENTS, **environment)))
