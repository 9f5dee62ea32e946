"""The server as it was at an earlier revision, to be measured beside today's in one run."""

import subprocess
import tarfile
from io import BytesIO
from pathlib import Path

ROOT = Path(__file__).parents[1]
# The last revision that ran SQLite in its own threads.
REVISION = "ca9b8a6"


def server_at(revision: str) -> Path | None:
    """Return the directory to import skylogin from as of *revision*; None if git lacks it.

    It runs with today's libraries.
    """
    folder = ROOT / ".cache" / "bench" / revision
    if not folder.is_dir():
        archive = subprocess.run(
            ["git", "-C", str(ROOT), "archive", revision, "server", "migrations"],
            capture_output=True,
            check=False,
        )
        if archive.returncode:
            return None
        with tarfile.open(fileobj=BytesIO(archive.stdout)) as tree:
            tree.extractall(folder, filter="data")
    return folder / "server"
