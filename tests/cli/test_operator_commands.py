"""The commands that look into what a server keeps and change it, as the portal does.

Each is told in both ways: of the database, while its server runs, and of the server.
"""

import json
import os
import pty
import signal
import stat
import subprocess
import sys
import threading
import time
from datetime import timedelta
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Any, TextIO

import pytest

from tests.cli.test_servers import DEV, OWN, StartServer, call, log_in, login_payload
from tests.processes import ServerProcess, environment_with, run_skylogin

pytestmark = pytest.mark.slow

WAYS = ("database", "url")
FOLLOWED_SECONDS_MAX = 10


class Operated:
    """A server, and the commands on it."""

    def __init__(self, server: ServerProcess, folder: Path, where: tuple[str, ...]) -> None:
        self.server = server
        self.folder = folder
        self.where = where
        self.environment: dict[str, str] = {}

    def try_to(self, *arguments: str, given: str = "") -> subprocess.CompletedProcess[str]:
        """Run a command."""
        return run_skylogin(self.folder, *arguments, *self.where, given=given, **self.environment)

    def do(self, *arguments: str) -> str:
        """Run a command that has to succeed, and return what it prints."""
        done = self.try_to(*arguments)
        assert done.returncode == 0, done.stderr
        return done.stdout

    def rows(self, *arguments: str) -> Any:
        """Return what a command prints for a program."""
        return json.loads(self.do(*arguments, "--json"))

    def refused(self, *arguments: str) -> str:
        """Return what a command says that has to fail, without a word on standard output."""
        done = self.try_to(*arguments)
        assert (done.returncode, done.stdout) == (1, "")
        assert "Traceback" not in done.stderr
        return done.stderr.rstrip("\n")

    def status_of_login(self, subject: str, seconds: int = 60) -> int:
        """Log in with a token of so many seconds and return the status."""
        secret = self.server.facts["custom_token_secret"]
        payload = login_payload(secret, subject, lifetime=timedelta(seconds=seconds))
        return call(self.server.url + "sso/custom_token/login", payload)[0]


@pytest.fixture(params=WAYS)
def operated(request: pytest.FixtureRequest, start_server: StartServer, tmp_path: Path) -> Operated:
    """A stand-in that runs, whose database or whose admin API the commands speak to."""
    server = start_server(*DEV)
    # By then it has made its database as well.
    url = server.url
    where = ("--url", url) if request.param == "url" else ()
    return Operated(server, tmp_path, where)


def test_users_are_found_and_changed(operated: Operated) -> None:
    """As the portal does."""
    alice = log_in(operated.server, "alice")["user_id"]
    bert = log_in(operated.server, "bert")["user_id"]

    def ids(*arguments: str) -> list[str]:
        return [row["id"] for row in operated.rows("users", "find", *arguments)]

    assert set(ids()) == {alice, bert}
    assert ids("bert") == [bert]
    assert ids("--subject", "alice") == [alice]
    assert f"{alice}\talice\t" in operated.do("users", "find")

    operated.do("users", "edit", alice, '{"nickname": "Al"}')
    operated.do("users", "roles", alice, "reader", "writer")
    shown = operated.rows("users", "show", alice)
    assert shown["profile"]["nickname"] == "Al"
    assert shown["roles"] == ["reader", "writer"]
    assert [(one["kind"], one["id"]) for one in shown["principals"]] == [("custom_token", "alice")]
    assert ids("--field", "nickname=Al") == [alice]
    lines = operated.do("users", "show", alice).splitlines()
    assert "profile nickname\tAl" in lines
    assert "principal\tcustom_token alice" in lines

    operated.do("users", "disable", alice, "--message", "Call us")
    assert operated.status_of_login("alice") == HTTPStatus.FORBIDDEN
    assert "disabled\tpermanently: Call us" in operated.do("users", "show", alice)
    assert ids("--disabled") == [alice]
    assert ids("--enabled") == [bert]
    assert ids("--sort", "created_at", "--limit", "1") == [alice]
    assert ids("--limit", "1000") == [bert, alice]
    assert operated.refused("users", "find", "--sort", "age").startswith("sort: 'age'")
    assert "is no time" in operated.refused("users", "disable", bert, "--until", "soon")
    operated.do("users", "enable", alice)
    assert operated.status_of_login("alice") == HTTPStatus.OK
    operated.do("users", "sign-out", alice)
    operated.do("users", "delete", bert, "--yes")
    assert ids() == [alice]

    missing = operated.refused("users", "delete", bert, "--yes")
    assert missing == f"there is no user {bert}"
    asked = operated.try_to("users", "delete", alice, given="n\n")
    assert asked.returncode == 1
    # Who stands between would take it for the app itself.
    assert operated.refused("users", "delete", "..", "--yes") == "'..' is not a valid name"
    assert ids() == [alice]


