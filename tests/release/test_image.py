"""The image is built as its file says, but by hand: no container engine is needed."""

import importlib.util
import os
import shutil
import sys
from pathlib import Path

import pytest

from tests.packages import ROOT, run

pytestmark = [pytest.mark.slow, pytest.mark.xdist_group("packages")]

DOCKERFILE = (ROOT / "Dockerfile").read_text(encoding="utf-8").replace("\\\n", " ")
# A compiled module that is valid as long as its source has the same hash.
CHECKED_HASH = (0b11).to_bytes(4, "little")
SENT = [
    line.removeprefix("!")
    for line in (ROOT / ".dockerignore").read_text(encoding="utf-8").splitlines()
    if line.startswith("!")
]


@pytest.mark.long
def test_the_first_stage_builds_the_server(offline: dict[str, str], tmp_path: Path) -> None:
    """From what is sent to the engine and copied into the image, and nothing else."""
    stage = DOCKERFILE.split("\nFROM ")[1]
    image = tmp_path / "image"
    build = image / "build"
    build.mkdir(parents=True)
    # The image's own Python is called `python`.
    path = f"{Path(sys.executable).parent}{os.pathsep}{offline['PATH']}"
    environment = {**offline, "PATH": path}

    for line in stage.splitlines():
        instruction, _, rest = line.partition(" ")
        if instruction == "COPY":
            *names, target = rest.split()
            copy(names, build / target)
        elif instruction == "RUN":
            run(environment, build, "sh", "-ec", rest.replace("/opt/", f"{image}/opt/"))

    skylogin = image / "opt" / "skylogin" / "bin" / "skylogin"
    assert "Usage: skylogin" in run(offline, tmp_path, skylogin, "--help")
    modules = list((image / "opt" / "skylogin" / "lib").rglob("*.py"))
    compiled = [Path(importlib.util.cache_from_source(str(module))) for module in modules]
    assert modules
    assert [file for file in compiled if file.read_bytes()[4:8] != CHECKED_HASH] == []


def copy(names: list[str], target: Path) -> None:
    """Copy files into the directory *target*, or one directory to it, as the engine does."""
    assert set(names) <= set(SENT)
    for name in names:
        if (ROOT / name).is_dir():
            shutil.copytree(
                ROOT / name,
                target,
                ignore=shutil.ignore_patterns("__pycache__"),
                dirs_exist_ok=True,
            )
        else:
            shutil.copy2(ROOT / name, target)
