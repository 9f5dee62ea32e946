"""JSON as Go reads and writes it."""

import json
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
    "half of a pair": (b"\xed\xa0\x80", "\ufffd\ufffd\ufffd"),
    "beyond Unicode": (b"\xf4\x90\x80\x80", "\ufffd" * 4),
}


@pytest.mark.parametrize(("data", "text"), DECODED.values(), ids=DECODED)
def test_each_byte_that_is_no_utf_8_becomes_one_replacement(data: bytes, text: str) -> None:
    """Go replaces bytes, where Python's own handler replaces runs of them."""
    assert json_text.decode(data) == text


JSON_VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    max_leaves=5,
)
READ = {
    "blanks before": (" \t\r\n1", 1, 5),
    "bytes behind": ('{"a":1} garbage', {"a": 1}, 7),
    "a repeated key": ('{"a":1,"a":2}', {"a": 2}, 13),
    "a whole literal": ("1700000000", 1700000000, 10),
    "a fraction of nothing": ("1700000000.0", 1700000000.0, 12),
    "an exponent": ("1.7e9", 1.7e9, 5),
    "too small for a double": ("1e-999", 0.0, 6),
    "half of a pair": (r'"\ud800"', "\ufffd", 8),
    "the other half": (r'"\udc00x"', "\ufffdx", 9),
    "a pair": (r'"\ud83d\ude00"', "\U0001f600", 14),
    "half of a pair in a name": (r'{"\ud800":[]}', {"\ufffd": []}, 13),
    "an escaped backslash": (r'"\\ud800"', r"\ud800", 9),
}


@pytest.mark.parametrize(("text", "value", "end"), READ.values(), ids=READ)
def test_the_first_value_is_read(text: str, value: object, end: int) -> None:
    """Whole-number literals are int, all others float, and what follows is left alone."""
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
    "no digit before the point": ".5",
    "no digit behind it": "[1.]",
    "single quotes": "{'a':1}",
    "a comma too many": "[1,]",
    "an open string": '"abc',
    "a raw line break": '"a\nb"',
    "an unknown escape": r'"\x41"',
    "an escape cut short": r'"\u12"',
    "a byte order mark": "\ufeff{}",
    "a blank of other sort": "\u00a0{}",
}


@pytest.mark.parametrize("text", NOT_JSON.values(), ids=NOT_JSON)
def test_what_is_no_json_is_refused(text: str) -> None:
    """Python's own reader takes some of these."""
    with pytest.raises(NotJsonError):
        json_text.read_first(text)


def test_members_keep_their_order_and_repeats() -> None:
    """Claims are read like this: Go lays a repeated one over the first."""
    read = json_text.read_first_members('{"b":1,"a":{"x":[{}]},"b":2} x')

    assert read == (("b", 1), ("a", (("x", [()]),)), ("b", 2))


@pytest.mark.parametrize("behind", ["1", "{}", "x", "\u00a0", "\0"])
def test_a_whole_value_has_nothing_behind_it(behind: str) -> None:
    """Blanks may follow, nothing else."""
    assert json_text.read_whole(" {} \n") == {}
    with pytest.raises(NotJsonError):
        json_text.read_whole("{} " + behind)


@pytest.mark.parametrize("brackets", ["[]", "{}"])
def test_nesting_is_followed_to_a_depth_and_no_further(brackets: str) -> None:
    """One level more is not JSON to us, however many more there are."""
    opening = '{"a":' if brackets == "{}" else "["
    inside = "1" if brackets == "{}" else ""

    def nested(depth: int) -> str:
        return opening * depth + inside + brackets[1] * depth

    json_text.read_first(nested(NESTING_MAX))
    for depth in (NESTING_MAX + 1, 200_000):
        with pytest.raises(NotJsonError, match="nested deeper"):
            json_text.read_first(nested(depth))


def test_brackets_in_texts_and_beside_each_other_do_not_nest() -> None:
    """What counts is how many are open at once."""
    many = NESTING_MAX + 1
    assert json_text.read_first('"' + "[" * many + r"\"{" + '"')[0] == "[" * many + '"{'
    assert json_text.read_first("[" + ",".join(["[]"] * many) + "]")[0] == [[]] * many


BEYOND = {
    "an exponent": "1e999",
    "a large exponent": "-1E+0400",
    "digits": "9" * 400,
    "many digits and a fraction": "9" * 400 + ".5",
    "just too large": "1.8e308",
    "digits and an exponent": "1" + "0" * 250 + "e99",
    "digits, a fraction and an exponent": "1" + "0" * 250 + ".0E+99",
}
WITHIN = {
    "the largest": "1.7976931348623157e308",
    "many digits": "9" * 308,
    "zeros in front of the exponent": "1e00000000000001",
    "a negative exponent": "1e-999",
    "in a text": '"1e999"',
}


@pytest.mark.parametrize("literal", BEYOND.values(), ids=BEYOND)
def test_a_number_beyond_a_double_is_no_number(literal: str) -> None:
    """At whatever depth; among members it is marked, because not all of them are used."""
    for text in (literal, f'{{"a":{literal}}}', f'{{"a":[{{"b":{literal}}}]}}'):
        with pytest.raises(NotJsonError):
            json_text.read_first(text)

    [(name, value)] = json_text.read_first_members(f'{{"a":{literal}}}')  # type: ignore[misc]
    assert name == "a"
    assert isinstance(value, OutOfRange)


