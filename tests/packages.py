"""The packages of this checkout, and a directory in place of the index they are installed from."""

import os
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
REPOSITORY = "https://code.example/skylogin"
SECONDS_MAX = 240


@dataclass(frozen=True, slots=True)
class Packages:
    """The paths of what a release consists of."""

    wheel: Path
    sdist: Path


def run(environment: Mapping[str, str], folder: Path, *command: str | Path) -> str:
    """Run a command in *folder*, and return what it printed."""
    done = subprocess.run(
        command,
        cwd=folder,
        env=environment,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=SECONDS_MAX,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


@pytest.fixture(scope="session")
def packages(tmp_path_factory: pytest.TempPathFactory) -> Packages:
    """The wheel and the sdist, built as for a release."""
    folder = tmp_path_factory.mktemp("dist")
    subprocess.run(
        [sys.executable, "-m", "hatchling", "build", "--directory", folder],
        cwd=ROOT,
        env={**os.environ, "RELEASE_REPOSITORY_URL": REPOSITORY},
        stdout=subprocess.DEVNULL,
        check=True,
        timeout=SECONDS_MAX,
    )
    [wheel], [sdist] = folder.glob("*.whl"), folder.glob("*.tar.gz")
    return Packages(wheel, sdist)


@pytest.fixture(scope="session")
def wheelhouse(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A directory with all that skylogin, its build and tests of others want from outside."""
    folder = tmp_path_factory.mktemp("wheelhouse")
    for wanted in (
        ["--require-hashes", "-r", "constraints/server.txt", "-r", "constraints/build.txt"],
        ["-c", "constraints.txt", "pytest", "pip"],
    ):
        command = [sys.executable, "-m", "pip", "download", "--quiet", "--dest", folder, *wanted]
        subprocess.run(command, cwd=ROOT, check=True, timeout=SECONDS_MAX)
    return folder


@pytest.fixture
def offline(wheelhouse: Path, tmp_path: Path) -> dict[str, str]:
    """An environment in which pip, pipx and uv find that directory alone, and keep nothing."""
    kept = ("PATH", "HOME", "LANG")
    return {
        **{name: os.environ[name] for name in kept if name in os.environ},
        "TMPDIR": str(tmp_path),
        "PIP_NO_INDEX": "1",
        "PIP_FIND_LINKS": str(wheelhouse),
        # Compiling what is installed takes longer than compiling what is used of it.
        "PIP_NO_COMPILE": "1",
        "UV_OFFLINE": "1",
        "UV_FIND_LINKS": str(wheelhouse),
        "UV_CACHE_DIR": str(tmp_path / "uv"),
        "PIPX_HOME": str(tmp_path / "pipx"),
        "PIPX_BIN_DIR": str(tmp_path / "bin"),
        "SHIV_ROOT": str(tmp_path / "shiv"),
    }
