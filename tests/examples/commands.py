"""A copy of an example, and commands that run in it."""

import os
import re
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

from tests.linked_folders import link_tree
from tests.processes import environment_with, output_of

ROOT = Path(__file__).parents[2]
EXAMPLES, KITS = ROOT / "examples", ROOT / "kits"
COMMANDS = Path(sys.executable).parent
MADE_BY_RUNNING = ("target", "__pycache__", ".pytest_cache", ".skylogin")
SECONDS_MAX = 240
COLOUR = re.compile(r"\x1b\[[0-9;]*m")


def copy_example(name: str, folder: Path) -> Path:
    """Return a copy of an example below *folder*, with what npm has installed for it.

    As in this checkout, it has the kits two directories above.
    """
    if not (folder / "kits").exists():
        (folder / "kits").symlink_to(KITS)
    return link_tree(EXAMPLES / name, folder / "examples" / name, *MADE_BY_RUNNING)


def beside_skylogin(more: Mapping[str, str] | None = None) -> dict[str, str]:
    """Return an environment with this checkout's `skylogin` on its path."""
    environment = environment_with(more or {})
    return {**environment, "PATH": f"{COMMANDS}{os.pathsep}{environment['PATH']}"}


def paste(folder: Path, script: str, **environment: str) -> str:
    """Return what *script* prints in a shell in *folder*, beside this checkout's `skylogin`."""
    return output_of(["sh", "-euc", script], folder, **beside_skylogin(environment))


def run(
    command: list[str], folder: Path, environment: Mapping[str, str]
) -> subprocess.CompletedProcess[str]:
    """Run *command* in *folder* to its end, and return what it printed, stderr with the rest."""
    done = subprocess.run(
        command,
        cwd=folder,
        env=dict(environment),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=SECONDS_MAX,
        check=False,
    )
    done.stdout = without_colours(done.stdout)
    return done


def without_colours(text: str) -> str:
    """Return *text* without what makes a terminal change colours, which Maven never leaves out."""
    return COLOUR.sub("", text)
