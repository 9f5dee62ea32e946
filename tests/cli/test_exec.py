"""`skylogin exec`: a command with its own server."""

import json
import os
import pty
import signal
import subprocess
import sys
import urllib.request
from http import HTTPStatus
from pathlib import Path

import pytest

from tests.cli.commands import files_below
from tests.processes import environment_with, read_terminal, run_skylogin
from tests.waiting import wait_until

pytestmark = pytest.mark.slow

STARTED_SECONDS_MAX = 30
COMMAND_CANNOT_RUN, COMMAND_NOT_FOUND = 126, 127
SHOW_ENVIRONMENT = """
import json, os, urllib.request
names = ("SKYGEAR_ENDPOINT", "SKYGEAR_API_KEY", "SKYGEAR_MASTER_KEY",
    "CUSTOM_TOKEN_SECRET", "SKYLOGIN_APP", "SKYLOGIN_PORTAL", "MINE", "NO_PROXY", "no_proxy")
given = {name: os.environ.get(name) for name in names}
given["ready"] = urllib.request.urlopen(given["SKYGEAR_ENDPOINT"] + "readyz").status
print(json.dumps(given))
"""


def test_the_command_gets_the_server_in_its_environment(tmp_path: Path) -> None:
    """The server stops with the command, and leaves no files."""
    done = run_skylogin(tmp_path, "exec", "--", sys.executable, "-c", SHOW_ENVIRONMENT, MINE="x")

    assert done.returncode == 0, done.stderr
    given = json.loads(done.stdout)
    assert given["SKYGEAR_ENDPOINT"].endswith("/")
    assert (given["SKYGEAR_API_KEY"], given["SKYGEAR_MASTER_KEY"]) == ("changeme", "secret")
    assert len(given["CUSTOM_TOKEN_SECRET"]) >= 43  # noqa: PLR2004
    assert given["SKYLOGIN_PORTAL"] == given["SKYGEAR_ENDPOINT"] + "portal/"
    assert (given["SKYLOGIN_APP"], given["MINE"]) == ("myapp", "x")
    assert given["ready"] == HTTPStatus.OK
    assert files_below(tmp_path) == set()
    with pytest.raises(OSError, match="refused"):
        urllib.request.urlopen(given["SKYGEAR_ENDPOINT"])


EXIT_CODES = {
    "0": ("exit 0", 0),
    "3": ("exit 3", 3),
    "255": ("exit 255", 255),
    "killed": ("kill -9 $$", 128 + 9),
    "terminated": ("kill -15 $$", 128 + 15),
}


@pytest.mark.parametrize(("script", "code"), EXIT_CODES.values(), ids=EXIT_CODES)
def test_the_exit_code_is_passed_on(script: str, code: int, tmp_path: Path) -> None:
    """As a shell reports it."""
    assert run_skylogin(tmp_path, "exec", "--", "/bin/sh", "-c", script).returncode == code


FAIL_TO_LOG_IN = """
import json, os, sys, urllib.error, urllib.request
for app in ("", "apps/other/"):
    body = json.dumps({"api_key": os.environ["SKYGEAR_API_KEY"], "token": "x"}).encode()
    url = os.environ["SKYGEAR_ENDPOINT"] + app + "sso/custom_token/login"
    try:
        urllib.request.urlopen(urllib.request.Request(url, body))
    except urllib.error.HTTPError:
        pass
sys.exit(int(sys.argv[1]))
"""


@pytest.mark.parametrize("code", [0, 3])
def test_refused_logins_are_shown_if_the_command_fails(code: int, tmp_path: Path) -> None:
    """Those of every app; a command that succeeds may have expected them."""
    done = run_skylogin(tmp_path, "exec", "--", sys.executable, "-c", FAIL_TO_LOG_IN, str(code))

    assert done.returncode == code
    refused = [line for line in done.stderr.splitlines() if "token_malformed" in line]
    assert [line.split(",")[0] for line in refused] == (
        ["  app myapp", "  app other"] if code else []
    )


def test_the_command_runs_at_normal_priority(tmp_path: Path) -> None:
    """The same as without `skylogin exec`."""
    show = (sys.executable, "-c", "import os; print(os.nice(0))")

    assert run_skylogin(tmp_path, "exec", "--", *show).stdout == f"{os.nice(0)}\n"


def test_input_output_and_options_are_passed_on(tmp_path: Path) -> None:
    """Options after `--` are the command's, even if skylogin has one of the same name."""
    script = 'cat; echo "$@"; echo told >&2'
    command = ("/bin/sh", "-c", script, "sh", "--database", "-x", "--help")

    done = run_skylogin(tmp_path, "exec", "--", *command, given="input\n")

    assert (done.returncode, done.stdout) == (0, "input\n--database -x --help\n")
    assert done.stderr.endswith("told\n")


def test_a_missing_command_is_reported(tmp_path: Path) -> None:
    """With the exit code of a shell."""
    for command in ("no-such-command", "./no-such-command", ""):
        done = run_skylogin(tmp_path, "exec", "--", command)

        assert done.returncode == COMMAND_NOT_FOUND
        assert done.stderr == f"{command}: No such file or directory\n"


