"""Secrets in files, as containers and systemd mount them: NAME_FILE is the path for NAME."""

import stat
from collections.abc import Mapping
from pathlib import Path

from skylogin.config.settings import FROM_FILES
from skylogin.domain import text_file

BYTES_MAX = 65_536


def with_files(environment: Mapping[str, str]) -> tuple[dict[str, str], dict[str, str]]:
    """Return *environment* with the contents of the files that it names, and problems by variable.

    A variable with a problem is not set.
    """
    values, problems = dict(environment), {}
    for name in FROM_FILES:
        path = environment.get(f"{name}_FILE")
        if not path:
            continue
        if environment.get(name):
            problems[name] = f"{name} and {name}_FILE are both set; set only one of them"
            continue
        try:
            values[name] = _read(Path(path))
        except OSError as error:
            problems[name] = f"{name}_FILE {path}: {error.strerror}"
        except ValueError as error:
            problems[name] = f"{name}_FILE {path}: it {error}"
    return values, problems


def _read(path: Path) -> str:
    """Return the line in a file. Raises OSError, and ValueError with what is wrong."""
    # A pipe could not be read again, and might keep the server waiting.
    if not stat.S_ISREG(path.stat().st_mode):
        raise ValueError("is not a regular file")
    with path.open("rb") as file:
        data = file.read(BYTES_MAX + 1)
    if len(data) > BYTES_MAX:
        raise ValueError(f"is larger than {BYTES_MAX:,} bytes")
    text = text_file.read(data).rstrip("\r\n")
    if not text.strip():
        raise ValueError("is empty")
    if len(text.splitlines()) > 1:
        raise ValueError("has more than one line")
    return text