@pytest.mark.parametrize("literal", WITHIN.values(), ids=WITHIN)
def test_a_number_within_a_double_is_a_number(literal: str) -> None:
    """What looks like too large a number is none yet."""
    json_text.read_first(f'{{"a":[{literal}]}}')

    [value] = json_text.read_first_members(f"[{literal}]")  # type: ignore[misc]
    assert not isinstance(value, OutOfRange)


DOUBLES = {
    "whole": (1, 1),
    "whole with a fraction": (1.0, 1),
    "a fraction": (1.5, 1.5),
    "negative": (-3.0, -3),
    "all digits of a double": (2**53, 2**53),
    "one more than it has": (2**53 + 1, 2**53),
    "as Go prints it": (12345678901234567890, 12345678901234567000),
    "the last without exponent": (1e20, 10**20),
    "the first with one": (1e21, 1e21),
    "tiny": (1e-300, 1e-300),
}


@pytest.mark.parametrize(("number", "double"), DOUBLES.values(), ids=DOUBLES)
def test_a_number_becomes_a_double(number: float, double: float) -> None:
    """Whole ones come back without a fraction, with the digits that Go prints."""
    value = json_text.as_double(number)

    assert (value, type(value)) == (double, type(double))


@given(st.integers(-(2**1000), 2**1000))
def test_as_double_never_changes_the_double(number: int) -> None:
    """Doing it twice changes nothing either."""
    value = json_text.as_double(number)

    assert float(value) == float(number)
    assert json_text.as_double(value) == value


WRITTEN = {
    "tags": ("<a&b>", r'"\u003ca\u0026b\u003e"'),
    "line separators": ("\u2028\u2029", r'"\u2028\u2029"'),
    "letters": ("é😀", '"é😀"'),
    "control characters": ("\n\x01", r'"\n\u0001"'),
    "a name": ({"<": None}, r'{"\u003c":null}'),
    "an integer beyond 64 bits": (10**20, "100000000000000000000"),
    "half of a pair": (["\ud800"], '["?"]'),
    "no blanks": ({"a": [1, True]}, '{"a":[1,true]}'),
}


@pytest.mark.parametrize(("value", "text"), WRITTEN.values(), ids=WRITTEN)
def test_json_is_written_as_go_writes_it(value: object, text: str) -> None:
    """`<`, `>` and `&` are escaped, letters are not."""
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
def test_what_is_stored_comes_back(value: Any) -> None:
    """Every value that a profile can hold; and the wire says the same value."""
    assert json_text.read_stored(json_text.write_stored(value)) == value
    assert json_text.read_whole(json_text.write(value).decode()) == value


def test_a_number_that_postgresql_has_spelled_out_is_a_double_again() -> None:
    """Its jsonb keeps 1e300 as a numeral with all digits."""
    assert json_text.read_stored("[1" + "0" * 300 + "]") == [1e300]
    assert json_text.read_stored("[12345678901234567000]") == [12345678901234567000]


AS_WRITTEN = {
    "an object": (
        ' {"b" : 1.50,"a":{"c":"x"} , "b":[ 1e5]} ',
        [("b", 0, "1.50"), ("a", {"c": "x"}, '{"c":"x"}'), ("b", [0], "[ 1e5]")],
    ),
    "an empty object": ("{ }", []),
    "half of a pair": (r'{"\ud800":"\udc00"}', [("\ufffd", "\ufffd", r'"\udc00"')]),
    "a list": ("[1]", [0]),
    "a number beyond all": ("1e999", 0),
    "text": ('"a"', "a"),
    "null": (" null\n", None),
}


@pytest.mark.parametrize(("text", "value"), AS_WRITTEN.values(), ids=AS_WRITTEN)
def test_members_are_read_beside_their_text(text: str, value: object) -> None:
    """In their order, repeated ones too; numbers are not looked at."""
    assert json_text.read_members_as_written(text) == value


NO_MEMBERS = ["", "{", '{"a"', '{"a":', '{"a":1', '{"a":1,', '{"a":1,}', "{1:2}", '{"a" 1}']
NO_MEMBERS += ["{} x", "{'a':1}", "[1", "NaN", '{"a":NaN}', "[" * (NESTING_MAX + 1)]


@pytest.mark.parametrize("text", NO_MEMBERS)
def test_members_of_what_is_no_json_are_refused(text: str) -> None:
    """As a whole."""
    with pytest.raises(NotJsonError):
        json_text.read_members_as_written(text)


@given(JSON_VALUES, st.sampled_from([None, 1, "\t"]))
def test_what_is_written_again_has_the_same_value(value: object, indent: Any) -> None:
    """Blanks go, what is dangerous in a page is escaped, and the rest stands."""
    text = json.dumps(value, indent=indent, ensure_ascii=False)

    written = json_text.write_as_written(text)

    assert json.loads(written) == value
    assert not set(b"<>&\n\t") & set(written)
    assert json_text.write_as_written(written.decode()) == written