def test_attempts_are_listed(operated: Operated) -> None:
    """With the reason of a refusal, by whom and when they were."""
    alice = log_in(operated.server, "alice")["user_id"]
    assert operated.status_of_login("mallory", -30) == HTTPStatus.BAD_REQUEST

    def subjects(*arguments: str) -> list[str]:
        return [row["subject"] for row in operated.rows("logins", *arguments)]

    # A server writes down what it refused a moment later.
    tried, rows = [("alice", True), ("mallory", False)], []
    deadline = time.monotonic() + FOLLOWED_SECONDS_MAX
    while [(row["subject"], row["accepted"]) for row in rows] != tried:
        assert time.monotonic() < deadline, rows
        rows = operated.rows("logins")
    assert "expired" in rows[1]["explanation"]
    assert subjects("--refused") == subjects("--reason", "expired") == ["mallory"]
    assert subjects("--accepted") == subjects("--user", alice) == ["alice"]
    assert subjects("--secret", rows[0]["secret_id"], "--accepted") == ["alice"]
    assert subjects("--since", "1h") == ["alice", "mallory"]
    assert subjects("--until", "1h") == subjects("--since", "2100-01-01T00:00:00Z") == []
    assert subjects("--limit", "1") == ["mallory"]
    assert "yesterday" in operated.refused("logins", "--since", "yesterday")

    assert operated.do("logins", "--refused").split("\t")[1:4] == ["refused", "expired", "mallory"]
    one = operated.do("logins", rows[1]["id"]).splitlines()
    assert "reason\texpired" in one
    assert operated.rows("logins", rows[0]["id"]) == rows[0]
    assert "there is no attempt" in operated.refused("logins", "nowhere")
    assert operated.refused("logins", "--wait", "0.1") == "no login attempt in 0.1 s"
    assert "use only one of" in operated.refused("logins", "--wait", "1", "--follow")


