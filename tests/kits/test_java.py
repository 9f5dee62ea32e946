"""The kit for Java."""

import re
from collections.abc import Callable
from pathlib import Path

import pytest
from skylogin.testing import RunningServer

from tests.examples.commands import beside_skylogin, run
from tests.examples.languages import LANGUAGES, MAVEN
from tests.kits.installed_kits import InstalledKit, project_of_readme, snippets_of_readme
from tests.processes import StartServer

pytestmark = [pytest.mark.slow, pytest.mark.xdist_group("examples")]
PASSED = LANGUAGES["java"].passed
FAILING = """@Test
    void fails(SkyloginApp skylogin) {
        skylogin.logInWith(skylogin.mint(BadToken.EXPIRED, "bob"));
    }

    @Test
    void hasWhatTheProjectHas(SkyloginApp skylogin) {
        assertEquals("dave", skylogin.users().list().get(0).sub());
        assertEquals("hi", skylogin.call("hello:world", Map.of()));
    }

    @Test"""


@pytest.fixture
def kit(installed_kit: Callable[[str], InstalledKit]) -> InstalledKit:
    """The kit, as Maven has installed it."""
    return installed_kit("java")


def test_the_kit_passes_its_own_tests(kit: InstalledKit) -> None:
    """All of them."""
    assert kit.tests.returncode == 0, kit.tests.stdout
    assert PASSED.search(kit.tests.stdout), kit.tests.stdout


def test_the_project_of_the_readme_passes(
    kit: InstalledKit, tmp_path: Path, start_server: StartServer
) -> None:
    """Its tests pass. One that fails shows its login attempts.

    With a server that is already running, where its app does not stay.
    """
    project = project_of_readme("java", tmp_path)
    [dependency] = [one for one in snippets_of_readme("java") if one.startswith("<dependency>")]
    assert "".join(dependency.split()) in "".join((project / "pom.xml").read_text().split())
    path = project / "src" / "test" / "java" / "LoginTest.java"
    path.write_text(path.read_text().replace("@Test", FAILING, 1))
    server = start_server("dev", "--port", "0", "--ephemeral")
    environment = beside_skylogin({**kit.environment, "SKYLOGIN_URL": server.url})

    done = run([*MAVEN, "test"], project, environment)

    assert "Tests run: 5, Failures: 0, Errors: 1, Skipped: 0" in done.stdout, done.stdout
    _, shown = done.stdout.split("skylogin: login attempts of LoginTest, fails(SkyloginApp):\n")
    assert re.match(r"\S+ \S+  bob  refused expired: expired \d+ s ago", shown), shown
    assert RunningServer(server.url).apps() == [server.facts["app"]]
