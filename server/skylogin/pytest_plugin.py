"""The pytest plugin: the fixtures `skylogin`, `skylogin_server` and `skylogin_settings`.

pytest imports this in every environment that has skylogin installed, so it imports nothing but
pytest until a fixture is used. From os.environ it reads only variables that begin with SKYLOGIN_,
and those that `skylogin exec` sets: the others belong to the project under test.
"""

import os
import uuid
from collections.abc import Generator, Iterator, Mapping
from contextlib import ExitStack, contextmanager, suppress
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from skylogin.testing import RunningServer, SkyloginApp, SkyloginServer
    from skylogin.testing.project import Project

SECTION = "skylogin: login attempts of this test"
# Variables that `skylogin exec` sets for its command.
EXEC_VARIABLES = ("SKYGEAR_ENDPOINT", "SKYLOGIN_APP")
# Settings in which a running server may differ from what the tests ask for.
MAY_DIFFER = {"HOST", "PORT", "DATABASE_URL", "SKYLOGIN_DATABASE_URL", "SKYLOGIN_DATA"}

USED_APP = pytest.StashKey["SkyloginApp"]()


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add the option `--skylogin-url` and the ini setting `skylogin_url`."""
    about = "URL of a `skylogin dev` that is already running, to use instead of starting one"
    group = parser.getgroup("skylogin")
    group.addoption("--skylogin-url", metavar="URL", help=f"{about}.")
    parser.addini("skylogin_url", help=about)


@pytest.fixture(scope="session")
def skylogin_settings() -> dict[str, str]:
    """Settings of the server, as environment variables. Override this fixture to change them."""
    return {}


@pytest.fixture(scope="session")
def skylogin_server(
    pytestconfig: pytest.Config,
    skylogin_settings: dict[str, str],
    _skylogin_project: "Project | None",
) -> Iterator["SkyloginServer | RunningServer"]:
    """A `skylogin dev` for the whole run: in this process, or one that is already running."""
    # On the start-up list: runs that do not use the fixtures must not pay for it.
    from skylogin import testing  # noqa: PLC0415

    _check_settings(skylogin_settings)
    url = _named_server(pytestconfig)
    if not url:
        project = _skylogin_project
        with (
            _started(project.settings if project else {}, skylogin_settings) as server,
            _without_proxy(server.url),
        ):
            yield server
        return
    try:
        running = testing.RunningServer(url, _admin_token())
    except ValueError as error:
        problem = str(error)
    else:
        problem = _problem_with(running, skylogin_settings)
    if problem:
        pytest.fail(f"skylogin: {problem}", pytrace=False)
    with _without_proxy(running.url):
        yield running
    running.close()


@pytest.fixture(scope="session")
def _skylogin_project(pytestconfig: pytest.Config) -> "Project | None":
    """The skylogin.yaml of the working directory, or of pytest's root directory."""
    # On the start-up list, as above.
    from skylogin.testing import project  # noqa: PLC0415

    directory, root = pytestconfig.invocation_params.dir, pytestconfig.rootpath
    try:
        return project.find(directory if directory.is_relative_to(root) else root)
    except ValueError as error:
        problems = str(error)
    pytest.fail(f"skylogin: {problems}", pytrace=False)


@contextmanager
def _started(project: Mapping[str, str], settings: dict[str, str]) -> Iterator["SkyloginServer"]:
    """Run a server during the block. Fails the test run if it cannot start."""
    # On the start-up list, as above.
    from skylogin import config, testing  # noqa: PLC0415

    own = {name: value for name, value in os.environ.items() if config.is_own(name)}
    problem = ""
    with ExitStack() as stack:
        try:
            given = config.with_given(project, own)
            server = testing.SkyloginServer(config.with_given(given, settings))
            stack.enter_context(server)
        except config.ConfigurationError as error:
            problem = str(error)
        if problem:
            pytest.fail(f"skylogin: {problem}", pytrace=False)
        yield server


@contextmanager
def _without_proxy(url: str) -> Iterator[None]:
    """Keep the code under test from using a proxy for the server during the block."""
    # On the start-up list, as above.
    from skylogin.client import proxies  # noqa: PLC0415

    with pytest.MonkeyPatch.context() as patch:
        for name, value in proxies.exceptions_for(url, os.environ).items():
            patch.setenv(name, value)
        yield


