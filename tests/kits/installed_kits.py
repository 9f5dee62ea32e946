"""A kit installed where only the tests look for it, as its README says."""

import re
import subprocess
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from tests import maven
from tests.docs.pages import FENCE
from tests.examples.commands import KITS, MADE_BY_RUNNING, beside_skylogin, run
from tests.examples.languages import LANGUAGES, MAVEN
from tests.linked_folders import link_tree


@dataclass(frozen=True, slots=True)
class InstalledKit:
    """*environment* is what a project needs to find it, *tests* what its own tests printed."""

    folder: Path
    environment: dict[str, str]
    tests: subprocess.CompletedProcess[str]


# Of the project that a README's tests are in, and read by the server in its directory.
PROJECT = "users: [{sub: dave}]\nstubs: [{action: hello:world, result: hi}]\n"


def project_of_readme(language: str, folder: Path) -> Path:
    """Make a project in *folder* of the files in the README of a kit."""
    for text in snippets_of_readme(language):
        if name := re.match(r"(?://|<!--|#) ([\w/]+\.\w+)", text):
            path = folder / name[1]
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text, encoding="utf-8")
    (folder / "skylogin.yaml").write_text(PROJECT, encoding="utf-8")
    return folder


def snippets_of_readme(language: str) -> list[str]:
    """Return the fenced blocks of the README of a kit."""
    readme = (KITS / language / "README.md").read_text(encoding="utf-8")
    return [text for _, _, text in FENCE.findall(readme)]


def install_java(folder: Path) -> InstalledKit:
    """Test the kit, and install it into a repository of Maven's."""
    project = link_tree(KITS / "java", folder / "java", *MADE_BY_RUNNING)
    option = maven.copy_repository(folder / "repository")
    # Maven is done before its code would have been compiled well.
    environment = {"MAVEN_OPTS": f"-XX:TieredStopAtLevel=1 {option}"}
    command = [*MAVEN, "install", "-Dmaven.test.failure.ignore"]
    tests = run(command, project, beside_skylogin(environment))
    return InstalledKit(project, environment, tests)


def install_ruby(folder: Path) -> InstalledKit:
    """Test the kit, build its gem, and install that into a directory of gems."""
    project = link_tree(KITS / "ruby", folder / "ruby", *MADE_BY_RUNNING)
    environment = {"GEM_HOME": str(folder / "gems")}
    found = beside_skylogin(environment)
    tests = run(["rake"], project, found)
    for command in (
        ["gem", "build", "skylogin.gemspec", "--output", "skylogin.gem"],
        ["gem", "install", "--local", "--no-document", "skylogin.gem"],
    ):
        done = run(command, project, found)
        assert done.returncode == 0, done.stdout
    return InstalledKit(project, environment, tests)


# By language: what installing its kit needs, and how it is done.
INSTALL: dict[str, tuple[tuple[str, ...], Callable[[Path], InstalledKit]]] = {
    "java": (LANGUAGES["java"].needs, install_java),
    "ruby": (("ruby", "rake", "ruby-bundler", "ruby-minitest", "ruby-rspec"), install_ruby),
}
