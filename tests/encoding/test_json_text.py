"""JSON as Go reads and writes it."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from skylogin.encoding import json_text
from skylogin.encoding.json_text import NESTING_MAX, NotJsonError, OutOfRange

DECODED = {
    "plain": (b"abc", "abc"),
    "two bytes": ("é".encode(), "é"),
    "a stray byte": (b"a\xffb", "a\ufffdb"),
    "a continuation alone": (b"\x80", "\ufffd"),
    "a character cut short": (b"\xe2\x82", "\ufffd\ufffd"),
    "four bytes cut short": (b"\xf0\x9f\x98x", "\ufffd\ufffd\ufffdx"),
    "too long a form": (b"\xc0\xaf", "\ufffd\ufffd"),
    "a lone surrogate": (b"\xed\xa0\x80", "\ufffd\ufffd\ufffd"),
    "beyond Unicode": (b"\xf4\x90\x80\x80", "\ufffd" * 4),
}


@pytest.mark.parametrize(("data", "text"), DECODED.values(), ids=DECODED)
def test_each_invalid_byte_becomes_one_replacement_character(data: bytes, text: str) -> None:
    """Python's own handler replaces runs of invalid bytes."""
    assert json_text.decode(data) == text


READ = {
    "leading blanks": (" \t\r\n1", 1, 5),
    "trailing bytes": ('{"a":1} garbage', {"a": 1}, 7),
    "a repeated key": ('{"a":1,"a":2}', {"a": 2}, 13),
    "an integer": ("1700000000", 1700000000, 10),
    "a fraction of zero": ("1700000000.0", 1700000000.0, 12),
    "an exponent": ("1.7e9", 1.7e9, 5),
    "too small for a double": ("1e-999", 0.0, 6),
    "a lone surrogate": (r'"\ud800"', "\ufffd", 8),
    "a lone low surrogate": (r'"\udc00x"', "\ufffdx", 9),
    "a surrogate pair": (r'"\ud83d\ude00"', "\U0001f600", 14),
    "a lone surrogate in a name": (r'{"\ud800":[]}', {"\ufffd": []}, 13),
    "an escaped backslash": (r'"\\ud800"', r"\ud800", 9),
}


@pytest.mark.parametrize(("text", "value", "end"), READ.values(), ids=READ)
def test_the_first_value_is_read(text: str, value: object, end: int) -> None:
    """Integers are int, other numbers float; text after the value is ignored."""
    read, place = json_text.read_first(text)

    assert (read, type(read), place) == (value, type(value), end)


NOT_JSON = {
    "nothing": "",
    "blanks": "  ",
    "a word": "nul",
    "not a number": "NaN",
    "infinity": "Infinity",
    "minus infinity": "-Infinity",
    "not a number, inside": '{"a":[NaN]}',
    "a leading zero": "[01]",
    "a plus": "+1",
    "no digit before the dot": ".5",
    "no digit after the dot": "[1.]",
    "single quotes": "{'a':1}",
    "a trailing comma": "[1,]",
    "an open string": '"abc',
    "a raw line break": '"a\nb"',
    "an unknown escape": r'"\x41"',
    "an escape cut short": r'"\u12"',
    "a byte order mark": "\ufeff{}",
    "another kind of blank": "\u00a0{}",
}


@pytest.mark.parametrize("text", NOT_JSON.values(), ids=NOT_JSON)
def test_invalid_json_is_refused(text: str) -> None:
    """Python's json accepts some of it."""
    with pytest.raises(NotJsonError):
        json_text.read_first(text)


def test_members_keep_their_order_and_repeats() -> None:
    """Claims are read like this, because Go merges repeated ones."""
    read = json_text.read_first_members('{"b":1,"a":{"x":[{}]},"b":2} x')

    assert read == (("b", 1), ("a", (("x", [()]),)), ("b", 2))


@pytest.mark.parametrize("trailing", ["1", "{}", "x", "\u00a0", "\0"])
def test_no_text_follows_a_whole_value(trailing: str) -> None:
    """Only blanks may follow."""
    assert json_text.read_whole(" {} \n") == {}
    with pytest.raises(NotJsonError):
        json_text.read_whole("{} " + trailing)


@pytest.mark.parametrize("brackets", ["[]", "{}"])
def test_the_depth_of_nesting_is_limited(brackets: str) -> None:
    """Deeper nesting is treated as invalid JSON, however deep it is."""
    opening = '{"a":' if brackets == "{}" else "["
    inside = "1" if brackets == "{}" else ""

    def nested(depth: int) -> str:
        return opening * depth + inside + brackets[1] * depth

    json_text.read_first(nested(NESTING_MAX))
    for depth in (NESTING_MAX + 1, 200_000):
        with pytest.raises(NotJsonError, match="nested deeper"):
            json_text.read_first(nested(depth))


def test_brackets_in_strings_and_side_by_side_do_not_nest() -> None:
    """Only the number of open brackets counts."""
    many = NESTING_MAX + 1
    assert json_text.read_first('"' + "[" * many + r"\"{" + '"')[0] == "[" * many + '"{'
    assert json_text.read_first("[" + ",".join(["[]"] * many) + "]")[0] == [[]] * many


