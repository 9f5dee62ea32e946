"""`like` on SQLite: the same as PostgreSQL's, in a time that grows with the text alone."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st
from skylogin.domain.sql_functions import ends_with_escape, like

LONG = "a" * 200_000
PATTERNS = {
    "characters between any": "%" + "a_" * 400 + "b%",
    "any and a character": "%" + "_" * 900 + "b%",
    "many pieces": "%a" * 450 + "b",
    "any characters": "_%" * 450 + "b",
    "at the end": "%" + "a_" * 400 + "b",
}


def expected(text: str, pattern: str) -> bool | None:
    """Match as a regular expression does, which may take very long."""
    if ends_with_escape(pattern):
        return None
    marks = re.findall(r"\\.|.", pattern, re.DOTALL)
    known = {"%": ".*", "_": "."}
    expression = "".join(known.get(mark, re.escape(mark[-1])) for mark in marks)
    return re.fullmatch(expression, text, re.DOTALL) is not None


@given(text=st.text("ab%_\\\n", max_size=9), pattern=st.text("ab%_\\", max_size=8))
def test_a_pattern_matches_as_a_regular_expression_does(text: str, pattern: str) -> None:
    """With every character that has a meaning."""
    assert like(text, pattern) is expected(text, pattern)


@pytest.mark.parametrize("pattern", PATTERNS.values(), ids=PATTERNS)
def test_no_pattern_takes_long(pattern: str) -> None:
    """If the time grew with the product of both lengths, this test would take minutes."""
    assert like(LONG, pattern) is False
    assert like(LONG + "b", pattern) is True
