"""Where the file of a project is looked for."""

import os
from pathlib import Path

import pytest
from skylogin.seeds import project_place


@pytest.fixture
def below(tmp_path: Path) -> Path:
    """A directory two levels below that of a project."""
    (tmp_path / "skylogin.yaml").write_text("")
    folder = tmp_path / "app" / "tests"
    folder.mkdir(parents=True)
    return folder


def test_the_nearest_file_is_found(tmp_path: Path, below: Path) -> None:
    """A directory of this name is not a project file."""
    (below / "skylogin.yaml").mkdir()
    assert project_place.find(below) == tmp_path / "skylogin.yaml"

    nearer = below.parent / "skylogin.yaml"
    nearer.write_text("")
    assert project_place.find(below) == nearer
    assert project_place.find(below.parent) == nearer


@pytest.mark.parametrize("is_file", [True, False], ids=["worktree", "repository"])
def test_the_search_ends_at_the_root_of_the_repository(below: Path, *, is_file: bool) -> None:
    """Whose own file counts."""
    root = below.parent
    (root / ".git").write_text("gitdir: x") if is_file else (root / ".git").mkdir()
    assert project_place.find(below) is None

    (root / "skylogin.yaml").write_text("")
    assert project_place.find(below) == root / "skylogin.yaml"


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give files away")
def test_a_file_of_another_user_counts_in_its_own_folder_only(tmp_path: Path, below: Path) -> None:
    """As one in /tmp, which anybody can write."""
    os.chown(tmp_path / "skylogin.yaml", 12345, -1)

    assert project_place.find(below) is None
    assert project_place.find(tmp_path) == tmp_path / "skylogin.yaml"
