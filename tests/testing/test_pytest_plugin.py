"""The pytest plugin in test suites of other projects: each is a separate run of pytest."""

import contextlib
import json
import os
import re
import signal
import socket
import sqlite3
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from skylogin.testing import RunningServer, SkyloginServer

from tests.processes import StartServer, environment_with, processes_of, run_python
from tests.waiting import wait_until

pytestmark = pytest.mark.slow

SECONDS_MAX = 120
# Other plugins of this environment, which have nothing to do with ours.
OTHERS = (
    *("-p", "no:schemathesis", "-p", "no:hypothesispytest", "-p", "no:cacheprovider"),
    *("-o", "asyncio_default_fixture_loop_scope=function"),
)
# Workers, and tests of each. Starting eight workers takes longer than their tests.
CROWDS = [(3, 25), pytest.param(8, 200, marks=pytest.mark.long)]
timing = pytest.mark.xdist_group("timing")
CALM_RESETS = 300
WAIT_SECONDS_MAX = 60

Run = Callable[..., pytest.RunResult]


@pytest.fixture
def run(pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch) -> Run:
    """Run pytest on files with these contents, with warnings as errors."""
    for name in [name for name in os.environ if name.startswith(("SKYLOGIN_", "SKYGEAR_"))]:
        monkeypatch.delenv(name)

    def run(*arguments: str, **files: str) -> pytest.RunResult:
        if files:
            pytester.makepyfile(**files)
        options = ("--strict-markers", "--strict-config", "-W", "error", *OTHERS)
        return pytester.runpytest_subprocess(*options, *arguments, timeout=SECONDS_MAX)

    return run


def text_of(result: pytest.RunResult) -> str:
    """Return the output of a run."""
    return f"{result.stdout}\n{result.stderr}"


# --- kinds of tests ------------------------------------------------------------------

PLAIN = """
def test_first(skylogin):
    skylogin.login("alice", {"name": "Alice"})
    skylogin.clock.advance(days=400)
    assert skylogin.users["alice"].profile == {"name": "Alice"}

def test_second(skylogin):
    assert "alice" not in skylogin.users
    assert len(skylogin.logins) == 0
    skylogin.login_with(skylogin.mint("alice"))
"""

ASYNC = """
import asyncio
import pytest

@pytest.mark.asyncio
async def test_of_pytest_asyncio(skylogin):
    alice = await asyncio.to_thread(skylogin.login, "alice")
    assert skylogin.users["alice"].id == alice.user_id

@pytest.mark.asyncio
async def test_waits_beside_its_own_loop(skylogin):
    waiting = asyncio.create_task(asyncio.to_thread(skylogin.logins.wait_for, "bob"))
    await asyncio.to_thread(skylogin.login, "bob")
    assert (await waiting).accepted

async def handler(request):
    from aiohttp import web
    skylogin = request.app["skylogin"]
    return web.json_response(skylogin.login_with(request.headers["Authorization"]).profile)

@pytest.mark.asyncio
async def test_of_pytest_aiohttp(skylogin, aiohttp_client):
    from aiohttp import web
    app = web.Application()
    app["skylogin"] = skylogin
    app.router.add_get("/", handler)
    client = await aiohttp_client(app)
    token = skylogin.mint("alice", {"name": "Alice"})
    answer = await client.get("/", headers={"Authorization": token})
    assert await answer.json() == {"name": "Alice"}
    assert skylogin.users["alice"].last_login_at is not None

@pytest.fixture
def anyio_backend():
    return "asyncio"

@pytest.mark.anyio
async def test_of_anyio(skylogin):
    assert skylogin.login("alice").user_id
"""

UNITTEST = """
import unittest
import pytest

@pytest.mark.usefixtures("skylogin")
class AppTest(unittest.TestCase):
    def setUp(self):
        self.alice = self.skylogin.login("alice")

    def test_first(self):
        self.assertEqual(self.skylogin.users["alice"].id, self.alice.user_id)
        self.assertEqual(len(self.skylogin.logins), 1)

    def test_second(self):
        self.assertEqual(len(self.skylogin.logins), 1)

@pytest.mark.usefixtures("skylogin")
class AsyncAppTest(unittest.IsolatedAsyncioTestCase):
    async def test_third(self):
        self.assertTrue(self.skylogin.login("alice").user_id)
"""

SUITES = {"plain": (PLAIN, 2), "async": (ASYNC, 4), "unittest": (UNITTEST, 3)}


