"""The targets of `make fuzz`: each takes its samples, also changed, without atheris."""

import subprocess
import sys
from random import Random

import pytest

from tests.fuzz.targets import TARGETS
from tests.tokens.mutations import noisy

CHANGES = 400
TEN_MINUTES = 600


@pytest.mark.heavy
@pytest.mark.parametrize("name", TARGETS)
def test_a_target_takes_changed_samples(name: str) -> None:
    """The same changes each time: bytes replaced, repeated, added and removed."""
    target, random = TARGETS[name], Random(name)
    samples = target.samples()
    for sample in samples[:CHANGES]:
        target.try_out(sample)
    for _ in range(CHANGES):
        data = random.choice(samples)
        for _ in range(random.randint(1, 3)):
            data = noisy(random, data)
        target.try_out(data)


@pytest.mark.long
def test_ten_minutes_find_nothing() -> None:
    """Of all targets together, guided by coverage."""
    pytest.importorskip("atheris", reason="atheris has no wheel for this Python or system")
    command = [sys.executable, "-m", "tests.fuzz", "all", "--seconds", str(TEN_MINUTES)]

    assert subprocess.run(command, check=False).returncode == 0
