"""Every package from outside has one version, and the hashes of its files."""

import importlib.metadata
import json
import re
import tomllib
from pathlib import Path
from typing import Any

import pytest
from packaging.requirements import Requirement
from packaging.specifiers import SpecifierSet
from packaging.utils import canonicalize_name

from tests.docs.test_links import tracked_files

ROOT = Path(__file__).parents[2]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
# What each file of constraints/ is for.
WANTED: dict[str, list[str]] = {
    "server": PROJECT["project"]["dependencies"],
    **PROJECT["dependency-groups"],
}
HASHED = {
    **{name: ROOT / "constraints" / f"{name}.txt" for name in WANTED},
    "the original's Python SDK": ROOT / "tests" / "sdk" / "python_sdk.txt",
}
HASH = re.compile(r" --hash=sha256:[0-9a-f]{64}\b")
# An environment has these from the start, or they are this project.
NOT_INSTALLED = {"pip", "setuptools", "skylogin"}
INSTALLS = re.compile(r"(?:/pip (?:install|wheel)|\$\(INSTALL\)) .*")
KEPT = ("--require-hashes", "--no-deps --no-build-isolation", "--no-index --no-deps")


def pinned(path: Path) -> list[tuple[Requirement, int]]:
    """Return the requirements in a file, each with the number of its hashes."""
    text = re.sub(r"^\s*#.*\n", "", path.read_text(encoding="utf-8"), flags=re.M)
    lines = text.replace("\\\n", " ").splitlines()
    return [(Requirement(HASH.sub("", line)), len(HASH.findall(line))) for line in lines if line]


def versions(path: Path) -> dict[str, set[str]]:
    """Return the versions of each package in a file; one may have another on another Python."""
    found: dict[str, set[str]] = {}
    for requirement, _ in pinned(path):
        [only] = requirement.specifier
        assert only.operator == "==", requirement
        found.setdefault(canonicalize_name(requirement.name), set()).add(only.version)
    return found


ALL = versions(ROOT / "constraints.txt")


@pytest.mark.parametrize("path", HASHED.values(), ids=HASHED)
def test_every_package_has_hashes(path: Path) -> None:
    """So that pip takes no other file than the one that was looked at."""
    assert [str(one) for one, hashes in pinned(path) if not hashes] == []


@pytest.mark.parametrize("name", WANTED)
def test_the_versions_are_those_that_are_wanted(name: str) -> None:
    """`make constraints` has run since pyproject.toml was changed."""
    held = versions(HASHED[name])

    assert {package: ALL[package] for package in held} == held
    wanted: dict[str, list[SpecifierSet]] = {}
    for requirement in map(Requirement, WANTED[name]):
        wanted.setdefault(canonicalize_name(requirement.name), []).append(requirement.specifier)
    # A package that is wanted twice is another version on another Python.
    for package, specifiers in wanted.items():
        assert all(any(one in allowed for allowed in specifiers) for one in held[package]), package


def test_what_builds_the_package_is_held_too() -> None:
    """The group is only there for `make constraints`."""
    assert WANTED["build"] == PROJECT["build-system"]["requires"]


def test_everything_that_is_installed_here_has_its_version() -> None:
    """Nothing came in by another way."""
    installed = {
        canonicalize_name(one.metadata["Name"]): one.version
        for one in importlib.metadata.distributions()
    }

    others = {
        f"{name} {version}"
        for name, version in installed.items()
        if name not in NOT_INSTALLED and version not in ALL.get(name, ())
    }
    assert others == set()


def test_nothing_is_installed_without_hashes() -> None:
    """But for this project itself, which then brings nothing with it."""
    texts = [(ROOT / name).read_text(encoding="utf-8") for name in ("Makefile", "Dockerfile")]
    commands = [found for text in texts for found in INSTALLS.findall(text)]

    assert commands
    assert [one for one in commands if not any(kept in one for kept in KEPT)] == []


def wanted_from_npm(path: Path) -> dict[str, str]:
    """Return what a package.json wants that is not a directory of this project."""
    package = json.loads(path.read_text(encoding="utf-8"))
    wanted = {**package.get("dependencies", {}), **package.get("devDependencies", {})}
    return {name: version for name, version in wanted.items() if not version.startswith("file:")}


def test_every_package_from_npm_has_a_hash_and_no_address() -> None:
    """`npm ci` takes nothing else, from the registry that the machine is set up for."""
    paths = [path for path in tracked_files() if path.name == "package.json"]
    paths = [path for path in paths if wanted_from_npm(path)]

    assert paths
    for path in paths:
        lock: dict[str, dict[str, Any]] = json.loads(
            path.with_name("package-lock.json").read_text(encoding="utf-8")
        )["packages"]
        own = lock.pop("")
        assert (
            wanted_from_npm(path).items()
            <= {
                **own.get("dependencies", {}),
                **own.get("devDependencies", {}),
            }.items()
        )
        outside = {name: one for name, one in lock.items() if is_from_outside(name, one)}
        assert [name for name, package in outside.items() if "integrity" not in package] == []
        assert [name for name, package in outside.items() if "resolved" in package] == []


def is_from_outside(name: str, package: dict[str, Any]) -> bool:
    """Return whether a package of a lock is not a directory of this project."""
    return name.startswith("node_modules/") and not package.get("link")
