"""Find the file of a project."""

import os
from pathlib import Path

from skylogin.config import PROJECT_FILE


def find(directory: Path) -> Path | None:
    """Return the project's file in *directory* or the nearest one above, None if there is none.

    The search ends at the root of a git repository. Above *directory*, a file of another user does
    not count, because any user can write one to /tmp.
    """
    owner = directory.stat().st_uid
    for place in (directory, *directory.parents):
        path = place / PROJECT_FILE
        if os.path.isfile(path) and (place == directory or path.stat().st_uid == owner):
            return path
        if os.path.exists(place / ".git"):
            return None
    return None
