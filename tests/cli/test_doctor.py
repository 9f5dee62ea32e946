"""`skylogin doctor`: what it finds before a server runs, and about a running one."""

import json
import shutil
import socket
import subprocess
from http import HTTPStatus
from pathlib import Path

import pytest
import requests

from tests.cli.commands import KEYS, run_command
from tests.cli.operated_server import OperatedServer
from tests.local_services import ADDRESS, REDIS_PASSWORD, RedisServer, free_port
from tests.processes import StartServer

pytestmark = pytest.mark.slow


MIGRATED = ("migrate", "--database", "sqlite:///x.db")
DOCTOR = ("doctor", "--database", "sqlite:///x.db")
FINE = "fine\tsettings\t`skylogin serve` can start with them"
NOTES = (
    "SKYLOGIN_SCHEMA_CHANGES=signed",
    "SKYLOGIN_LOGINS=custom_token",
    "SKYLOGIN_USER_DIRECTORY=users",
)
CANNOT = "problem\ttoken store\tTOKEN_STORE_PATH "


def test_doctor_warns_of_an_app_without_a_secret(operated: OperatedServer) -> None:
    """Nothing else is wrong with the server."""
    found = operated.rows("doctor")
    assert {row["kind"] for row in found} == {"fine"}
    operated.do("secret", "revoke", operated.rows("secret", "show")[0]["id"])
    assert "warning\tmyapp\tcustom token logins to myapp fail" in operated.do("doctor")


@pytest.mark.parametrize("mode", ["dev", "serve"])
def test_doctor_reports_a_certificate_that_cannot_be_used(tmp_path: Path, mode: str) -> None:
    """And not that a server can start."""
    files = {"SKYLOGIN_TLS_CERT": "missing.pem", "SKYLOGIN_TLS_KEY": "missing.pem"}
    found = run_command(tmp_path, *DOCTOR, "--mode", mode, **KEYS, **files)

    [problem] = [line for line in found.stdout.splitlines() if "SKYLOGIN_TLS_CERT" in line]
    assert problem == "problem\tsettings\tSKYLOGIN_TLS_CERT missing.pem: No such file or directory"
    assert "can start" not in found.stdout


def test_doctor_finds_what_keeps_a_server_from_running(tmp_path: Path) -> None:
    """First all problems of the settings, then those of the database."""
    file = {"DATABASE_URL": f"sqlite:///{tmp_path}/x.db"}
    weak = run_command(tmp_path, "doctor", "--json", **file)
    assert weak.returncode == 1
    texts = [(row["kind"], row["text"]) for row in json.loads(weak.stdout)]
    assert ("fault", "API_KEY is not set") in texts
    assert ("fault", "MASTER_KEY is not set") in texts

    new = run_command(tmp_path, "doctor", **KEYS, **file)
    assert (new.returncode, new.stderr) == (1, "")
    fine, *others, problem = new.stdout.splitlines()
    assert fine == FINE
    notes = [line for line in others if line.startswith("fine")]
    assert [note.partition(":")[0] for note in notes] == [f"fine\tsettings\t{one}" for one in NOTES]
    assert (
        problem
        == f"problem\tdatabase\tthe database {tmp_path}/x.db does not exist: start a server first"
    )

    assert run_command(tmp_path, "migrate", **KEYS, **file).returncode == 0
    well = run_command(tmp_path, "doctor", **KEYS, **file)
    assert (well.returncode, well.stdout.count("fine\t")) == (0, 2 + len(NOTES)), well.stdout


def token_store(folder: Path, kind: str, path: str) -> tuple[int, str]:
    """Return the exit code of `doctor` with a token store, and the line about it."""
    assert run_command(folder, *MIGRATED).returncode == 0
    store = {"TOKEN_STORE": kind, "TOKEN_STORE_PATH": path, "TOKEN_STORE_PREFIX": "test"}
    done = run_command(folder, *DOCTOR, **KEYS, **store)
    assert (done.stderr, REDIS_PASSWORD in done.stdout) == ("", False)
    settings, *_, line, database = done.stdout.splitlines()
    assert settings == FINE
    assert database.startswith("fine\tdatabase\t")
    return done.returncode, line