@pytest.mark.parametrize("value", ["{}", "[[]]", '{"a":[{}]}', " null", '"a"', "1"])
def test_what_follows_the_first_value_may_be_nested(value: str) -> None:
    """As in Go, which does not read it."""
    for bracket in "[{]}":
        assert json_text.read_first(value + bracket * (NESTING_MAX + 1))[1] == len(value)


TOO_LARGE = {
    "an exponent": "1e999",
    "a large exponent": "-1E+0400",
    "digits": "9" * 400,
    "many digits and a fraction": "9" * 400 + ".5",
    "just too large": "1.8e308",
    "digits and an exponent": "1" + "0" * 250 + "e99",
    "digits, a fraction and an exponent": "1" + "0" * 250 + ".0E+99",
}
FITS = {
    "the largest": "1.7976931348623157e308",
    "many digits": "9" * 308,
    "zeros in front of the exponent": "1e00000000000001",
    "a negative exponent": "1e-999",
    "in a text": '"1e999"',
}


@pytest.mark.parametrize("literal", TOO_LARGE.values(), ids=TOO_LARGE)
def test_a_number_too_large_for_a_double_is_refused(literal: str) -> None:
    """At any depth. Among members it is marked, because not all members are used."""
    for text in (literal, f'{{"a":{literal}}}', f'{{"a":[{{"b":{literal}}}]}}'):
        with pytest.raises(NotJsonError):
            json_text.read_first(text)

    [(name, value)] = json_text.read_first_members(f'{{"a":{literal}}}')  # type: ignore[misc]
    assert name == "a"
    assert isinstance(value, OutOfRange)


@pytest.mark.parametrize("literal", FITS.values(), ids=FITS)
def test_a_number_that_fits_a_double_is_read(literal: str) -> None:
    """Even if its literal looks too large."""
    json_text.read_first(f'{{"a":[{literal}]}}')

    [value] = json_text.read_first_members(f"[{literal}]")  # type: ignore[misc]
    assert not isinstance(value, OutOfRange)


DOUBLES = {
    "whole": (1, 1),
    "whole with a fraction": (1.0, 1),
    "a fraction": (1.5, 1.5),
    "negative": (-3.0, -3),
    "all digits of a double": (2**53, 2**53),
    "one digit too many": (2**53 + 1, 2**53),
    "as Go prints it": (12345678901234567890, 12345678901234567000),
    "the largest without an exponent": (1e20, 10**20),
    "the smallest with one": (1e21, 1e21),
    "tiny": (1e-300, 1e-300),
}


@pytest.mark.parametrize(("number", "double"), DOUBLES.values(), ids=DOUBLES)
def test_a_number_becomes_a_double(number: float, double: float) -> None:
    """Whole numbers have no fraction, and the digits that Go prints."""
    value = json_text.as_double(number)

    assert (value, type(value)) == (double, type(double))


@given(st.integers(-(2**1000), 2**1000))
def test_as_double_never_changes_the_double(number: int) -> None:
    """Applying it twice gives the same result."""
    value = json_text.as_double(number)

    assert float(value) == float(number)
    assert json_text.as_double(value) == value


WRITTEN = {
    "tags": ("<a&b>", r'"\u003ca\u0026b\u003e"'),
    "line separators": ("\u2028\u2029", r'"\u2028\u2029"'),
    "letters": ("é😀", '"é😀"'),
    "control characters": ("\n\x01", r'"\n\u0001"'),
    "a name": ({"<": None}, r'{"\u003c":null}'),
    "an integer of more than 64 bits": (10**20, "100000000000000000000"),
    "a lone surrogate": (["\ud800"], '["?"]'),
    "no blanks": ({"a": [1, True]}, '{"a":[1,true]}'),
}


@pytest.mark.parametrize(("value", "text"), WRITTEN.values(), ids=WRITTEN)
def test_json_is_written_as_go_writes_it(value: object, text: str) -> None:
    """`<`, `>` and `&` are escaped, other letters are not."""
    assert json_text.write(value) == text.encode()


json_values = st.recursive(
    st.one_of(
        st.none(),
        st.booleans(),
        st.floats(allow_nan=False, allow_infinity=False).map(json_text.as_double),
        st.text(st.characters(exclude_categories=["Cs"])),
    ),
    lambda inside: st.one_of(
        st.lists(inside, max_size=4),
        st.dictionaries(
            st.text(st.characters(exclude_categories=["Cs"]), max_size=4), inside, max_size=4
        ),
    ),
    max_leaves=12,
)


@given(json_values)
def test_a_stored_value_is_read_back(value: Any) -> None:
    """Any value that a profile can hold; the wire shows the same value."""
    assert json_text.read_stored(json_text.write_stored(value)) == value
    assert json_text.read_whole(json_text.write(value).decode()) == value


def test_a_number_that_postgresql_spells_out_becomes_a_double_again() -> None:
    """Its jsonb returns 1e300 with all digits."""
    assert json_text.read_stored("[1" + "0" * 300 + "]") == [1e300]
    assert json_text.read_stored("[12345678901234567000]") == [12345678901234567000]