@pytest.mark.parametrize(("suite", "number"), SUITES.values(), ids=SUITES)
def test_every_kind_of_test_has_its_own_app(suite: str, number: int, run: Run) -> None:
    """Synchronous tests, three kinds of asynchronous ones, and unittest's classes."""
    # aiohttp warns that the key of its application is a text here.
    run("-W", "ignore::UserWarning", test_it=suite).assert_outcomes(passed=number)


def test_unittest_without_pytest(tmp_path: Path) -> None:
    """A server for a class, whose app is reset for each test."""
    (tmp_path / "test_it.py").write_text("""
import unittest
from skylogin.testing import SkyloginServer

class AppTest(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.skylogin = cls.enterClassContext(SkyloginServer()).app()

    def setUp(self):
        self.skylogin.reset()

    def test_first(self):
        self.skylogin.login("alice")
        self.assertEqual(list(self.skylogin.users), ["alice"])

    def test_second(self):
        self.assertEqual(list(self.skylogin.users), [])
""")
    ended = run_python(tmp_path, "-W", "error", "-m", "unittest", "test_it")

    assert ended.returncode == 0, ended.stderr
    assert "Ran 2 tests" in ended.stderr
    assert "Warning" not in ended.stderr


# --- settings and servers --------------------------------------------------------------

STRICT = """
import pytest

@pytest.fixture(scope="session")
def skylogin_settings():
    return {"SKYLOGIN_ISSUER": "shop", "CUSTOM_TOKEN_SECRET": "one that only this server knows"}
"""
OF_THE_SHOP = """
def test_it(skylogin):
    skylogin.login("alice", iss="shop")
    assert skylogin.secret == "one that only this server knows"
"""


def test_settings_can_be_overridden(run: Run, pytester: pytest.Pytester) -> None:
    """By a fixture of the project. `.env` is not read."""
    (pytester.path / ".env").write_text("SKYLOGIN_ISSUER=nobody\nSKYLOGIN_NONSENSE=1\n")

    run(conftest=STRICT, test_it=OF_THE_SHOP).assert_outcomes(passed=1)


OF_A_PROJECT = """
def test_it(skylogin):
    assert skylogin.login("alice", iss="shop").user_id
    assert (skylogin.name, skylogin.api_key) == ("master", "changeme")
"""