@pytest.fixture(scope="session")
def _skylogin_app(
    pytestconfig: pytest.Config, skylogin_server: "SkyloginServer | RunningServer"
) -> Iterator["SkyloginApp"]:
    """The app of this process. Its name is unique among workers and runs."""
    worker = getattr(pytestconfig, "workerinput", {}).get("workerid", "master")
    if not _named_server(pytestconfig):
        yield skylogin_server.app(worker)
        return
    app = skylogin_server.app(f"{worker}-{uuid.uuid4().hex[:12]}")
    yield app
    from skylogin.testing import AdminError  # noqa: PLC0415

    # A test may have deleted the app, or stopped the server.
    with suppress(OSError, AdminError):
        app.delete()


@pytest.fixture
def skylogin(
    request: pytest.FixtureRequest,
    _skylogin_app: "SkyloginApp",
    _skylogin_project: "Project | None",
) -> "SkyloginApp":
    """A fresh app for this test, with the users of skylogin.yaml or without any."""
    # On the start-up list, as above.
    import unittest  # noqa: PLC0415

    _skylogin_app.reset()
    if _skylogin_project is not None and _skylogin_project.seed:
        _skylogin_app.seed(_skylogin_project.seed)
    request.node.stash[USED_APP] = _skylogin_app
    if isinstance(request.instance, unittest.TestCase):
        request.instance.skylogin = _skylogin_app  # type: ignore[attr-defined]
    return _skylogin_app


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(
    item: pytest.Item, call: pytest.CallInfo[None]
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Add the login attempts of a failed test to its report."""
    report = yield
    app = item.stash.get(USED_APP, None)
    if app is not None and report.failed:
        from skylogin.testing import AdminError  # noqa: PLC0415

        # The server may be gone: the last test's teardown stops it, and a test may delete its app.
        with suppress(OSError, AdminError):
            text = "\n".join(str(attempt) for attempt in app.logins)
            report.sections.append((SECTION, text or "none"))
    return report


def _named_server(config: pytest.Config) -> str:
    """Return the URL of the server to use, empty to start one."""
    option = config.getoption("--skylogin-url")
    named = option or os.environ.get("SKYLOGIN_URL")
    if named:
        return str(named)
    if _is_in_exec():
        return os.environ["SKYGEAR_ENDPOINT"]
    return str(config.getini("skylogin_url"))


def _is_in_exec() -> bool:
    """Return whether this process is the command of `skylogin exec`."""
    return all(os.environ.get(name) for name in EXEC_VARIABLES)


def _admin_token() -> str:
    """Return the admin token of a running server."""
    # On the start-up list, as above.
    from skylogin import config  # noqa: PLC0415

    # Outside of `skylogin exec`, this variable is about the project's own Skygear server.
    of_exec = os.environ.get("SKYGEAR_MASTER_KEY") if _is_in_exec() else None
    return os.environ.get("SKYLOGIN_ADMIN_TOKEN") or of_exec or config.DEFAULT_MASTER_KEY


def _check_settings(settings: object) -> None:
    """Fail the test run if the settings are invalid, with all problems."""
    # On the start-up list, as above.
    from skylogin import config  # noqa: PLC0415

    if not isinstance(settings, Mapping):
        pytest.fail(f"skylogin_settings: {settings!r} is not a dictionary", pytrace=False)
    problems = config.check_names(settings)
    problems += [
        f"{name} is {value!r}, but must be a string"
        for name, value in settings.items()
        if not isinstance(value, str)
    ]
    if not problems:
        try:
            config.read(settings, config.DEV)
        except config.ConfigurationError as error:
            problems = error.problems
    if problems:
        pytest.fail(f"skylogin_settings: {'; '.join(problems)}", pytrace=False)


def _problem_with(server: "RunningServer", wanted: dict[str, str]) -> str:
    """Return why a running server cannot be used, such as settings that differ; empty if it can."""
    # On the start-up list, as above.
    from skylogin import config  # noqa: PLC0415
    from skylogin.testing import AdminError  # noqa: PLC0415

    try:
        actual = server.settings()
    except (OSError, AdminError) as error:
        return f"{server.url} cannot be used: {error}"
    rows = {row.variable: row.value for row in config.in_force(config.read(wanted, config.DEV))}
    wrong = [
        f"{name} is {actual.get(name)!r}, skylogin_settings has {rows[name]!r}"
        for name in wanted.keys() - MAY_DIFFER
        if actual.get(name) != rows.get(name)
    ]
    if not wrong:
        return ""
    hint = "run skylogin exec with --set NAME=VALUE" if _is_in_exec() else "start it with them"
    return f"{server.url} has other settings: {'; '.join(wrong)} ({hint})"
