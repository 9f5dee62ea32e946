"""Find the file of a project."""

import os
from pathlib import Path

from skylogin.config import PROJECT_FILE


def find(folder: Path) -> Path | None:
    """Return the project's file in *folder* or the nearest one above, None if there is none.

    The search ends at the root of a git repository. Above *folder*, a file of another user does
    not count, because any user can write one to /tmp.
    """
    owner = folder.stat().st_uid
    for place in (folder, *folder.parents):
        path = place / PROJECT_FILE
        if os.path.isfile(path) and (place == folder or path.stat().st_uid == owner):
            return path
        if os.path.exists(place / ".git"):
            return None
    return None