def test_files_of_tokens_can_be_written_or_not(tmp_path: Path) -> None:
    """Where the server would make the directory; `doctor` makes none."""
    fine = (0, "fine\ttoken store\t`fs` can store access tokens")
    assert token_store(tmp_path, "fs", "data/token") == fine
    assert not (tmp_path / "data").exists()
    (tmp_path / "data").mkdir()
    assert token_store(tmp_path, "fs", f"{tmp_path}/data") == fine
    assert list((tmp_path / "data").iterdir()) == []

    code, line = token_store(tmp_path, "fs", "x.db/token")
    assert (code, line) == (1, f"{CANNOT}x.db/token cannot be written: x.db: Not a directory")


@pytest.mark.xdist_group("redis")
def test_a_redis_that_works_is_fine(redis_server: RedisServer, tmp_path: Path) -> None:
    """Nothing is left in it."""
    fine = (0, "fine\ttoken store\t`redis` can store access tokens")
    assert token_store(tmp_path, "redis", redis_server.url) == fine
    assert redis_command(redis_server, "DBSIZE") == "0"


@pytest.mark.xdist_group("redis")
def test_a_redis_that_cannot_be_used_is_a_problem(
    redis_server: RedisServer, tmp_path: Path
) -> None:
    """Each with its cause: the password, TLS, rights."""
    at = f"{ADDRESS}:{redis_server.port}"
    for url in (f"redis://{at}", f"redis://:wrong@{at}", f"redis://nobody:wrong@{at}"):
        problem = f"{CANNOT}names a Redis that refuses the password, or needs one: {at}"
        assert token_store(tmp_path, "redis", url) == (1, problem)
    code, line = token_store(tmp_path, "redis", redis_server.url.replace("redis:", "rediss:"))
    assert (code, line.startswith(f"{CANNOT}names a Redis that ")) == (1, True)
    reader = ("ACL", "SETUSER", "reader", "on", f">{REDIS_PASSWORD}", "~*", "+@read")
    redis_command(redis_server, *reader)
    code, line = token_store(tmp_path, "redis", f"redis://reader:{REDIS_PASSWORD}@{at}")
    assert (code, line) == (1, f"{CANNOT}names a Redis that does not let this account write: {at}")
    redis_command(redis_server, "ACL", "DELUSER", "reader")


def test_a_redis_that_does_not_run_is_a_problem(tmp_path: Path) -> None:
    """It says which."""
    at = f"{ADDRESS}:{free_port()}"
    code, line = token_store(tmp_path, "redis", f"redis://:{REDIS_PASSWORD}@{at}")

    assert code == 1
    assert line == f"{CANNOT}names a Redis that cannot be reached (Connection refused): {at}"


def test_a_redis_that_does_not_answer_is_a_problem(tmp_path: Path) -> None:
    """After a while."""
    with socket.create_server((ADDRESS, 0)) as silent:
        url = f"redis://{ADDRESS}:{silent.getsockname()[1]}"
        code, line = token_store(tmp_path, "redis", url)

    assert code == 1
    assert line.startswith(f"{CANNOT}names a Redis that ")


def redis_command(server: RedisServer, *arguments: str) -> str:
    """Return the answer of Redis to a command."""
    program = shutil.which("redis-cli")
    assert program
    command = [program, "-h", ADDRESS, "-p", str(server.port), "--no-auth-warning"]
    environment = {"REDISCLI_AUTH": REDIS_PASSWORD}
    done = subprocess.run(
        [*command, *arguments], env=environment, capture_output=True, text=True, check=True
    )
    return done.stdout.strip()


DEV_MODES = {"yes": True, "1": True, "no": False, "": False}


