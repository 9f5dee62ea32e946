"""A kit installed where only the tests look for it, as its README says."""

import subprocess
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from tests import maven
from tests.copying import link_tree
from tests.examples.languages import LANGUAGES, MAVEN
from tests.examples.running import KITS, MADE_BY_RUNNING, beside_skylogin, run


@dataclass(frozen=True, slots=True)
class InstalledKit:
    """*environment* is what a project needs to find it, *tests* what its own tests printed."""

    folder: Path
    environment: dict[str, str]
    tests: subprocess.CompletedProcess[str]


def install_java(folder: Path) -> InstalledKit:
    """Test the kit, and install it into a repository of Maven's."""
    project = link_tree(KITS / "java", folder / "java", *MADE_BY_RUNNING)
    option = maven.copy_repository(folder / "repository")
    # Maven is done before its code would have been compiled well.
    environment = {"MAVEN_OPTS": f"-XX:TieredStopAtLevel=1 {option}"}
    command = [*MAVEN, "install", "-Dmaven.test.failure.ignore"]
    tests = run(command, project, beside_skylogin(environment))
    return InstalledKit(project, environment, tests)


# By language: what installing its kit needs, and how it is done.
INSTALL: dict[str, tuple[tuple[str, ...], Callable[[Path], InstalledKit]]] = {
    "java": (LANGUAGES["java"].needs, install_java)
}
