"""Files with secrets, which nobody else on the machine should read."""

import stat
from collections.abc import Mapping
from pathlib import Path

from skylogin import config

OTHERS = stat.S_IRWXG | stat.S_IRWXO


def warnings(environment: Mapping[str, str], env_file: Mapping[str, str], path: Path) -> list[str]:
    """Return what is wrong with the modes of the files that settings came from.

    *env_file* are the variables in the file *path*, *environment* all of them.
    """
    named = [
        environment.get(f"{name}_FILE") for name in config.FROM_FILES if name in config.NOT_SHOWN
    ]
    named.append(environment.get("SKYLOGIN_TLS_KEY"))
    files = [Path(name) for name in named if name]
    if any(env_file.get(name) for name in config.NOT_SHOWN):
        files.insert(0, path)
    return [warning for file in files if (warning := _warning(file))]


def _warning(path: Path) -> str:
    try:
        mode = stat.S_IMODE(path.stat().st_mode)
    except OSError:
        return ""
    if not mode & OTHERS:
        return ""
    return f"other users of this machine may read {path}, which has secrets: its mode is {mode:03o}"
