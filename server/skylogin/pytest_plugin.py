"""The pytest plugin: the fixtures `skylogin`, `skylogin_server` and `skylogin_settings`.

pytest imports this in every run of an environment that has skylogin installed, so it imports
nothing but pytest until a fixture is used. A reader of os.environ, beside the commands.
"""

import os
import uuid
from collections.abc import Generator, Iterator
from contextlib import suppress
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from skylogin.testing import RunningServer, SkyloginApp, SkyloginServer

SECTION = "skylogin: attempts of this test"
# What `skylogin exec` tells the command that it runs.
EXEC_VARIABLES = ("SKYGEAR_ENDPOINT", "SKYLOGIN_APP")
# Settings of a server that are its own business, whoever uses it.
ITS_OWN = {"HOST", "PORT", "DATABASE_URL", "SKYLOGIN_DATA"}

USED_APP = pytest.StashKey["SkyloginApp"]()


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add `--skylogin-url`, which a configuration file may say as well."""
    about = "URL of a `skylogin dev` that runs already, instead of one of this process's own"
    group = parser.getgroup("skylogin")
    group.addoption("--skylogin-url", metavar="URL", help=f"{about}.")
    parser.addini("skylogin_url", help=about)


@pytest.fixture(scope="session")
def skylogin_settings() -> dict[str, str]:
    """Settings of the server, as environment variables. Override this fixture to have others."""
    return {}


@pytest.fixture(scope="session")
def skylogin_server(
    pytestconfig: pytest.Config, skylogin_settings: dict[str, str]
) -> Iterator["SkyloginServer | RunningServer"]:
    """A `skylogin dev` for the whole run: one in this process, or the one that was named."""
    # On the start-up list: a run that uses no fixture of ours does not pay for it.
    from skylogin import testing  # noqa: PLC0415

    _check_settings(skylogin_settings)
    url = _named_server(pytestconfig)
    if not url:
        with testing.SkyloginServer(skylogin_settings) as server:
            yield server
        return
    try:
        running = testing.RunningServer(url, _admin_token())
    except ValueError as error:
        fault = str(error)
    else:
        fault = _why_not(running, skylogin_settings)
    if fault:
        pytest.fail(f"skylogin: {fault}", pytrace=False)
    yield running
    running.close()


@pytest.fixture(scope="session")
def _skylogin_app(
    pytestconfig: pytest.Config, skylogin_server: "SkyloginServer | RunningServer"
) -> Iterator["SkyloginApp"]:
    """The app of this process: no other worker, and no other run, has one of its name."""
    worker = getattr(pytestconfig, "workerinput", {}).get("workerid", "master")
    if not _named_server(pytestconfig):
        yield skylogin_server.app(worker)
        return
    app = skylogin_server.app(f"{worker}-{uuid.uuid4().hex[:12]}")
    yield app
    from skylogin.testing import AdminError  # noqa: PLC0415

    # A test may have ended the app, or the server.
    with suppress(OSError, AdminError):
        app.delete()


@pytest.fixture
def skylogin(request: pytest.FixtureRequest, _skylogin_app: "SkyloginApp") -> "SkyloginApp":
    """An app of Skygear's login that is this test's alone: new, with nobody in it."""
    # And so is this.
    import unittest  # noqa: PLC0415

    _skylogin_app.reset()
    request.node.stash[USED_APP] = _skylogin_app
    if isinstance(request.instance, unittest.TestCase):
        request.instance.skylogin = _skylogin_app  # type: ignore[attr-defined]
    return _skylogin_app


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(
    item: pytest.Item, call: pytest.CallInfo[None]
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Add to the report of a test that failed what it tried to log in."""
    report = yield
    app = item.stash.get(USED_APP, None)
    if app is not None and report.failed:
        from skylogin.testing import AdminError  # noqa: PLC0415

        # With the last test's fixtures the server goes as well, and a test may end its app.
        with suppress(OSError, AdminError):
            text = "\n".join(str(attempt) for attempt in app.logins)
            report.sections.append((SECTION, text or "none"))
    return report


def _named_server(config: pytest.Config) -> str:
    """Return the URL of the server that this run is to use, empty where it is to start one."""
    option = config.getoption("--skylogin-url")
    if option:
        return str(option)
    if all(os.environ.get(name) for name in EXEC_VARIABLES):
        return os.environ["SKYGEAR_ENDPOINT"]
    return str(config.getini("skylogin_url"))


def _admin_token() -> str:
    """Return what opens the admin API of a server that runs already."""
    names = ("SKYLOGIN_ADMIN_TOKEN", "SKYGEAR_MASTER_KEY")
    given = [os.environ[name] for name in names if os.environ.get(name)]
    return given[0] if given else "secret"


def _check_settings(settings: dict[str, str]) -> None:
    """Fail where what the tests want are no settings, with all that is wrong with them."""
    # So is this.
    from skylogin import config  # noqa: PLC0415

    known = config.VARIABLES | set(config.WITHOUT_EFFECT)
    faults = [f"{name} is not a setting" for name in settings if name not in known]
    faults += [
        f"{name} is {value!r}, and has to be a text"
        for name, value in settings.items()
        if not isinstance(value, str)
    ]
    if not faults:
        try:
            config.read(settings, config.DEV)
        except config.ConfigurationError as error:
            faults = error.problems
    if faults:
        pytest.fail(f"skylogin_settings: {'; '.join(faults)}", pytrace=False)


def _why_not(server: "RunningServer", wanted: dict[str, str]) -> str:
    """Return why a server cannot be used, such as other settings than these tests want."""
    # So are these.
    from skylogin import config  # noqa: PLC0415
    from skylogin.testing import AdminError  # noqa: PLC0415

    try:
        there = server.settings()
    except (OSError, AdminError) as error:
        return f"{server.url} cannot be used: {error}"
    rows = {row.variable: row.value for row in config.in_force(config.read(wanted, config.DEV))}
    wrong = [
        f"{name} is {there.get(name)!r} there, skylogin_settings says {rows[name]!r}"
        for name in wanted.keys() - ITS_OWN
        if there.get(name) != rows.get(name)
    ]
    return f"{server.url} has other settings: {'; '.join(wrong)}" if wrong else ""
