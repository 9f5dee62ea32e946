"""Each example passes its own tests on this checkout's skylogin, and runs."""

import os
import re
import shlex
import signal
import subprocess
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.examples.commands import beside_skylogin, copy_example, run, without_colours
from tests.examples.languages import LANGUAGES, Language
from tests.kits.installed_kits import InstalledKit
from tests.processes import StartServer

CopyOf = Callable[[Language], Path]
EnvironmentOf = Callable[..., dict[str, str]]
TESTS_MIN = 10
PASSWORD = "correct horse"
OF_THE_PROJECT = {
    "DATABASE_URL": "sqlite:////nowhere/theirs.db",
    "API_KEY": "secret",
    "DEV_MODE": "development",
    "LOG_FORMATTER": "pretty",
    "SKYGEAR_ENDPOINT": "https://skygear.example.com/",
    "SKYGEAR_API_KEY": "theirs",
    "SKYGEAR_MASTER_KEY": "theirs",
}
UUID = r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}"

pytestmark = [pytest.mark.slow, pytest.mark.xdist_group("examples")]


@pytest.fixture(scope="module")
def copy_of(require: Callable[..., None], tmp_path_factory: pytest.TempPathFactory) -> CopyOf:
    """Copy an example, once for all its tests here, or skip them for what is missing."""
    copies: dict[str, Path] = {}

    def copy_of(language: Language) -> Path:
        require(*language.needs)
        if language.name not in copies:
            folder = tmp_path_factory.mktemp("examples")
            copies[language.name] = copy_example(language.name, folder)
        return copies[language.name]

    return copy_of


@pytest.fixture
def environment_of(installed_kit: Callable[[str], InstalledKit | None]) -> EnvironmentOf:
    """Make the environment of a language's example, with `skylogin` and the kit in it."""

    def environment_of(language: Language, more: Mapping[str, str] | None = None) -> dict[str, str]:
        kit = installed_kit(language.name)
        return beside_skylogin({**(kit.environment if kit else {}), **(more or {})})

    return environment_of


@pytest.fixture(params=LANGUAGES.values(), ids=LANGUAGES)
def language(request: pytest.FixtureRequest) -> Language:
    """Each language in turn."""
    chosen: Language = request.param
    return chosen


def test_an_example_passes_its_own_tests(
    language: Language, copy_of: CopyOf, environment_of: EnvironmentOf, tmp_path: Path
) -> None:
    """With a server that its kit starts, of which nothing is left.

    The project's own environment neither stops that server nor stands in for it.
    """
    environment = environment_of(language, {**OF_THE_PROJECT, "TMPDIR": str(tmp_path)})

    done = run(language.tests, copy_of(language), environment)

    assert count_passed(language, done) >= TESTS_MIN
    # The server has its database in such a directory for as long as it runs.
    assert list(tmp_path.glob("skylogin-*")) == []


# The workflow for CI does it with JavaScript.
@pytest.mark.parametrize("name", sorted(LANGUAGES.keys() - {"javascript"}))
def test_an_example_passes_tests_beside_a_server(
    name: str, copy_of: CopyOf, environment_of: EnvironmentOf
) -> None:
    """Its kit takes the server that `skylogin exec` tells of."""
    language = LANGUAGES[name]
    command = ["skylogin", "exec", "--", *language.tests, *language.some]

    done = run(command, copy_of(language), environment_of(language))

    assert count_passed(language, done) > 0


def count_passed(language: Language, done: subprocess.CompletedProcess[str]) -> int:
    """Return how many tests passed. Fails where one did not, or none says so."""
    assert done.returncode == 0, done.stdout
    passed = language.passed.search(done.stdout)
    assert passed, done.stdout
    return int(passed[1])


def test_an_example_runs(
    language: Language,
    copy_of: CopyOf,
    environment_of: EnvironmentOf,
    start_server: StartServer,
) -> None:
    """Its auth server signs what skylogin accepts, and its client logs in."""
    folder = copy_of(language)
    facts = start_server("dev", "--port", "0", "--ephemeral").facts
    environment = environment_of(
        language,
        {
            "PORT": "0",
            "CUSTOM_TOKEN_SECRET": facts["custom_token_secret"],
            "SKYGEAR_ENDPOINT": facts["url"],
            "SKYGEAR_API_KEY": facts["api_key"],
        },
    )

    with running(language.auth_server, folder, environment) as url:
        environment["AUTH_SERVER"] = url
        done = run(client(language, "alice", PASSWORD), folder, environment)

    assert done.returncode == 0, done.stdout
    assert re.search(rf"^alice is {UUID}$", done.stdout, re.M), done.stdout


# Maven takes seconds to say the same.
@pytest.mark.parametrize("name", sorted(LANGUAGES.keys() - {"java"}))
def test_an_auth_server_needs_its_secret(name: str, copy_of: CopyOf) -> None:
    """It says what is missing, and does not sign with nothing."""
    language = LANGUAGES[name]

    done = run(language.auth_server, copy_of(language), beside_skylogin({"PORT": "0"}))

    assert (done.returncode, done.stdout) == (1, "CUSTOM_TOKEN_SECRET is not set\n")


def client(language: Language, username: str, password: str) -> list[str]:
    """Return the command that logs in."""
    if language.name == "java":
        return [*language.client, f"-Dexec.args={shlex.join((username, password))}"]
    return [*language.client, username, password]


@contextmanager
def running(command: list[str], folder: Path, environment: dict[str, str]) -> Iterator[str]:
    """Run an auth server during the block, and give its URL: the first line that it prints."""
    process = subprocess.Popen(
        command,
        cwd=folder,
        env=environment,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    with process:
        try:
            assert process.stdout is not None
            yield without_colours(process.stdout.readline()).strip()
        finally:
            # Maven is a script with the server below it.
            os.killpg(process.pid, signal.SIGKILL)
