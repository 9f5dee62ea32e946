"""The kit for JavaScript: its own tests on this checkout's skylogin, and how it is installed."""

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.docs.pages import SNIPPETS
from tests.examples.commands import KITS, beside_skylogin, run
from tests.examples.languages import LANGUAGES

KIT = KITS / "javascript"


def test_the_kit_needs_no_other_package() -> None:
    """Except a test runner, which the project has or has not. Its own are locked to no registry."""
    package, lock = (
        json.loads((KIT / name).read_text()) for name in ("package.json", "package-lock.json")
    )

    assert "dependencies" not in package
    assert package["peerDependencies"].keys() == package["peerDependenciesMeta"].keys()
    assert all("resolved" not in one for one in lock["packages"].values())


@pytest.mark.slow
@pytest.mark.xdist_group("kits")
def test_the_first_test_of_the_readme_passes_in_an_empty_folder(
    require: Callable[..., None], tmp_path: Path
) -> None:
    """As the README shows it."""
    require("nodejs", "npm")
    [first, *_] = [one for one in SNIPPETS if one.page == "kits/javascript/README.md"]

    installed = run(
        ["npm", "install", "--offline", "--save-dev", str(KIT)], tmp_path, beside_skylogin()
    )
    assert installed.returncode == 0, installed.stdout
    (tmp_path / first.file_name).write_text(first.text)
    done = run(["node", "--test"], tmp_path, beside_skylogin())

    assert done.returncode == 0, done.stdout
    passed = LANGUAGES["javascript"].passed.search(done.stdout)
    assert passed, done.stdout
    assert passed[1] == "1"


@pytest.mark.slow
@pytest.mark.xdist_group("kits")
def test_the_kit_passes_its_own_tests(require: Callable[..., None], tmp_path: Path) -> None:
    """Beside this checkout's skylogin. Nothing is left of its servers."""
    require("nodejs", "npm", "the packages of kits/javascript")

    done = run(["npm", "test"], KIT, beside_skylogin({"TMPDIR": str(tmp_path)}))

    assert done.returncode == 0, done.stdout
    passed = LANGUAGES["javascript"].passed.search(done.stdout)
    assert passed, done.stdout
    assert int(passed[1]) > 0
    assert list(tmp_path.glob("skylogin-*")) == []
