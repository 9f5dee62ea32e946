"""`skylogin.yaml`: found by `dev` and `exec`, and written by `skylogin init`."""

import contextlib
from http import HTTPStatus
from pathlib import Path

import pytest
from skylogin.cli import project_file

from tests.cli.commands import DEV, call, log_in, rows_of, run_command
from tests.processes import StartServer, run_skylogin

pytestmark = pytest.mark.slow

BAD = {
    "an unknown setting": (
        "settings: {API_KYE: x}",
        "skylogin.yaml:1: settings.API_KYE: is not a setting",
    ),
    "a setting that is a list": (
        "settings:\n  API_KEY: [x]",
        "skylogin.yaml:2: settings.API_KEY: must be a string",
    ),
    "a setting that cannot be used": (
        "settings: {SKYLOGIN_LEEWAY_SECONDS: x}",
        "skylogin cannot run:\n  - SKYLOGIN_LEEWAY_SECONDS is not a whole number: 'x'",
    ),
    "an unknown part": (
        "user: []",
        "skylogin.yaml:1: user: is not a known field; did you mean users?",
    ),
    "not YAML": ("users: [", "skylogin.yaml:2: is not YAML: "),
}


def show_settings(folder: Path, *options: str) -> dict[str, str]:
    """Return the settings of `skylogin exec` in *folder*."""
    command = ("-c", "import os; print(os.environ['SKYGEAR_API_KEY'], os.environ['SKYLOGIN_APP'])")
    done = run_skylogin(folder, "exec", *options, "--", "python3", *command)
    assert done.returncode == 0, done.stderr
    return dict(zip(("API_KEY", "APP_NAME"), done.stdout.split(), strict=True))


def test_init_writes_a_project_that_starts(tmp_path: Path, start_server: StartServer) -> None:
    """With a user who can log in; it does not replace a file."""
    assert run_command(tmp_path, "init").stdout == "wrote skylogin.yaml\n"
    again = run_command(tmp_path, "init")
    assert (again.returncode, again.stderr) == (
        1,
        "skylogin.yaml exists already; nothing changed\n",
    )

    server = start_server(*DEV)

    assert log_in(server, "alice")["profile"]["name"] == "Alice"
    hello = call(server.url, {"action": "hello:world", "api_key": "changeme"})
    assert hello[:2] == (HTTPStatus.OK, {"result": {"greeting": "hi"}})
    users = rows_of(tmp_path, "users", "find", "--url", server.url)
    assert {user["subject"]: user["disabled"] for user in users} == {"alice": False, "bob": True}


def test_settings_of_a_project_come_last(tmp_path: Path) -> None:
    """After --set and the environment, in directories below too. Numbers and truths are texts."""
    (tmp_path / "skylogin.yaml").write_text(
        "settings: {APP_NAME: 17, API_KEY: of-project, DEV_MODE: true}"
    )

    below = tmp_path / "app" / "tests"
    below.mkdir(parents=True)

    assert show_settings(below) == {"APP_NAME": "17", "API_KEY": "of-project"}
    assert show_settings(tmp_path, "--set", "API_KEY=given")["API_KEY"] == "given"


def test_a_deleted_folder_has_no_project(tmp_path: Path) -> None:
    """A server can run there all the same."""
    folder = tmp_path / "gone"
    folder.mkdir()
    with contextlib.chdir(folder):
        folder.rmdir()
        assert project_file.read() is None


@pytest.mark.parametrize(("text", "problem"), BAD.values(), ids=BAD)
def test_a_bad_project_starts_no_server(text: str, problem: str, tmp_path: Path) -> None:
    """With one line for each problem."""
    (tmp_path / "skylogin.yaml").write_text(text)

    (tmp_path / "below").mkdir()

    done = run_command(tmp_path, "exec", "--", "true")
    below = run_command(tmp_path / "below", "exec", "--", "true")

    assert (done.returncode, below.returncode) == (1, 1)
    assert done.stderr.startswith(problem)
    assert below.stderr == done.stderr.replace("skylogin.yaml:", "../skylogin.yaml:")
