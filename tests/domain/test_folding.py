"""Ignoring the case of text."""

import sys
from collections.abc import Iterator

import pytest
from hypothesis import given
from hypothesis import strategies as st
from skylogin.domain.folding import NEWER, fold, letters

LETTERS = 1433
I_WITH_DOT = "\u0130"


def every_code_point() -> Iterator[str]:
    """Return each as a text."""
    return map(chr, range(sys.maxunicode + 1))


@pytest.mark.heavy
def test_every_code_point_becomes_one() -> None:
    """Its lower case, which only for one letter is longer; and nothing is left to fold."""
    longer = [one for one in every_code_point() if len(one.lower()) != 1]
    assert longer == [I_WITH_DOT]
    assert fold(I_WITH_DOT) == "i"
    assert {one for one in every_code_point() if fold(one) != one.lower()} <= NEWER | {I_WITH_DOT}
    assert [one for one in every_code_point() if fold(fold(one)) != fold(one)] == []


@pytest.mark.heavy
def test_the_letters_that_change_are_known() -> None:
    """PostgreSQL gets a list of them.

    If a Python with a newer Unicode knows more, they belong to those that stay as they are.
    """
    assert letters() == {one: fold(one) for one in every_code_point() if fold(one) != one}
    assert len(letters()) == LETTERS


@given(st.text(), st.text())
def test_a_letter_is_folded_alone(one: str, other: str) -> None:
    """Whatever stands beside it, such as at the end of a word."""
    assert fold(one + other) == fold(one) + fold(other)


def test_texts_of_some_languages_are_folded() -> None:
    """Where Python's lower() would depend on the place in a word."""
    assert fold("İSMAİL Işık") == "ismail işık"
    assert fold("ΝΙΚΟΣ") == "νικοσ"
    assert fold("Νίκος") == "νίκος"
    assert fold("STRASSE Straße") == "strasse straße"
    assert fold("ǅ ẞ K") == "ǆ ß k"
