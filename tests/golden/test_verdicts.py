"""Odd tokens get the verdicts which the original gave to them."""

import gzip
import json
from collections import defaultdict
from pathlib import Path
from typing import Any

from tests.golden.verdicts import verdict

RECORDED = Path(__file__).parent / "verdicts.jsonl.gz"
RECORDED_COUNT = 11_900
SHOWN_PER_ODDITY = 3


def test_odd_tokens_get_the_recorded_verdicts():
    """Each of thousands of tokens is accepted or refused as by the original."""
    with gzip.open(RECORDED, "rt", encoding="utf-8") as lines:
        recorded = [json.loads(line) for line in lines]
    wrong = [
        (line, got)
        for line in recorded
        if (got := verdict(line["token"])) != (line["status"], line["code"])
    ]

    assert len(recorded) == RECORDED_COUNT
    assert not wrong, told(wrong)


def told(wrong: list[tuple[dict[str, Any], Any]]) -> str:
    """Return the wrong verdicts in words, by what is odd about their tokens."""
    groups = defaultdict(list)
    for line, got in wrong:
        expected = (line["status"], line["code"])
        shown = f"    {line['n']}: expected {expected}, got {got}, all odd: {line['odd']}"
        # One oddity among several is the reason; the group with the most tokens shows which.
        for odd in line["odd"]:
            groups[odd].append(shown)
    told = [f"{len(wrong)} wrong verdicts"]
    for odd, lines in sorted(groups.items(), key=lambda group: -len(group[1])):
        told += [f"  {odd}: {len(lines)}", *lines[:SHOWN_PER_ODDITY]]
    return "\n".join(told)
