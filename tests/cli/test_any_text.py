"""Every command prints every text on every terminal, and none of it controls the terminal."""

import json
import re
import subprocess
import sys
import threading
from collections.abc import Iterator
from http import HTTPStatus
from pathlib import Path
from typing import Any

import pytest
from skylogin.seeds import reader
from skylogin.testing import SkyloginServer

from tests.cli.commands import call, dev_server, login_payload, run_command
from tests.cli.operated_server import OperatedServer
from tests.processes import SECONDS_MAX, environment_with, run
from tests.waiting import wait_until

pytestmark = pytest.mark.slow

# Letters that few charsets have, an ANSI escape, C1 and a bidi override.
ODD = "Zoë 名\U0001f600\x1b[2J\x9b1m\x07\u202eecila\u200b"
# A column is 8 wide at least; narrower ones would break the text.
WIDE = {"COLUMNS": "400", "NO_COLOR": "1", "TERM": "dumb"}
CHARSETS = ("ascii", "cp1252", "utf-8")


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A directory with the database of a server that got unusual texts in every way."""
    folder = tmp_path_factory.mktemp("odd")
    with dev_server(folder) as server:
        fill(server)
        yield folder


def fill(server: SkyloginServer) -> None:
    """Put ODD wherever a client or an operator can."""
    app, secret = server.app(), server.custom_token_secret
    app.login(ODD, {"username": ODD, "name": ODD, "list": [ODD]})
    app.users[ODD].set_roles(ODD)
    app.users[ODD].disable(ODD)
    refused = login_payload(secret, ODD, claims={"skyprofile": ODD, ODD: ODD})
    assert call(f"{server.url}/", refused)[0] != HTTPStatus.OK
    wait_until(lambda: app.logins.refused)


@pytest.fixture(scope="module")
def ids(folder: Path) -> dict[str, str]:
    """The id of the user, and that of a login attempt."""
    user = json.loads(run_command(folder, "users", "find", "--json").stdout)[0]["id"]
    attempt = json.loads(run_command(folder, "logins", "--json").stdout)[-1]["id"]
    return {"USER": user, "ATTEMPT": attempt}


COMMANDS: dict[str, tuple[str, ...]] = {
    "logins": ("logins",),
    "one attempt": ("logins", "ATTEMPT"),
    "users": ("users", "find"),
    "one user": ("users", "show", "USER"),
    "overview": ("overview",),
    "audit": ("audit",),
    "doctor": ("doctor",),
    "settings": ("settings",),
    "apps": ("apps", "list"),
    "secrets": ("secret", "show"),
}


@pytest.mark.parametrize("on_terminal", [True, False], ids=["terminal", "pipe"])
@pytest.mark.parametrize("command", COMMANDS.values(), ids=COMMANDS)
def test_a_command_shows_any_text(
    command: tuple[str, ...], on_terminal: bool, folder: Path, ids: dict[str, str]
) -> None:
    """As escapes where it cannot be shown; the JSON has the same values everywhere."""
    arguments = [ids.get(one, one) for one in command]

    def run(charset: str, *more: str) -> str:
        done = run_command(
            folder, *arguments, *more, charset=charset, on_terminal=on_terminal, **WIDE
        )
        assert (done.returncode, done.stderr) == (0, "")
        assert_harmless(done.stdout)
        return done.stdout

    for charset in CHARSETS:
        assert run(charset)
    if command != ("overview",):
        whole, *others = [json.loads(run(charset, "--json")) for charset in CHARSETS]
        assert others == [whole, whole]


def assert_harmless(text: str) -> None:
    """Check that a terminal obeys nothing in *text* but line ends and tabs."""
    assert [one for one in text if not one.isprintable() and one not in "\n\t"] == []


def test_an_export_on_a_terminal_is_harmless(folder: Path) -> None:
    """And the same when it is read again."""
    seed = run_command(folder, "export", "-")
    assert_harmless(seed.stdout)
    [app] = reader.read(seed.stdout.encode(), "x.yaml", "myapp")
    assert app.plain["users"][0]["sub"] == ODD

    whole = run_command(folder, "apps", "export", "-").stdout
    for charset in CHARSETS:
        done = run_command(folder, "apps", "export", "-", on_terminal=True, charset=charset)
        assert_harmless(done.stdout)
        rows = [json.loads(line) for line in done.stdout.splitlines()]
        # The first line has the time of the export.
        assert rows[1:] == [json.loads(line) for line in whole.splitlines()[1:]]


@pytest.mark.parametrize("charset", CHARSETS)
def test_errors_show_any_text(charset: str, folder: Path) -> None:
    """On stderr; in the question of a command as well."""

    def run(*arguments: str, given: str = "") -> str:
        done = run_command(folder, *arguments, charset=charset, given=given)
        assert done.returncode == 1
        assert "Traceback" not in done.stderr
        assert_harmless(done.stdout + done.stderr)
        return done.stderr

    assert "1b[2J" in run("users", "show", ODD + "?")
    assert "1b[2J" in run("seed", f"{ODD}.yaml")
    assert "1b[2J" in run("logins", "--since", ODD)
    assert run("users", "delete", ODD, given="n\n").endswith("Nothing changed.\n")
    assert run("users", "show", "\udcff") == "'\\udcff' is not valid text\n"


def test_explained_tokens_show_any_text(folder: Path) -> None:
    """The claims of a token are whatever somebody sent."""
    claims = json.dumps({ODD: ODD}, ensure_ascii=False)[1:-1].replace('": "', "=", 1).strip('"')
    token = run_command(folder, "token", "mint", ODD, "--claim", claims).stdout.strip()

    for charset in CHARSETS:
        done = run_command(folder, "token", "explain", token, charset=charset, **WIDE)
        assert done.returncode in (0, 1), done.stderr
        assert_harmless(done.stdout)
        assert "1b[2J" in done.stdout


ENVIRONMENTS = {
    "PYTHONIOENCODING": {"PYTHONIOENCODING": "cp1252"},
    "strict ASCII": {"PYTHONIOENCODING": "ascii:strict"},
    "LC_ALL=C": {"LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"},
}


@pytest.mark.parametrize("environment", ENVIRONMENTS.values(), ids=ENVIRONMENTS)
@pytest.mark.parametrize("command", [("logins",), ("logins", "--json"), ("--help",)], ids=" ".join)
def test_a_process_prints_in_any_environment(
    command: tuple[str, ...], environment: dict[str, str], folder: Path
) -> None:
    """Python takes the charset of its streams from there."""
    done = subprocess.run(
        [sys.executable, "-m", "skylogin", *command],
        cwd=folder,
        env=environment_with(environment),
        capture_output=True,
        check=False,
        timeout=SECONDS_MAX,
    )

    assert (done.returncode, done.stderr) == (0, b"")
    text = done.stdout.decode("cp1252")
    assert_harmless(text)
    if "logins" in command:
        assert re.search(r"\\u202e", text)


@pytest.mark.parametrize("as_json", [True, False], ids=["json", "text"])
def test_followed_attempts_show_any_text(operated: OperatedServer, as_json: bool) -> None:
    """Each as one line."""
    command = ["logins", "--follow", *(["--json"] if as_json else []), *operated.where]
    with subprocess.Popen(
        [sys.executable, "-m", "skylogin", *command],
        cwd=operated.folder,
        env=environment_with({**operated.environment, "PYTHONIOENCODING": "cp1252"}),
        stdout=subprocess.PIPE,
        encoding="cp1252",
    ) as following:
        try:
            assert following.stdout is not None
            line = first_line(following, operated)
        finally:
            following.kill()

    assert_harmless(line)
    subject: Any = json.loads(line)["subject"] if as_json else line.split("\t")[3]
    assert subject == (
        ODD if as_json else r"Zoë \u540d\U0001f600\x1b[2J\x9b1m\x07\u202eecila\u200b"
    )


def first_line(following: "subprocess.Popen[str]", operated: OperatedServer) -> str:
    """Log in until the command shows a login, and return its line."""
    assert following.stdout is not None
    lines: list[str] = []
    reader = threading.Thread(target=lambda: lines.append(following.stdout.readline()))
    reader.start()

    def shown() -> bool:
        operated.app.login(ODD)
        return bool(lines)

    wait_until(shown)
    reader.join()
    return lines[0]


def test_closed_streams_are_no_error(folder: Path) -> None:
    """There is nowhere to print to."""
    for closed in (">&-", "2>&-", ">&- 2>&-"):
        done = run(["sh", "-c", f'"$0" -m skylogin logins {closed}', sys.executable], folder)
        assert (done.returncode, done.stderr) == (0, "")
