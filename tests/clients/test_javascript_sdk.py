"""The original's JavaScript SDK, unchanged, against a server of ours."""

import json
import os
import shutil
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

CLIENTS = Path(__file__).parent
SERVER = CLIENTS.parent.parent / "server"
SECONDS_MAX = 60


@pytest.mark.slow
def test_the_sdk_logs_in_with_custom_tokens(server: dict[str, Any]) -> None:
    """Log in, change the profile, ask who one is, be refused, log out."""
    script = subprocess.run(
        ["node", "sdk_login.js"],
        cwd=CLIENTS,
        env=plain_environment()
        | {
            "SKYGEAR_ENDPOINT": server["url"],
            "SKYGEAR_API_KEY": server["api_key"],
            "CUSTOM_TOKEN_SECRET": server["custom_token_secret"],
        },
        capture_output=True,
        text=True,
        timeout=SECONDS_MAX,
        check=False,
    )

    assert script.returncode == 0, script.stderr
    seen = json.loads(script.stdout)
    assert seen["first"]["user_id"] == seen["second"]["user_id"] == seen["me"]["user_id"]
    assert {name: answer["code"] for name, answer in seen["refused"].items()} == {
        "wrong_secret": 107,
        "expired": 107,
        "no_subject": 105,
    }


@pytest.fixture
def server(require: Any, tmp_path: Path) -> Iterator[dict[str, Any]]:
    """What the ready line of a server says that runs for this test, as its users start it."""
    require(sdk_missing())
    ready_file = tmp_path / "ready.json"
    command = ["dev", "--port", "0", "--ephemeral", "--ready-file", str(ready_file)]
    with (tmp_path / "log").open("w+") as log:
        process = subprocess.Popen(
            [sys.executable, "-m", "skylogin", *command],
            # Away from any .env and .skylogin of the developer's own.
            cwd=tmp_path,
            env=plain_environment() | {"PYTHONPATH": str(SERVER)},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=log,
            text=True,
        )
        with process:
            try:
                line = first_line(process)
                assert line, f"the server was not ready:\n{Path(log.name).read_text()}"
                assert json.loads(line) == json.loads(ready_file.read_text())
                yield json.loads(line)
            finally:
                process.terminate()
                try:
                    process.wait(SECONDS_MAX)
                except subprocess.TimeoutExpired:
                    process.kill()
                    raise


def first_line(process: subprocess.Popen[str]) -> str:
    """Return the first line it prints, or nothing if it ends or lets us wait too long."""
    assert process.stdout is not None
    too_long = threading.Timer(SECONDS_MAX, process.kill)
    too_long.start()
    try:
        return process.stdout.readline()
    finally:
        too_long.cancel()


def sdk_missing() -> str | None:
    """Say why the SDK cannot be run here, or nothing if it can."""
    if shutil.which("node") is None:
        return "Node is not installed: no node on the PATH"
    if not (CLIENTS / "node_modules" / "skygear").is_dir():
        return "the JavaScript SDK is not installed: `make test` does it where there is npm"
    return None


def plain_environment() -> dict[str, str]:
    """Return an environment in which no setting of the developer's reaches the server."""
    kept = ("PATH", "HOME", "LANG", "TMPDIR")
    return {name: os.environ[name] for name in kept if name in os.environ}