def test_a_server_takes_only_what_is_meant_for_skylogin(
    run: Run, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """The rest of the environment is the project's, with its own database and Skygear server."""
    url = f"sqlite:///{tmp_path}/theirs.db"
    monkeypatch.setenv("DATABASE_URL", url)
    monkeypatch.setenv("API_KEY", "secret")
    monkeypatch.setenv("DEV_MODE", "development")
    monkeypatch.setenv("SKYGEAR_ENDPOINT", "https://skygear.example.com/")
    monkeypatch.setenv("SKYGEAR_MASTER_KEY", "of production")
    monkeypatch.setenv("SKYLOGIN_ISSUER", "shop")
    run(test_it=OF_A_PROJECT).assert_outcomes(passed=1)
    assert list(tmp_path.glob("theirs*")) == []

    monkeypatch.setenv("SKYLOGIN_DATABASE_URL", url)
    run(test_it=OF_A_PROJECT).assert_outcomes(passed=1)
    assert (tmp_path / "theirs.db").exists()


PROJECT = """
settings: {SKYLOGIN_ISSUER: somebody}
users: [{sub: alice, profile: {name: Alice}}]
"""
OF_PROJECT = """
import pytest

@pytest.mark.parametrize("number", [1, 2])
def test_it(number, skylogin):
    with pytest.raises(Exception, match="issuer"):
        skylogin.login("bob")
    assert list(skylogin.users) == ["alice"]
    assert skylogin.users["alice"].profile["name"] == "Alice"
    skylogin.users["alice"].delete()
"""


def test_a_test_begins_with_the_users_of_its_project(run: Run, pytester: pytest.Pytester) -> None:
    """Each one, from a directory below too; what is wrong with the file is one line."""
    pytester.makefile(".yaml", skylogin=PROJECT)
    run(**{"tests/test_project": OF_PROJECT}).assert_outcomes(passed=2)
    with contextlib.chdir("tests"):
        run().assert_outcomes(passed=2)
    pytester.makefile(".yaml", skylogin="settings: {CUSTOM_TOKEN: x}")
    broken = run()
    broken.assert_outcomes(errors=2)
    assert "skylogin.yaml:1: settings.CUSTOM_TOKEN: is not a setting" in text_of(broken)


CANNOT_START = {
    "SKYLOGIN_ISUER": "SKYLOGIN_ISUER is not a setting",
    "SKYLOGIN_DATABASE_URL": "the database has tables of another program",
}


@pytest.mark.parametrize("name", CANNOT_START)
def test_a_server_that_cannot_start_fails_in_one_line(
    name: str, run: Run, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """Such as one on the database of the project."""
    path = tmp_path / "theirs.db"
    with contextlib.closing(sqlite3.connect(path)) as connection, connection:
        connection.execute("CREATE TABLE orders (id integer)")
    monkeypatch.setenv(name, f"sqlite:///{path}")

    result = run(test_it="def test_it(skylogin): 0")

    result.assert_outcomes(errors=1)
    result.stdout.re_match_lines([rf"^skylogin: {CANNOT_START[name]}"])
    assert "During handling" not in text_of(result)
    assert "pytest_plugin.py" not in text_of(result)


@pytest.fixture
def server(start_server: StartServer) -> str:
    """The URL of a running server."""
    return start_server("dev", "--port", "0", "--ephemeral").url


def test_a_running_server_is_used(
    run: Run, server: str, pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch
) -> None:
    """However it is named. Runs use their own apps, and delete them."""
    host = server.rstrip("/")
    suite = f"{PLAIN}\ndef test_where(skylogin):\n    assert skylogin.url.startswith({server!r})\n"
    run("--skylogin-url", host, test_it=suite).assert_outcomes(passed=3)
    pytester.makeini(f"[pytest]\nskylogin_url = {server}")
    run("-n", "2").assert_outcomes(passed=3)
    pytester.makeini("[pytest]\nskylogin_url = http://127.0.0.1:1/")
    monkeypatch.setenv("SKYLOGIN_URL", server)
    run().assert_outcomes(passed=3)

    assert RunningServer(server).apps() == ["myapp"]


INVALID_SETTINGS = {
    "None": "None is not a dictionary",
    "['SKYLOGIN_LEEWAY_SECONDS']": "['SKYLOGIN_LEEWAY_SECONDS'] is not a dictionary",
    "{'SKYLOGIN_LEEWAY_SECONDS': 3}": "SKYLOGIN_LEEWAY_SECONDS is 3, but must be a string",
    "{'SKYLOGIN_LEEWAY_SECONDS': 'x'}": "SKYLOGIN_LEEWAY_SECONDS is not a whole number: 'x'",
    "{'AUTH_RECORD_KEY': 'name', 'SKYLOGIN_X': ''}": (
        "AUTH_RECORD_KEY is not a setting; SKYLOGIN_X is not a setting"
    ),
}


@pytest.mark.parametrize(
    ("settings", "message"), INVALID_SETTINGS.items(), ids=INVALID_SETTINGS.values()
)
def test_invalid_settings_fail_in_one_line(settings: str, message: str, run: Run) -> None:
    """Otherwise a misspelt setting would have no effect, and nobody would notice."""
    fixture = "import pytest\n\n@pytest.fixture(scope='session')\ndef skylogin_settings():\n"
    result = run(conftest=f"{fixture}    return {settings}\n", test_it="def test_it(skylogin): 0")

    result.assert_outcomes(errors=1)
    result.stdout.re_match_lines([rf"^skylogin_settings: {re.escape(message)}$"])
    assert "Traceback" not in text_of(result)
    assert "pytest_plugin.py" not in text_of(result)


@pytest.mark.parametrize("url", ["http://127.0.0.1:9", "localhost:3000"])
def test_an_unreachable_server_fails_in_one_line(url: str, run: Run) -> None:
    """Whether no server listens there, or it is not a URL."""
    result = run("--skylogin-url", url, test_it="def test_it(skylogin): 0")

    result.assert_outcomes(errors=1)
    result.stdout.re_match_lines([rf"^skylogin: {url} "])
    assert "During handling" not in text_of(result)
    assert "pytest_plugin.py" not in text_of(result)


def test_a_server_with_other_settings_is_not_used(run: Run, server: str) -> None:
    """The tests would fail for reasons that are hard to find."""
    result = run("--skylogin-url", server, conftest=STRICT, test_it=OF_THE_SHOP)

    result.assert_outcomes(errors=1)
    assert "SKYLOGIN_ISSUER is '', skylogin_settings has 'shop'" in text_of(result)


# --- reports ---------------------------------------------------------------------------

FAILING = """
import pytest

def test_that_fails(skylogin):
    # Otherwise the attempt may say 3601 s, if a second passes between the token and the login.
    skylogin.clock.freeze()
    skylogin.login("alice")
    token = skylogin.bad.expired("bob")
    with pytest.raises(Exception):
        skylogin.login_with(token)
    print("printed")
    assert skylogin.users["alice"].roles == ("owner",)

def test_without_attempts(skylogin):
    assert False

def test_without_the_fixture():
    assert False

def test_that_passes(skylogin):
    skylogin.login("carol")

@pytest.fixture
def broken(skylogin):
    skylogin.login("dave")
    raise KeyError("broken")

def test_of_a_broken_fixture(broken):
    pass
"""
SECTION = "skylogin: login attempts of this test"


@pytest.mark.parametrize("workers", ["0", "2"])
def test_a_failed_test_shows_its_login_attempts(workers: str, run: Run) -> None:
    """One line each, if the test used an app; never a token or a secret."""
    result = run("-n", workers, "--showlocals", test_it=FAILING)

    result.assert_outcomes(passed=1, failed=3, errors=1)
    text = text_of(result)
    assert text.count(SECTION) == 3  # noqa: PLR2004
    assert re.search(r"\d\d:\d\d:\d\d\.\d+  alice  accepted: first login", text)
    assert re.search(r"\n[-\d]+ [:.\d]+  bob  refused expired: expired 3600 s ago", text)
    assert re.search(rf"{SECTION} -+\n[-\d]+ [:.\d]+  dave  accepted: ", text)
    assert re.search(rf"{SECTION} -+\nnone\n", text)
    assert "carol" not in text
    shown = text.split(SECTION)[1:]
    assert not any("eyJ" in part.split("=====")[0].split("____")[0] for part in shown)


DELETING = """
import pytest

def test_deletes_its_app(skylogin):
    skylogin.delete()
    assert False

def test_goes_on(skylogin):
    assert skylogin.login("alice").user_id
    skylogin.delete()
"""


def test_an_app_that_a_test_deletes(run: Run, server: str) -> None:
    """Exists again for the next test; nothing else breaks."""
    run("--skylogin-url", server, test_it=DELETING).assert_outcomes(passed=1, failed=1)
    run().assert_outcomes(passed=1, failed=1)


# --- what it costs ---------------------------------------------------------------------


def test_the_plugin_imports_nothing(tmp_path: Path) -> None:
    """Beyond what pytest has imported already, until a fixture is used."""
    program = """
import json, sys
import pytest
before = set(sys.modules)
import skylogin.pytest_plugin
print(json.dumps(sorted(set(sys.modules) - before)))
"""
    shown = run_python(tmp_path, "-c", program)

    assert shown.returncode == 0, shown.stderr
    assert json.loads(shown.stdout) == ["skylogin", "skylogin.pytest_plugin"]


def test_a_running_server_needs_no_modules_of_the_server(tmp_path: Path) -> None:
    """So that workers start sooner."""
    program = """
import json, sys
import skylogin.testing
print(json.dumps(sorted(sys.modules)))
"""
    shown = run_python(tmp_path, "-c", program)
    assert shown.returncode == 0, shown.stderr
    imported = set(json.loads(shown.stdout))

    assert not imported & {"skylogin.web.server", "skylogin.store", "aiohttp", "sqlalchemy"}


# --- many workers ------------------------------------------------------------------------

TEST_OF_A_WORKER = """
import json
import os
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from skylogin.testing import LoginRefusedError

BEGIN = datetime(2030, 1, 1, tzinfo=UTC)

@pytest.mark.parametrize("number", range(int(os.environ["TESTS"])))
def test_alone(number, skylogin, worker_id):
    day = BEGIN + timedelta(days=1000 * int(worker_id[2:]) + number)
    assert skylogin.clock.freeze(day) == day
    names = [f"user{one}" for one in range(3)]
    for name in names:
        skylogin.login(name, {"worker": worker_id, "number": number})
    skylogin.users["user0"].disable(f"by {worker_id} {number}")
    with pytest.raises(LoginRefusedError, match=f"by {worker_id} {number}"):
        skylogin.login("user0")
    assert skylogin.clock.advance(hours=1) == day + timedelta(hours=1)
    again = skylogin.login("user1")
    assert again.last_login_at == day
    assert again.profile == {"worker": worker_id, "number": number}
    assert set(skylogin.users) == set(names)
    assert [one.at for one in skylogin.logins] == [day] * 4 + [day + timedelta(hours=1)]
    begin = time.perf_counter()
    skylogin.reset()
    seconds = time.perf_counter() - begin
    with Path(os.environ["TIMES"], worker_id).open("a") as file:
        file.write(f"{seconds}\\n")
    assert len(skylogin.users) == len(skylogin.logins) == 0
    assert skylogin.clock.now() < BEGIN
"""


@timing
@pytest.mark.parametrize(("workers", "tests_each"), CROWDS)
@pytest.mark.parametrize("is_shared", [True, False], ids=["one server", "a server each"])
def test_workers_do_not_meet(  # noqa: PLR0913, PLR0917
    is_shared: bool,
    workers: int,
    tests_each: int,
    tmp_path: Path,
    pytester: pytest.Pytester,
    monkeypatch: pytest.MonkeyPatch,
    capfd: pytest.CaptureFixture[str],
) -> None:
    """Whatever they do to users and clocks, on one server or on a server each."""
    times = tmp_path / "times"
    times.mkdir()
    monkeypatch.setenv("TIMES", str(times))
    monkeypatch.setenv("TESTS", str(tests_each * workers))
    pytester.makepyfile(test_it=TEST_OF_A_WORKER)
    exec_ = [sys.executable, "-m", "skylogin", "exec", "--"] if is_shared else []
    command = [sys.executable, "-m", "pytest", *OTHERS, "-W", "error", "-q", "-n", str(workers)]
    result = pytester.run(*exec_, *command, timeout=600)

    assert result.ret == 0, text_of(result)
    result.assert_outcomes(passed=tests_each * workers)
    taken = [float(line) for path in times.iterdir() for line in path.read_text().splitlines()]
    kind = "one server" if is_shared else "a server each"
    with capfd.disabled():
        print(f"\n{workers} workers, {kind}: {in_milliseconds(taken)}")
    assert {path.name for path in times.iterdir()} == {f"gw{number}" for number in range(workers)}


@timing
def test_a_reset_takes_milliseconds(capfd: pytest.CaptureFixture[str]) -> None:
    """When nothing else is running. The times are printed."""
    taken = []
    with SkyloginServer() as server:
        app = server.app("calm")
        for number in range(CALM_RESETS):
            app.login(f"user{number}", {"number": number})
            app.users[f"user{number}"].disable()
            app.clock.advance(days=1)
            begin = time.perf_counter()
            app.reset()
            taken.append(time.perf_counter() - begin)
            assert "alice" not in app.users
    with capfd.disabled():
        print(f"\nalone: {in_milliseconds(taken)}")


def in_milliseconds(taken: list[float]) -> str:
    """Return the number of resets and the times that they took."""
    taken = sorted(taken)
    p50, p99 = taken[len(taken) // 2], taken[len(taken) * 99 // 100]
    return f"{len(taken)} resets, p50 {p50 * 1e3:.1f} ms, p99 {p99 * 1e3:.1f} ms"


# --- other processes, and proxies ---------------------------------------------------------

OTHER_PROCESS = """
import multiprocessing
import pickle
from concurrent.futures import ProcessPoolExecutor

import pytest
from skylogin.testing import AdminError, LoginRefusedError

def log_in(skylogin, sub):
    assert skylogin.users.get("nobody") is None
    return skylogin.login(sub)

def log_in_by_server(server, name, sub):
    server.app(name).login(sub)

def be_refused(skylogin):
    skylogin.login_with(skylogin.bad.expired("bob"))

def use_wrongly(skylogin):
    skylogin.users["alice"].set_roles("")

@pytest.fixture(params=multiprocessing.get_all_start_methods())
def method(request):
    return multiprocessing.get_context(request.param)

def test_logs_in(skylogin, skylogin_server, method):
    with ProcessPoolExecutor(1, mp_context=method) as pool:
        user = pool.submit(log_in, skylogin, "alice").result()
        assert user.user_id == skylogin.users["alice"].id
        pool.submit(log_in_by_server, skylogin_server, skylogin.name, "bob").result()
        assert set(skylogin.users) == {"alice", "bob"}
        with pytest.raises(LoginRefusedError, match="expired") as refused:
            pool.submit(be_refused, skylogin).result()
        assert (refused.value.status, refused.value.reason) == (400, "expired")
        with pytest.raises(AdminError) as wrong:
            pool.submit(use_wrongly, skylogin).result()
        assert wrong.value.problems
        assert pool.submit(len, skylogin.logins).result() == 3
        for make in (skylogin.mint, skylogin.bad.expired):
            assert len(list(pool.map(make, ["alice", "bob"]))) == 2

def test_a_process_logs_in(skylogin, method):
    process = method.Process(target=log_in, args=(skylogin, "carol"))
    process.start()
    process.join()
    assert process.exitcode == 0
    assert skylogin.logins.last.subject == "carol"

def test_every_part_can_be_sent(skylogin):
    skylogin.login("alice")
    for part in (skylogin.users, skylogin.users["alice"], skylogin.logins, skylogin.logins.last,
                 skylogin.clock, skylogin.faults, skylogin.faults.drop(), skylogin.bad):
        assert type(pickle.loads(pickle.dumps(part))) is type(part)
"""


def test_an_app_can_be_used_in_another_process(run: Run) -> None:
    """However multiprocessing starts it; results and errors come back."""
    run(test_processes=OTHER_PROCESS).assert_outcomes(passed=7)


# An app under test, as most are written: the libraries read the variables of the environment.
BEHIND_A_PROXY = """
import json, os
from urllib.request import Request, urlopen

def test_it(skylogin):
    body = json.dumps({"api_key": skylogin.api_key, "token": skylogin.mint("alice")}).encode()
    with urlopen(Request(f"{skylogin.url}sso/custom_token/login", body)) as answer:
        assert answer.status == 200
    assert os.environ["NO_PROXY"] == os.environ["no_proxy"] == "example.com,127.0.0.1"

def test_a_command(skylogin):
    assert os.system(f"curl -sf {skylogin.url}_status/healthz") == 0
"""


@pytest.mark.parametrize("name", ["HTTP_PROXY", "http_proxy", "ALL_PROXY", "all_proxy"])
def test_a_proxy_is_not_asked_for_the_server(
    name: str, run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Neither by the fixture nor by the code under test."""
    monkeypatch.setenv(name, "http://127.0.0.1:9")
    monkeypatch.setenv("no_proxy", "example.com")
    monkeypatch.delenv("NO_PROXY", raising=False)

    run(test_proxy=BEHIND_A_PROXY).assert_outcomes(passed=2)


# --- a run that is killed ------------------------------------------------------------------

ENDLESS = """
import signal
from pathlib import Path

def test_it(skylogin):
    skylogin.login("alice")
    Path("ready.tmp").write_text(skylogin.url)
    Path("ready.tmp").rename("ready")
    signal.pause()
"""


# xdist gives a worker 15 seconds to end after its controller is gone.
KILLED = {
    "killed": (signal.SIGKILL, "0"),
    "terminated": (signal.SIGTERM, "0"),
    "interrupted": (signal.SIGINT, "0"),
    "killed with workers": (signal.SIGKILL, "2"),
}


@timing
@pytest.mark.parametrize(("number", "workers"), KILLED.values(), ids=KILLED)
def test_a_killed_run_leaves_nothing(number: signal.Signals, workers: str, tmp_path: Path) -> None:
    """No port, no process, no directory, no lock, with or without workers."""
    temporary = tmp_path / "temporary"
    temporary.mkdir()
    (tmp_path / "test_it.py").write_text(ENDLESS)
    command = [sys.executable, "-m", "pytest", *OTHERS, "-q", "-n", workers, "test_it.py"]
    environment = environment_with({"TMPDIR": str(temporary)})
    with subprocess.Popen(
        command,
        cwd=tmp_path,
        env=environment,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    ) as process:
        ready = tmp_path / "ready"
        wait_until(ready.exists, WAIT_SECONDS_MAX)
        url = ready.read_text()
        assert list(temporary.glob("skylogin-*"))
        process.send_signal(number)
        process.wait(SECONDS_MAX)

    wait_until(
        lambda: not list(temporary.glob("skylogin-*")) and not processes_of(temporary),
        WAIT_SECONDS_MAX,
    )
    host, port = url.split("/")[2].split(":")
    assert not is_listening(host, int(port))


def is_listening(host: str, port: int) -> bool:
    """Return whether connections are accepted there."""
    with socket.socket() as line:
        return line.connect_ex((host, port)) == 0
