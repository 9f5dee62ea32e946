"""On macOS, `dev`, `exec` and the fixture run as on Linux."""

import ast
import subprocess
import sys
from pathlib import Path

import pytest

from tests.packages import ROOT
from tests.processes import SECONDS_MAX, SERVER, environment_with, output_of
from tests.release.only_posix import NAMES

SKYLOGIN = [sys.executable, "-m", "tests.release.only_posix"]
ENVIRONMENT = environment_with({"PYTHONPATH": f"{SERVER}:{ROOT}"})
OPEN_PORTAL = (
    "import os, urllib.request; print(urllib.request.urlopen(os.environ['SKYLOGIN_PORTAL']).status)"
)
FIXTURE = """
from tests.release import only_posix

only_posix.take_away()

def test_a_login(skylogin):
    assert skylogin.login("alice").user_id
    skylogin.clock.advance(60)
    assert skylogin.logins.last.accepted
"""


@pytest.mark.heavy
def test_nothing_is_used_that_only_linux_has() -> None:
    """But what is looked up by its name, as it may be missing: the options of a websocket."""
    found = {
        f"{path.relative_to(SERVER)}: {owner}.{name}"
        for path in sorted(SERVER.rglob("*.py"))
        for owner, name in names_in(path)
        if name in NAMES.get(owner, ())
    }

    assert found == set()


def names_in(path: Path) -> list[tuple[str, str]]:
    """Return each module and name of it that a file uses."""
    nodes = list(ast.walk(ast.parse(path.read_text(encoding="utf-8"))))
    attributes = [
        (node.value.id, node.attr)
        for node in nodes
        if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name)
    ]
    imported = [
        (node.module or "", alias.name)
        for node in nodes
        if isinstance(node, ast.ImportFrom)
        for alias in node.names
    ]
    return attributes + imported


def test_no_file_is_read_that_only_linux_has() -> None:
    """Such as /proc."""
    texts = {path: path.read_text(encoding="utf-8") for path in SERVER.rglob("*.py")}

    assert [path for path, text in texts.items() if '"/proc' in text or '"/sys/' in text] == []


@pytest.mark.slow
def test_exec_runs_a_command(tmp_path: Path) -> None:
    """With its server, on Python's own event loop."""
    command = [*SKYLOGIN, "exec", "--", sys.executable, "-c", OPEN_PORTAL]

    assert output_of(command, tmp_path, **ENVIRONMENT) == "200\n"


@pytest.mark.slow
def test_dev_starts_and_ends_with_its_parent(tmp_path: Path) -> None:
    """The pipe that it watches is not specific to Linux."""
    with subprocess.Popen(
        [*SKYLOGIN, "dev", "--port", "0", "--ephemeral", "--exit-with-parent"],
        cwd=tmp_path,
        env=ENVIRONMENT,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    ) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        ready = process.stdout.readline()
        process.stdin.close()
        code = process.wait(SECONDS_MAX)

    assert '"url"' in ready
    assert code == 0


@pytest.mark.slow
def test_the_fixture_logs_in(pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch) -> None:
    """In a test run of a project."""
    monkeypatch.setenv("PYTHONPATH", ENVIRONMENT["PYTHONPATH"])
    pytester.makepyfile(FIXTURE)

    pytester.runpytest_subprocess("-p", "no:schemathesis", timeout=SECONDS_MAX).assert_outcomes(
        passed=1
    )
