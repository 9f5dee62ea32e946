"""Kits in step with the server: its version, and its kinds of bad tokens."""

import re

import pytest
import skylogin
from skylogin.tokens.bad_tokens import KINDS

from tests.examples.commands import EXAMPLES, KITS

# Each place that names the version of a kit, and what stands before it there.
VERSIONS = [
    (KITS / "java" / "pom.xml", "<artifactId>skylogin-junit</artifactId>\n  <version>"),
    (KITS / "java" / "README.md", "<artifactId>skylogin-junit</artifactId>\n  <version>"),
    (KITS / "java" / "README.md", "<artifactId>skylogin-junit</artifactId>\n      <version>"),
    (KITS / "java" / "README.md", "skylogin:skylogin-junit:"),
    (KITS / "ruby" / "lib" / "skylogin" / "version.rb", "VERSION = '"),
    (KITS / "ruby" / "README.md", "skylogin-"),
    (EXAMPLES / "java" / "pom.xml", "<artifactId>skylogin-junit</artifactId>\n      <version>"),
    (KITS / "javascript" / "package.json", r'^  "version": "'),
    (KITS / "javascript" / "package-lock.json", r'^  "version": "'),
    (EXAMPLES / "javascript" / "package-lock.json", r'"name": "skylogin",\n      "version": "'),
]


@pytest.mark.parametrize(("path", "before"), VERSIONS)
def test_a_kit_has_the_version_of_the_server(path: object, before: str) -> None:
    """A kit that installs a server installs the one that it was tested with."""
    text = KITS.joinpath(str(path)).read_text(encoding="utf-8")

    found = re.findall(rf"{before}(\d+\.\d+\.\d+)", text, re.MULTILINE)
    assert found == [skylogin.__version__]


def test_java_has_every_kind_of_bad_token() -> None:
    """Its own tests have each of them refused."""
    text = (KITS / "java/src/main/java/skylogin/BadToken.java").read_text(encoding="utf-8")

    kinds = {name.lower() for name in re.findall(r"^    ([A-Z_]+)[,;]$", text, re.MULTILINE)}
    assert kinds == set(KINDS)


def test_javascript_has_every_kind_of_bad_token() -> None:
    """In its types."""
    text = (KITS / "javascript" / "index.d.ts").read_text(encoding="utf-8")

    [union] = re.findall(r"type BadToken =([^;]+);", text)
    assert re.findall(r"'(\w+)'", union) == list(KINDS)
