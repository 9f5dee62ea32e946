"""Profiles as rows for people to read."""

from typing import Any

import pytest
from skylogin.portal import profile_tree

ROWS: dict[str, tuple[Any, list[tuple[int, str, str, str]]]] = {
    "text": ("Anna", [(0, "x", "Anna", "")]),
    "number": (1.5, [(0, "x", "1.5", "")]),
    "null": (None, [(0, "x", "null", "")]),
    "zero": (0, [(0, "x", "0", "")]),
    "false": (False, [(0, "x", "false", "")]),
    "nothing in it": ([], [(0, "x", "", "empty")]),
    "list": (["a", 1, None], [(0, "x", "a, 1, null", "")]),
    "date": ({"$type": "date", "$date": "2026-01-02"}, [(0, "x", "2026-01-02", "")]),
    "place": ({"$type": "geo", "$lat": 1, "$lng": -2}, [(0, "x", "1, -2", "place")]),
    "another type": ({"$type": "ref", "$id": "a/b"}, [(0, "x", "a/b", "ref")]),
    "no type": ({"$type": ["date"]}, [(0, "x", '{"$type": ["date"]}', "")]),
    "tree": (
        {"a": {"b": 1}, "c": [{"d": 2}, "e"]},
        [
            (0, "x", "", ""), (1, "a", "", ""), (2, "b", "1", ""),
            (1, "c", "", "list of 2"), (2, "1", "", ""), (3, "d", "2", ""), (2, "2", "e", ""),
        ],
    ),
}  # fmt: skip


@pytest.mark.parametrize(("value", "rows"), ROWS.values(), ids=ROWS)
def test_a_profile_is_a_tree(value: Any, rows: list[tuple[int, str, str, str]]) -> None:
    """Each member has a row, before those of its own members."""
    found = profile_tree.branches({"x": value})

    assert [(one.depth, one.name, one.text, one.kind) for one in found] == rows


def test_a_deep_profile_ends_at_the_deepest_indent() -> None:
    """Python's stack does not limit it."""
    value: Any = "end"
    for _ in range(5000):
        value = {"in": value}

    *_, last = profile_tree.branches({"x": value})

    assert (last.text, last.depth) == ("end", profile_tree.DEPTH_MAX)
