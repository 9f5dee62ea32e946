"""`make test-python` where clocks, zones, locales and interpreters are set up in another way."""

import glob
import os
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

pytestmark = [pytest.mark.long, pytest.mark.xdist_group("other machines")]

ROOT = Path(__file__).parent.parent
SECONDS_MAX = 1800
FROZEN = "--ignore tests/testing/test_frozen_time.py"
# A few seconds before the turn of a minute, an hour, a day, a month and a year.
TURNS = {
    "minute": "2027-03-14 15:09:50",
    "hour": "2027-03-14 15:59:50",
    "day": "2028-02-28 23:59:50",
    "month": "2027-04-30 23:59:50",
    "year": "2027-12-31 23:59:50",
}
ZONES_AND_LOCALES = {
    "Auckland": {"TZ": "Pacific/Auckland"},
    "C": {"LC_ALL": "C"},
    "Turkish": {"LC_ALL": "tr_TR.UTF-8"},
}
PYTHONS = ("3.11", "3.12", "3.13", "3.14")


def run_tests(*arguments: str, **environment: str) -> None:
    """Run `make test-python`, and fail with its last lines if it does."""
    kept = {k: v for k, v in os.environ.items() if not k.startswith(("PYTEST_", "MAKE", "MFLAGS"))}
    done = subprocess.run(
        ["make", "test-python", *arguments],
        cwd=ROOT,
        env={**kept, **environment},
        capture_output=True,
        text=True,
        errors="replace",
        timeout=SECONDS_MAX,
        check=False,
    )
    assert done.returncode == 0, "\n".join(done.stdout.splitlines()[-40:])


@pytest.mark.parametrize("begin", TURNS.values(), ids=TURNS)
def test_the_tests_pass_at_the_turn_of_a_minute_or_year(
    begin: str, require: Callable[..., None]
) -> None:
    """Tests that freeze the time themselves are left out: two of them do not go together."""
    require("faketime")
    [library] = glob.glob("/usr/lib/*/faketime/libfaketimeMT.so.1")
    run_tests(
        f"ARGS={FROZEN}",
        LD_PRELOAD=library,
        FAKETIME=f"@{begin}",
        FAKETIME_DONT_RESET="1",
    )


@pytest.mark.parametrize("settings", ZONES_AND_LOCALES.values(), ids=ZONES_AND_LOCALES)
def test_the_tests_pass_in_another_zone_or_locale(
    settings: dict[str, str], require: Callable[..., None], tmp_path: Path
) -> None:
    """In Turkish, the capital of i is not I."""
    require("locales")
    subprocess.run(
        ["localedef", "-i", "tr_TR", "-f", "UTF-8", tmp_path / "tr_TR.UTF-8"], check=True
    )
    run_tests(LOCPATH=str(tmp_path), **settings)


@pytest.mark.parametrize("version", PYTHONS)
def test_the_tests_pass_on_each_python(version: str) -> None:
    """Each that this machine has, also if a version manager does not offer it."""
    managed = glob.glob(f"{Path.home()}/.pyenv/versions/{version}.*/bin/python{version}")
    for python in (shutil.which(f"python{version}"), *managed):
        if python and _runs(python):
            run_tests(f"PYTHON={python}")
            return
    pytest.skip(f"this machine has no Python {version}")


def _runs(python: str) -> bool:
    return subprocess.run([python, "-c", "import ensurepip"], check=False).returncode == 0
