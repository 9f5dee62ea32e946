"""The unit for systemd: systemd finds no fault in it, and it gives the service few rights."""

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.conftest import Require
from tests.docs.pages import PAGES, ROOT

pytestmark = pytest.mark.slow

UNITS = ("skylogin.service", "skylogin.socket")
PROGRAM = "/opt/skylogin/bin/skylogin"
# Of 100; below 50 is what systemd calls OK.
EXPOSURE_MAX = 12


@pytest.fixture
def folder(require: Require, tmp_path: Path) -> Path:
    """A directory with the units, for a program that exists here."""
    require("systemd")
    for name in UNITS:
        shutil.copy(ROOT / "release" / name, tmp_path)
    service = tmp_path / UNITS[0]
    text = service.read_text()
    assert PROGRAM in text
    service.write_text(text.replace(PROGRAM, sys.executable))
    return tmp_path


def test_systemd_finds_no_fault_in_the_units(folder: Path) -> None:
    """Such as a misspelt setting."""
    done = analyze("verify", *(str(folder / name) for name in UNITS))

    assert (done.returncode, done.stdout + done.stderr) == (0, "")


def test_the_service_has_few_rights(folder: Path) -> None:
    """As the page says."""
    service = str(folder / UNITS[0])
    done = analyze("security", "--offline=true", f"--threshold={EXPOSURE_MAX}", service)

    assert done.returncode == 0, done.stdout
    assert f"rates it {EXPOSURE_MAX / 10} (OK)" in PAGES["docs/systemd.md"]
    assert f": {EXPOSURE_MAX / 10} OK" in done.stdout


def analyze(*arguments: str) -> "subprocess.CompletedProcess[str]":
    """Run `systemd-analyze`."""
    command = ["systemd-analyze", *arguments]
    return subprocess.run(command, capture_output=True, text=True, check=False)


def test_the_page_copies_files_that_exist() -> None:
    """And starts the units that it copies."""
    page = PAGES["docs/systemd.md"]
    for name in UNITS:
        assert f"release/{name}" in page
        assert f"enable --now {name}" in page