@pytest.mark.parametrize("as_json", [True, False], ids=["json", "text"])
def test_attempts_are_followed(operated: Operated, as_json: bool) -> None:
    """As they come, until somebody has seen enough."""
    log_in(operated.server, "before")
    command = [sys.executable, "-m", "skylogin", "logins", "--follow", *operated.where]
    following = subprocess.Popen(
        [*command, *(["--json"] if as_json else [])],
        cwd=operated.folder,
        env=environment_with({}),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert following.stdout is not None
    stop = threading.Event()
    # Whoever follows does not say since when.
    logging_in = threading.Thread(target=_log_in_often, args=(operated.server, stop))
    logging_in.start()
    try:
        line = following.stdout.readline()
    finally:
        stop.set()
        logging_in.join()
        following.send_signal(signal.SIGINT)
        try:
            _, said = following.communicate(timeout=FOLLOWED_SECONDS_MAX)
        finally:
            following.kill()
            following.communicate()
    assert (following.returncode, said) == (0, "")
    subject = json.loads(line)["subject"] if as_json else line.split("\t")[3]
    assert subject == "often"


def _log_in_often(server: ServerProcess, stop: threading.Event) -> None:
    for _ in range(100):
        log_in(server, "often")
        if stop.wait(0.1):
            return


def test_secrets_are_shown_rotated_and_revoked(operated: Operated) -> None:
    """With how much each is used, so that one sees when the old one can go."""
    secret = operated.server.facts["custom_token_secret"]
    log_in(operated.server)

    [shown] = operated.rows("secret", "show")
    assert (shown["secret"], shown["accepted"]) == (secret, True)
    new, old = operated.rows("secret", "rotate", "--overlap", "1")
    assert (old["id"], old["secret"]) == (shown["id"], secret)
    assert old["ends_at"].endswith("Z")
    assert [row["id"] for row in operated.rows("secret", "show")] == [new["id"], old["id"]]
    # What a server counts is written once a second or so.
    deadline = time.monotonic() + FOLLOWED_SECONDS_MAX
    while sum(operated.rows("secret", "show")[1]["uses_last_7_days"]) == 0:
        assert time.monotonic() < deadline
    assert operated.do("secret", "show").splitlines()[1].split("\t")[3] == "1"

    assert operated.do("secret", "revoke", old["id"]) == f"revoked {old['id']}\n"
    assert [row["id"] for row in operated.rows("secret", "show")] == [new["id"]]
    assert [row["id"] for row in operated.rows("secret", "show", "--all")] == [new["id"], old["id"]]
    again = operated.refused("secret", "revoke", old["id"])
    assert again == f"{old['id']} is no secret that is accepted"
    negative = operated.refused("secret", "rotate", "--overlap=-1")
    assert negative == "overlap_hours: -1.0 is less than the minimum of 0"


def test_apps_get_new_keys_and_go(operated: Operated) -> None:
    """With what is in them."""
    made = operated.rows("apps", "create", "shop")
    assert operated.rows("apps", "show", "shop") == made
    changed = operated.rows("apps", "rotate-keys", "shop")
    assert changed["api_key"] != made["api_key"]
    assert changed["master_key"] in operated.do("apps", "show", "shop")
    assert changed["master_key"] not in operated.do("apps", "list")
    assert [one["name"] for one in operated.rows("apps", "list")] == ["myapp", "shop"]
    operated.do("apps", "delete", "shop", "--yes")
    assert [one["name"] for one in operated.rows("apps", "list")] == ["myapp"]
    again = operated.refused("apps", "delete", "shop", "--yes")
    assert again == "there is no app called shop"
    assert "is the app of the environment" in operated.refused("apps", "rotate-keys", "myapp")

    acts = operated.rows("audit", "--on-apps")
    assert [act["name"] for act in acts] == ["app.create", "app.rotate_keys", "app.delete"]
    via = "admin API" if operated.where else "command"
    assert {(act["target"], act["via"]) for act in acts} == {("shop", via)}


def test_an_app_is_exported_and_imported(operated: Operated) -> None:
    """Into another app, and the same one once more."""
    log_in(operated.server, "alice")
    file = operated.folder / "myapp.jsonl"
    exported = operated.try_to("apps", "export", str(file))
    assert exported.returncode == 0, exported.stderr
    rows = len(file.read_text().splitlines()) - 1
    assert exported.stderr == f"exported {rows} rows of myapp\n"
    assert stat.filemode(file.stat().st_mode) == "-rw-------"
    assert list(operated.folder.glob(".myapp*")) == []
    printed = operated.do("apps", "export", "-").splitlines()
    assert sorted(printed[1:]) == sorted(file.read_text().splitlines()[1:])
    operated.do("apps", "create", "copy")

    copied = operated.rows("apps", "import", str(file), "--app", "copy")
    assert copied["users"] == 1
    assert operated.rows("users", "find", "--app", "copy") == operated.rows("users", "find")

    twice = operated.try_to("apps", "import", "-", given=file.read_text())
    assert twice.returncode == 1
    assert "users: there is one already" in twice.stderr
    assert "1 users" in operated.do("apps", "import", str(file), "--replace")
    assert operated.status_of_login("alice") == HTTPStatus.OK

    missing = operated.refused("apps", "export", str(file), "--app", "nowhere")
    assert missing == "there is no app called nowhere"
    # What was there is there still.
    assert len(file.read_text().splitlines()) == rows + 1
    assert "No such file" in operated.refused("apps", "import", "nowhere.jsonl")
    assert "line 1" in operated.try_to("apps", "import", "-", given="{}").stderr


def test_what_goes_on_is_shown(operated: Operated) -> None:
    """Logins, settings, acts; secrets are masked."""
    log_in(operated.server, "alice")
    assert operated.status_of_login("mallory", -30) == HTTPStatus.BAD_REQUEST
    operated.do("users", "edit", operated.rows("users", "find")[0]["id"], '{"nickname": "Al"}')

    # What a server counts is written once a second or so.
    deadline = time.monotonic() + FOLLOWED_SECONDS_MAX
    while "1 accepted, 1 refused: expired 1" not in (text := operated.do("overview")):
        assert time.monotonic() < deadline, text
    assert "users\t1" in text.splitlines()
    assert operated.rows("overview")["users"] == 1

    rows = {row["variable"]: row["value"] for row in operated.rows("settings")["settings"]}
    assert rows["APP_NAME"] == "myapp"
    assert "secret" not in (rows["MASTER_KEY"], rows["CUSTOM_TOKEN_SECRET"])
    assert "APP_NAME\tmyapp" in operated.do("settings")
    assert [act["name"] for act in operated.rows("audit")] == ["user.edit"]
    assert "user.edit" in operated.do("audit")


def test_a_server_that_is_well(operated: Operated) -> None:
    """And one whose app nobody can log in to."""
    found = operated.rows("doctor")
    assert {row["kind"] for row in found} == {"fine"}
    operated.do("secret", "revoke", operated.rows("secret", "show")[0]["id"])
    assert "warning\tmyapp\tnobody can log in to myapp" in operated.do("doctor")


def test_a_terminal_shows_all_and_obeys_nobody(start_server: StartServer, tmp_path: Path) -> None:
    """A secret can be copied, however narrow it is; what a token says moves no cursor."""
    server = start_server(*DEV)
    secret = server.facts["custom_token_secret"]
    assert call(server.url, login_payload(secret, "\x1b[2Jalice"))[0] == HTTPStatus.OK

    shown = on_a_terminal(tmp_path, "secret", "show")
    cells = [line.split("│")[2].strip() for line in shown.splitlines() if line.startswith("│")]
    assert "".join(cells) == secret
    shown = on_a_terminal(tmp_path, "logins")
    assert "\x1b[2J" not in shown
    assert "\ufffd[2J" in "".join(line.split("│")[4].strip() for line in shown.splitlines()[3:-1])
    assert on_a_terminal(tmp_path, "audit").strip() == "No audit entries."


def on_a_terminal(folder: Path, *arguments: str) -> str:
    """Return what a command prints where somebody looks."""
    ours, its = pty.openpty()
    try:
        command = [sys.executable, "-m", "skylogin", *arguments]
        environment = environment_with({"COLUMNS": "60", "NO_COLOR": "1", "TERM": "dumb"})
        subprocess.run(command, cwd=folder, env=environment, stdout=its, check=True, timeout=60)
    finally:
        os.close(its)
    with open(ours, encoding="utf-8", newline="") as terminal:
        return _read_all(terminal).replace("\r\n", "\n")


def _read_all(terminal: TextIO) -> str:
    """Return what was printed; Linux tells the end of a terminal as an error."""
    text = ""
    try:
        for line in terminal:
            text += line
    except OSError:
        pass
    return text


def test_tokens_are_those_of_the_server(operated: Operated) -> None:
    """Signed with its secret, and explained by it."""
    token = operated.do("token", "mint", "alice", "--profile", '{"nickname": "Al"}').strip()
    verdict = operated.rows("token", "explain", token)
    assert (verdict["accepted"], verdict["claims"]["sub"]) == (True, "alice")
    assert verdict["times"]["exp"].endswith("Z")
    bad = operated.do("token", "mint", "alice", "--bad", "expired").strip()
    refused = operated.try_to("token", "explain", bad)
    assert refused.returncode == 1
    assert "(expired)" in refused.stdout


def test_a_server_of_ones_own_wants_its_admin_token(
    start_server: StartServer, tmp_path: Path
) -> None:
    """And says so; commands find it where the server does."""
    token = {"SKYLOGIN_ADMIN_TOKEN": "an admin token of our own"}
    server = start_server("serve", "--port", "0", "--database", "sqlite:///x.db", **OWN, **token)
    operated = Operated(server, tmp_path, ("--url", server.url))
    wanted = f"{server.url}: send the admin token: Authorization: Bearer …"
    assert operated.refused("users", "find") == wanted
    assert operated.refused("users", "find", "--admin-token", "x") == wanted
    assert operated.rows("users", "find", "--admin-token", *token.values()) == []
    operated.environment = token
    assert operated.rows("apps", "list")[0]["default"]
    refused = operated.refused("token", "mint", "alice")
    assert refused == (
        f"{server.url} does not support this: it is not `skylogin dev`, or it is an older version"
    )
    (tmp_path / ".env").write_text(f"SKYLOGIN_ADMIN_TOKEN={token['SKYLOGIN_ADMIN_TOKEN']}\n")
    operated.environment = {}
    assert {row["kind"] for row in operated.rows("doctor")} == {"fine"}


def test_who_cannot_be_asked(tmp_path: Path, start_server: StartServer) -> None:
    """Is named, with what to do."""
    operated = Operated(start_server(*DEV, "--ephemeral"), tmp_path, ())
    url = operated.server.url
    assert "does not exist: start a server first" in operated.refused("users", "find")
    operated.where = ("--url", f"{url}x")
    assert operated.refused("users", "find") == f"{url}x is not the URL of a server or an app"
    operated.where = ("--url", url, "--database", "sqlite:///x.db")
    assert operated.refused("users", "find") == "use either --url or --database, not both"
    operated.where = ("--url", "http://127.0.0.1:1")
    assert operated.refused("logins", "-f") == "no server at http://127.0.0.1:1"
    faults = operated.try_to("doctor")
    assert faults.returncode == 1
    assert faults.stdout == "problem\tserver\tno server at http://127.0.0.1:1\n"


@pytest.mark.parametrize(
    ("url", "said"),
    [
        ("http://op:hidden@127.0.0.1:1", "the URL has a user name or a password in it"),
        ("http://a b/", "http://a b is not the URL of a server"),
        ("http://a..b/", "http://a..b is not the URL of a server"),
        ("http://[::1", "http://[::1 is not the URL of a server"),
    ],
)
def test_what_is_no_url_is_said(url: str, said: str, tmp_path: Path) -> None:
    """In a line, without the password that somebody put into it."""
    done = run_skylogin(tmp_path, "apps", "list", "--url", url)
    assert (done.returncode, done.stdout, done.stderr.count("\n")) == (1, "", 1), done.stderr
    assert done.stderr.startswith(said)
    assert "hidden" not in done.stderr


@pytest.mark.parametrize("token", ["hidden\nx", "hidden\u20ac"])
def test_a_token_that_no_header_can_hold_is_not_shown(token: str, tmp_path: Path) -> None:
    """A traceback would have it."""
    where = ("--url", "http://127.0.0.1:1", "--admin-token", token)
    done = run_skylogin(tmp_path, "apps", "list", *where)
    assert done.returncode == 1
    assert done.stderr == "the admin token must be printable ASCII\n"


Answer = tuple[int, str, bytes]


def _stranger(answer: Answer) -> type[BaseHTTPRequestHandler]:
    """Return what answers everything the same, as servers do that are something else."""

    class Stranger(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            status, kind, body = answer
            self.send_response(status)
            self.send_header("Content-Type", kind)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            """Say nothing."""

    return Stranger


_PAGE = (200, "text/html", b"<html>hi</html>")


@pytest.mark.parametrize(
    ("command", "answer"),
    [
        (("apps", "list"), _PAGE),
        (("apps", "list"), (200, "application/json", b"[]")),
        (("users", "find", "--app", "x"), (200, "text/plain", b"")),
        (("apps", "list"), (301, "text/html", b"")),
        (("logins", "--follow", "--app", "x"), _PAGE),
        (("apps", "export", "kept", "--app", "x"), _PAGE),
        (("apps", "export", "kept", "--app", "x"), (502, "text/html", b"<html>bad</html>")),
    ],
)
def test_a_server_of_somebody_elses_is_told_from_ours(
    command: tuple[str, ...], answer: Answer, tmp_path: Path
) -> None:
    """What it sends is no answer, and above all no export."""
    kept = tmp_path / "kept"
    kept.write_text("an export")
    with HTTPServer(("127.0.0.1", 0), _stranger(answer)) as stranger:
        threading.Thread(target=stranger.serve_forever, daemon=True).start()
        url = f"http://127.0.0.1:{stranger.server_port}"
        done = run_skylogin(tmp_path, *command, "--url", url)
        stranger.shutdown()
    assert (done.returncode, done.stdout) == (1, "")
    said = f"{url} is not a skylogin server: it answered with status {answer[0]}\n"
    assert done.stderr == said
    assert kept.read_text() == "an export"


def test_what_cannot_be_meant_is_said_in_a_line(operated: Operated) -> None:
    """It is asked of nobody, or by its sense."""
    assert operated.refused("logins", "--since", "999999d") == "999999d is too long ago"
    number = "numbers must be finite"
    for overlap in ("nan", "inf"):
        assert operated.refused("secret", "rotate", "--overlap", overlap) == number
    assert operated.refused("logins", "--wait", "nan") == number
    for changes in ('{"a": NaN}', '{"a": 1e999}'):
        assert operated.refused("users", "edit", "x", changes).startswith("CHANGES is not JSON: ")
    for field in ("=x", "nickname"):
        said = operated.refused("users", "find", "--field", field)
        assert said == f"--field {field!r} is not name=value"
    # What a terminal that speaks no UTF-8 sends.
    assert operated.refused("users", "show", "\udcff") == "'\\udcff' is not valid text"
    token = operated.do("token", "mint", "alice", "--claim", "x=NaN").strip()
    assert operated.rows("token", "explain", token)["claims"]["x"] == "NaN"


def test_an_export_goes_through_a_pipe_that_is_there(operated: Operated) -> None:
    """What is no plain file is written to: it is not replaced by one."""
    log_in(operated.server, "alice")
    pipe = operated.folder / "pipe"
    os.mkfifo(pipe)
    exported: list[str] = []
    reading = threading.Thread(target=lambda: exported.append(pipe.read_text()), daemon=True)
    reading.start()
    operated.do("apps", "export", str(pipe))
    reading.join(FOLLOWED_SECONDS_MAX)
    assert stat.S_ISFIFO(pipe.stat().st_mode)
    assert '"alice"' in exported[0]


def test_an_endpoint_that_may_be_anybodys_is_not_asked(
    tmp_path: Path, start_server: StartServer
) -> None:
    """SKYGEAR_ENDPOINT may name a real Skygear, which is to get no key of ours."""
    operated = Operated(start_server(*DEV, "--ephemeral"), tmp_path, ())
    operated.environment = {"SKYGEAR_ENDPOINT": operated.server.url}
    assert "does not exist: start a server first" in operated.refused("users", "find")
    operated.environment["SKYLOGIN_APP"] = "myapp"
    assert operated.rows("users", "find") == []


def test_what_keeps_a_server_from_running(tmp_path: Path) -> None:
    """Is told all at once, and where a command would stop."""
    file = {"DATABASE_URL": f"sqlite:///{tmp_path}/x.db"}
    weak = run_skylogin(tmp_path, "doctor", "--json", **file)
    assert weak.returncode == 1
    texts = [(row["kind"], row["text"]) for row in json.loads(weak.stdout)]
    assert ("fault", "API_KEY is not set") in texts
    assert ("fault", "MASTER_KEY is not set") in texts

    new = run_skylogin(tmp_path, "doctor", **OWN, **file)
    assert (new.returncode, new.stderr) == (1, "")
    fine, fault = new.stdout.splitlines()
    assert fine == "fine\tsettings\t`skylogin serve` can start with them"
    assert fault.startswith("problem\tdatabase\tthe database ")

    assert run_skylogin(tmp_path, "migrate", **OWN, **file).returncode == 0
    well = run_skylogin(tmp_path, "doctor", **OWN, **file)
    assert (well.returncode, well.stdout.count("fine\t")) == (0, 2), well.stdout