@pytest.mark.parametrize(("value", "warns"), DEV_MODES.items(), ids=DEV_MODES)
def test_dev_mode_in_production_is_a_warning(value: str, warns: bool, tmp_path: Path) -> None:
    """Whether or not the database can be used; the server warns at its start."""
    without = run_command(tmp_path, *DOCTOR, **KEYS, DEV_MODE=value)
    assert run_command(tmp_path, *MIGRATED).returncode == 0
    done = run_command(tmp_path, *DOCTOR, **KEYS, DEV_MODE=value)
    dev = run_command(tmp_path, *DOCTOR, "--mode", "dev", DEV_MODE=value)

    assert done.returncode == dev.returncode == 0
    for printed in (without.stdout, done.stdout):
        assert printed.count("warning\tsettings\tDEV_MODE is on") == warns
    assert "warning\tsettings" not in dev.stdout


def test_serve_says_at_its_start_what_is_closed(
    start_server: StartServer,
) -> None:
    """On stderr; `skylogin dev` is open."""
    at = ("--port", "0", "--database")
    dev = start_server("dev", *at, "sqlite:///dev.db")
    assert dev.url
    assert "note: " not in dev.log
    serve = start_server("serve", *at, "sqlite:///x.db", **KEYS)
    assert serve.url
    for note in NOTES:
        assert f"note: {note}: " in serve.log


def test_serve_warns_of_dev_mode(start_server: StartServer) -> None:
    """On stderr."""
    server = start_server(
        "serve", "--port", "0", "--database", "sqlite:///x.db", **KEYS, DEV_MODE="yes"
    )

    assert server.url
    assert "warning: DEV_MODE is on" in server.log


def test_doctor_reports_what_is_open_to_others(tmp_path: Path) -> None:
    """A `dev` beyond loopback, and a file with secrets."""
    (tmp_path / ".env").write_text("DATABASE_URL=sqlite:///x.db\nMASTER_KEY=secret\n")
    (tmp_path / ".env").chmod(0o644)

    found = run_command(tmp_path, "doctor", "--mode", "dev", HOST="0.0.0.0")

    assert found.returncode == 1
    assert "problem\tsettings\tHOST is '0.0.0.0', beyond loopback, and MASTER_KEY" in found.stdout
    assert "can start with them" not in found.stdout
    assert "warning\tfiles\tother users of this machine may read .env" in found.stdout


def test_doctor_advises_on_a_server_that_can_run(start_server: StartServer, tmp_path: Path) -> None:
    """From its settings and database, and of the running server also what proxies send it."""
    server = start_server(
        "serve", "--port", "0", *DOCTOR[1:], **KEYS, SKYLOGIN_ADMIN_TOKEN="an admin token of ours"
    )
    assert server.url
    here = run_command(tmp_path, *DOCTOR, **KEYS)
    assert here.returncode == 0
    assert "warning\tdatabase\t`skylogin backup` has not made a backup yet" in here.stdout
    assert run_command(tmp_path, "backup", "copy.db", *DOCTOR[1:], **KEYS).returncode == 0
    assert "backup" not in run_command(tmp_path, *DOCTOR, **KEYS).stdout

    assert send_forwarded(server.url) == HTTPStatus.OK
    there = run_command(
        tmp_path, "doctor", "--url", server.url, "--admin-token", "an admin token of ours"
    )
    assert (there.returncode, there.stderr) == (0, "")
    assert "warning\tsettings\tCORS_HOST is *" in there.stdout
    assert "127.0.0.1 sends X-Forwarded-For or Forwarded, which is ignored" in there.stdout


def send_forwarded(url: str) -> int:
    """Return the status of a request that a proxy passed on."""
    return requests.get(url, headers={"X-Forwarded-For": "10.1.2.3"}, timeout=30).status_code


def test_doctor_asks_postgresql(postgresql_url: str, tmp_path: Path) -> None:
    """How it commits."""
    off = {"DATABASE_URL": f"{postgresql_url}?options=-c%20synchronous_commit%3Doff"}
    assert run_command(tmp_path, "migrate", **KEYS, **off).returncode == 0

    found = run_command(tmp_path, "doctor", **KEYS, **off)

    assert found.returncode == 0, found.stdout
    assert "PostgreSQL's synchronous_commit is off" in found.stdout
