"""Unusual tokens get the verdicts that the original gave."""

from collections import defaultdict
from typing import Any

from tests.golden.verdicts import recorded_verdicts, verdict

RECORDED_COUNT = 11_900
SHOWN_PER_ODDITY = 3


def test_unusual_tokens_get_the_recorded_verdicts():
    """Each of thousands of tokens is accepted or refused as in the original."""
    recorded = recorded_verdicts()
    wrong = [
        (line, got)
        for line in recorded
        if (got := verdict(line["token"])) != (line["status"], line["code"])
    ]

    assert len(recorded) == RECORDED_COUNT
    assert not wrong, describe(wrong)


def describe(wrong: list[tuple[dict[str, Any], Any]]) -> str:
    """Return the wrong verdicts as text, by what is unusual about their tokens."""
    groups = defaultdict(list)
    for line, got in wrong:
        expected = (line["status"], line["code"])
        text = f"    {line['n']}: expected {expected}, got {got}, all odd: {line['odd']}"
        # The group with the most tokens shows which of several peculiarities is the reason.
        for odd in line["odd"]:
            groups[odd].append(text)
    shown = [f"{len(wrong)} wrong verdicts"]
    for odd, lines in sorted(groups.items(), key=lambda group: -len(group[1])):
        shown += [f"  {odd}: {len(lines)}", *lines[:SHOWN_PER_ODDITY]]
    return "\n".join(shown)