NO_PROGRAM = "the program that its first line names does not exist"
CANNOT_RUN = {
    "not executable": ("./command", "#!/bin/sh\n", 0o644, "Permission denied"),
    "on the path": ("command", "#!/bin/sh\n", 0o644, "Permission denied"),
    "a folder": ("./", "", 0, "Permission denied"),
    "no interpreter": ("./command", "#!/no/such/program\n", 0o755, NO_PROGRAM),
}


@pytest.mark.parametrize(("command", "text", "mode", "reason"), CANNOT_RUN.values(), ids=CANNOT_RUN)
def test_a_command_that_cannot_be_run_is_reported(
    command: str, text: str, mode: int, reason: str, tmp_path: Path
) -> None:
    """With the exit code of a shell, another one than for a missing command."""
    (tmp_path / "command").write_text(text)
    (tmp_path / "command").chmod(mode)
    path = f"{tmp_path}{os.pathsep}{os.environ['PATH']}"

    done = run_skylogin(tmp_path, "exec", "--", command, PATH=path)

    assert done.returncode == COMMAND_CANNOT_RUN
    assert done.stderr == f"{command}: {reason}\n"


PROXY = "http://127.0.0.1:9"
SERVER = "127.0.0.1"
PROXIES: dict[str, tuple[dict[str, str], str | None, str | None]] = {
    "none": ({}, None, None),
    "none, with an exception": ({"NO_PROXY": "example.com"}, "example.com", None),
    "of upper case": ({"HTTP_PROXY": PROXY}, SERVER, SERVER),
    "of lower case": ({"http_proxy": PROXY}, SERVER, SERVER),
    "of all kinds": ({"ALL_PROXY": PROXY}, SERVER, SERVER),
    "empty": ({"HTTP_PROXY": ""}, None, None),
    "with an exception": (
        {"HTTP_PROXY": PROXY, "NO_PROXY": "example.com, localhost"},
        f"example.com,localhost,{SERVER}",
        f"example.com,localhost,{SERVER}",
    ),
    "with two exceptions": (
        {"http_proxy": PROXY, "NO_PROXY": "a.example", "no_proxy": "b.example"},
        f"a.example,{SERVER}",
        f"b.example,{SERVER}",
    ),
    "with the server": ({"http_proxy": PROXY, "no_proxy": SERVER}, SERVER, SERVER),
    "with everything": ({"http_proxy": PROXY, "no_proxy": "*"}, "*", "*"),
}


@pytest.mark.parametrize(("given", "upper", "lower"), PROXIES.values(), ids=PROXIES)
def test_the_command_reaches_the_server_without_a_proxy(
    given: dict[str, str], upper: str | None, lower: str | None, tmp_path: Path
) -> None:
    """The server's address is added to the exceptions of a proxy."""
    done = run_skylogin(tmp_path, "exec", "--", sys.executable, "-c", SHOW_ENVIRONMENT, **given)

    assert done.returncode == 0, done.stderr
    shown = json.loads(done.stdout)
    assert (shown["NO_PROXY"], shown["no_proxy"]) == (upper, lower)
    assert shown["ready"] == HTTPStatus.OK


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT, signal.SIGHUP, signal.SIGQUIT])
def test_signals_are_passed_on(number: signal.Signals, tmp_path: Path) -> None:
    """`exec` waits for the command, so that neither process is left."""
    name = number.name.removeprefix("SIG")
    pid = tmp_path / "pid"
    script = f"trap 'echo stopped; exit 7' {name}; echo $$ > {pid}; while :; do sleep 0.1; done"
    process = subprocess.Popen(
        [sys.executable, "-m", "skylogin", "exec", "--", "/bin/sh", "-c", script],
        cwd=tmp_path,
        env=environment_with({}),
        stdout=subprocess.PIPE,
        text=True,
        # On a terminal it is the terminal that sends Ctrl-C to both.
        start_new_session=True,
    )
    with process:
        wait_until(lambda: pid.exists() and pid.read_text(), STARTED_SECONDS_MAX)
        process.send_signal(number)
        output, _ = process.communicate(timeout=30)

    assert (process.returncode, output) == (7, "stopped\n")
    with pytest.raises(ProcessLookupError):
        os.kill(int(pid.read_text()), 0)


def test_ctrl_c_reaches_the_command_once(tmp_path: Path) -> None:
    """The terminal sends it to both processes, and many programs quit at once on a second one."""
    script = f"""
import os, pathlib, signal
ctrl_c = [signal.SIGINT]
signal.pthread_sigmask(signal.SIG_BLOCK, ctrl_c)
pathlib.Path({str(tmp_path / "ready")!r}).touch()
signal.sigwait(ctrl_c)
os.write(1, b"came twice" if signal.sigtimedwait(ctrl_c, 1) else b"came once")
"""
    pid, terminal = pty.fork()
    if pid == 0:
        os.chdir(tmp_path)
        command = [sys.executable, "-m", "skylogin", "exec", "--", sys.executable, "-c", script]
        os.execvpe(command[0], command, environment_with({}))
    wait_until((tmp_path / "ready").exists, STARTED_SECONDS_MAX)
    os.write(terminal, b"\x03")
    output = read_terminal(terminal)
    _, status = os.waitpid(pid, 0)

    assert b"came once" in output
    assert os.waitstatus_to_exitcode(status) == 0
