"""An example in a folder of its own, and what its commands find there."""

import os
import re
import shutil
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

from tests.processes import environment_with

EXAMPLES = Path(__file__).parents[2] / "examples"
COMMANDS = Path(sys.executable).parent
MADE_BY_RUNNING = shutil.ignore_patterns("target", "__pycache__", ".pytest_cache", ".skylogin")
SECONDS_MAX = 240
COLOUR = re.compile(r"\x1b\[[0-9;]*m")


def copy_example(name: str, folder: Path) -> Path:
    """Return a copy of an example in *folder*, with what npm has installed for it."""
    # Hundreds of small files: links to them are made sooner than copies.
    return shutil.copytree(
        EXAMPLES / name, folder / name, ignore=MADE_BY_RUNNING, copy_function=_link
    )


def _link(source: str, target: str) -> None:
    try:
        os.link(source, target)
    except OSError:
        shutil.copy2(source, target)


def beside_skylogin(more: Mapping[str, str] | None = None) -> dict[str, str]:
    """Return an environment with this checkout's `skylogin` on its path."""
    # Maven is done before its code would have been compiled well.
    environment = environment_with({"MAVEN_OPTS": "-XX:TieredStopAtLevel=1", **(more or {})})
    return {**environment, "PATH": f"{COMMANDS}{os.pathsep}{environment['PATH']}"}


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
