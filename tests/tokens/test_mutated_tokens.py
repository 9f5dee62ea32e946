"""Mutated tokens get the verdicts of the rules as they are stated a second time."""

import secrets
from collections import Counter
from random import Random

import pytest

from tests.golden.verdicts import SECRET as RECORDED_SECRET
from tests.golden.verdicts import recorded_verdicts
from tests.tokens import oracle
from tests.tokens.differences import KEYS, RULES, SECONDS, SETTINGS, difference
from tests.tokens.mutations import mutated_tokens

WEIGHTS = (4, 4, 1, 1)
REASONS_MET = 20


@pytest.mark.heavy
def test_the_rules_give_the_recorded_verdicts() -> None:
    """The second statement of the rules is the original's, too."""
    settings = oracle.Settings((RECORDED_SECRET,), documented=False)
    for line in recorded_verdicts():
        found = oracle.judge(line["token"], SECONDS, settings)

        assert (found.status, found.code) == (line["status"], line["code"]), line


@pytest.mark.slow
def test_mutated_tokens_get_the_verdicts_of_the_rules() -> None:
    """The same ones each time."""
    check_mutated_tokens(18, 12_000)


@pytest.mark.long
def test_a_million_mutated_tokens_get_the_verdicts_of_the_rules() -> None:
    """Other ones each time; a failure names the seed."""
    check_mutated_tokens(secrets.randbelow(1_000_000), 1_000_000)


def check_mutated_tokens(seed: int, count: int) -> None:
    """Compare the server's verdicts with those of the rules."""
    random = Random(seed)
    seen: Counter[str] = Counter()
    for token in mutated_tokens(random, count, SECONDS, (*KEYS[:2] * 9, KEYS[2])):
        [rules] = random.choices(RULES, WEIGHTS)
        expected = oracle.judge(token, SECONDS, SETTINGS[rules])
        seen[difference(token, rules, expected) or next(iter(expected.reasons), "accepted")] += 1
    differences = [text for text in seen if text.startswith("{")]

    assert not differences, f"seed {seed}: {len(differences)} differences\n" + "\n".join(
        differences[:9]
    )
    # Every reason that a token can be refused for, and acceptance.
    assert len(seen) >= REASONS_MET, f"seed {seed}: {seen}"
    print(f"seed {seed}: {dict(seen.most_common())}")
