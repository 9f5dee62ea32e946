"""Maven with a repository of the test's own, so that no kit is installed among the developer's."""

from pathlib import Path

from tests.linked_folders import link_tree

DOWNLOADED = Path.home() / ".m2" / "repository"
# The directory of the kit's group in a repository.
KITS = "skylogin"


def copy_repository(folder: Path) -> str:
    """Copy what Maven has downloaded to *folder*, and return the option that makes it use that."""
    if DOWNLOADED.is_dir():
        link_tree(DOWNLOADED, folder, KITS)
    return f"-Dmaven.repo.local={folder}"


def keep_downloads(folder: Path) -> None:
    """Add what Maven has downloaded to *folder* to what it finds everywhere."""
    link_tree(folder, DOWNLOADED, KITS)
