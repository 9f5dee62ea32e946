"""The workflow that makes a release."""

import re
import subprocess

import pytest
import yaml

from tests.packages import ROOT

TEXT = (ROOT / ".github" / "workflows" / "release.yml").read_text(encoding="utf-8")
WORKFLOW = yaml.safe_load(TEXT)
JOBS = WORKFLOW["jobs"]
PINNED = re.compile(r"uses: [\w-]+/[\w-]+@[0-9a-f]{40} # v\d+\.\d+\.\d+$")
PUBLISHING = {"index", "image", "page"}
TARGETS = sorted(set(re.findall(r"\bmake ([\w./-]+)", TEXT)))


def test_every_action_is_a_commit() -> None:
    """A tag can be moved to other code."""
    lines = [line.strip().removeprefix("- ") for line in TEXT.splitlines() if "uses:" in line]

    assert lines
    assert [line for line in lines if not PINNED.fullmatch(line)] == []


def test_nothing_is_published_before_it_is_tested_and_signed() -> None:
    """Each job that publishes needs, in the end, all those that test."""

    def needed(job: str) -> set[str]:
        direct = JOBS[job].get("needs", [])
        names = {direct} if isinstance(direct, str) else set(direct)
        return names.union(*map(needed, names))

    for job in PUBLISHING:
        assert {"test", "test-elsewhere", "build", "attest"} <= needed(job)
    writing = {
        name for name, job in JOBS.items() if {"contents", "packages"} & writes(job["permissions"])
    }
    assert writing <= PUBLISHING
    assert WORKFLOW["permissions"] == {}


def writes(permissions: dict[str, str]) -> set[str]:
    """Return what may be written."""
    return {name for name, right in permissions.items() if right == "write"}


@pytest.mark.parametrize("target", TARGETS)
def test_what_it_makes_can_be_made(target: str) -> None:
    """Every target of make that the workflow names exists."""
    done = subprocess.run(
        ["make", "--dry-run", target], cwd=ROOT, capture_output=True, text=True, check=False
    )

    assert done.returncode == 0, done.stderr


def test_the_image_is_built_from_the_tag_that_the_workflow_looks_up() -> None:
    """Both stages of it."""
    dockerfile = (ROOT / "Dockerfile").read_text(encoding="utf-8")

    assert re.findall(r"^ARG PYTHON_IMAGE=(.*)$", dockerfile, re.M) == ["python:3.12-slim"]
    assert set(re.findall(r"^FROM (\S+)", dockerfile, re.M)) == {"$PYTHON_IMAGE"}
    assert "s/^ARG PYTHON_IMAGE=//p" in TEXT
