"""A process that is killed while it writes access tokens to files: no file is incomplete."""

import random
import subprocess
import sys
from pathlib import Path

import pytest
from skylogin.ids import IdMaker
from skylogin.tokens import stored_tokens
from skylogin.tokens.file_store import UNFINISHED, FileTokens
from skylogin.tokens.stored_tokens import StoredTokens

from tests.factories import NOW
from tests.processes import SECONDS_MAX, environment_with

TOKENS_MAX = 30
STEPS = ["created", "half written", "written", "synced", "renamed"]

pytestmark = [pytest.mark.slow, pytest.mark.xdist_group("timing")]


async def problems_in(folder: Path, issued: list[str]) -> list[str]:
    """Return which tokens in *folder* are broken, and which of those *issued* are lost."""
    tokens = StoredTokens(FileTokens(folder), "app", 0, IdMaker())
    await tokens.issue("alice", NOW, "app")
    names = names_in(folder)
    broken = [name for name in names if not (await is_good(tokens, name))]
    lost = [token for token in issued if token not in names]
    return [f"broken: {name}" for name in broken] + [f"lost: {token}" for token in lost]


def names_in(folder: Path) -> list[str]:
    """Return the names of the files in *folder*."""
    return [path.name for path in folder.iterdir()]


async def is_good(tokens: StoredTokens, name: str) -> bool:
    """Return whether *name* is a token of alice."""
    return stored_tokens.is_token(name) and (await tokens.find(name, NOW)).user_id == "alice"


def start(folder: Path, step: str) -> subprocess.Popen[str]:
    """Start the writer, which dies at *step*."""
    script = Path(__file__).with_name("token_writer.py")
    return subprocess.Popen(
        [sys.executable, script, folder, step],
        env=environment_with({}),
        stdout=subprocess.PIPE,
        text=True,
    )


@pytest.mark.parametrize("step", STEPS)
async def test_a_writer_that_dies_leaves_a_complete_token_or_none(
    tmp_path: Path, step: str
) -> None:
    """At any step; the next writer removes the unfinished file."""
    with start(tmp_path, step) as writer:
        output, _ = writer.communicate(timeout=SECONDS_MAX)
    unfinished = [name for name in names_in(tmp_path) if name.startswith(UNFINISHED)]

    assert len(output.split()) == 1
    assert len(unfinished) == (step != "renamed")
    assert await problems_in(tmp_path, output.split()) == []


@pytest.mark.parametrize("rounds", [20, pytest.param(200, marks=pytest.mark.long)])
async def test_a_writer_that_is_killed_leaves_complete_tokens(rounds: int, tmp_path: Path) -> None:
    """At any moment, many times: every token that was issued is there and complete."""
    issued: list[str] = []
    for _ in range(rounds):
        with start(tmp_path, "never") as writer:
            assert writer.stdout is not None
            issued += [
                writer.stdout.readline().strip() for _ in range(random.randint(1, TOKENS_MAX))
            ]
            writer.kill()
            # The tokens in the pipe were issued as well; the last line may be cut off.
            rest = writer.stdout.read()
        issued += rest.split("\n")[:-1]

    assert await problems_in(tmp_path, issued) == []
