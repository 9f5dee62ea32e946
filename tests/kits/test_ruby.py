"""The kit for Ruby."""

import re
from collections.abc import Callable
from pathlib import Path

import pytest
from skylogin.testing import RunningServer

from tests.examples.commands import ROOT, beside_skylogin, run
from tests.examples.languages import LANGUAGES
from tests.kits.installed_kits import InstalledKit, project_of_readme, snippets_of_readme
from tests.processes import StartServer

pytestmark = [pytest.mark.slow, pytest.mark.xdist_group("examples")]
FAILING_TEST = """class LoginTest < Skylogin::Test
  def test_fails
    skylogin.log_in('bob', bad: :expired)
  end

  def test_has_what_the_project_has
    assert_equal ['dave'], skylogin.users.map(&:sub)
    assert_equal 'hi', skylogin.call('hello:world')
  end
"""
FAILING_EXAMPLE = """:skylogin do
  it('fails') { skylogin.log_in('bob', bad: :expired) }
  it('has what the project has') { expect(skylogin.users.map(&:sub)).to eq(['dave']) }
"""
REFUSED = r"\S+ \S+  bob  refused expired: expired \d+ s ago"


@pytest.fixture
def kit(installed_kit: Callable[[str], InstalledKit]) -> InstalledKit:
    """The kit, as a gem that is installed."""
    return installed_kit("ruby")


def test_the_kit_passes_its_own_tests(kit: InstalledKit) -> None:
    """Those of minitest, and those of RSpec."""
    assert kit.tests.returncode == 0, kit.tests.stdout
    assert LANGUAGES["ruby"].passed.search(kit.tests.stdout), kit.tests.stdout
    assert re.search(r"^\d+ examples, 0 failures$", kit.tests.stdout, re.MULTILINE)


def test_the_project_of_the_readme_passes(
    kit: InstalledKit, tmp_path: Path, start_server: StartServer
) -> None:
    """Its tests pass. One that fails shows its login attempts.

    With a server that is already running, where its apps do not stay.
    """
    project = project_of_readme("ruby", tmp_path)
    test, spec = project / "test" / "login_test.rb", project / "spec" / "login_spec.rb"
    test.write_text(test.read_text().replace("class LoginTest < Skylogin::Test\n", FAILING_TEST))
    spec.write_text(spec.read_text().replace(":skylogin do\n", FAILING_EXAMPLE))
    server = start_server("dev", "--port", "0", "--ephemeral")
    environment = beside_skylogin({**kit.environment, "SKYLOGIN_URL": server.url})

    first = ["ruby", "-r./test/first_test.rb", str(test)]
    tested = run(first, project, environment).stdout
    specified = run(["rspec"], project, environment).stdout

    assert re.search(r"^5 runs, \d+ assertions, 0 failures, 1 errors, 0 skips$", tested, re.M), (
        tested
    )
    assert re.search(rf"attempts of LoginTest#test_fails:\n{REFUSED}", tested), tested
    assert re.search(r"^4 examples, 1 failure$", specified, re.M), specified
    assert re.search(rf"attempts of the login fails:\n{REFUSED}", specified), specified
    assert RunningServer(server.url).apps() == [server.facts["app"]]


def test_bundler_finds_the_kit_by_the_gemfile_of_the_readme(
    kit: InstalledKit, tmp_path: Path
) -> None:
    """With it, Bundler finds the kit in the checkout: none is installed."""
    project = project_of_readme("ruby", tmp_path)
    [gemfile] = [one for one in snippets_of_readme("ruby") if one.startswith("gem ")]
    (project / "Gemfile").write_text(gemfile.replace("CHECKOUT", str(ROOT)))

    tested = run(["bundle", "exec", "rspec"], project, beside_skylogin())

    assert re.search(r"^2 examples, 0 failures$", tested.stdout, re.M), tested.stdout
