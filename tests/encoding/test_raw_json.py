"""JSON that is passed on as it was written."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from skylogin.encoding import raw_json
from skylogin.encoding.json_text import NESTING_MAX, NotJsonError

JSON_VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    max_leaves=5,
)
AS_WRITTEN = {
    "an object": (
        ' {"b" : 1.50,"a":{"c":"x"} , "b":[ 1e5]} ',
        [("b", 0, "1.50"), ("a", {"c": "x"}, '{"c":"x"}'), ("b", [0], "[ 1e5]")],
    ),
    "an empty object": ("{ }", []),
    "a lone surrogate": (r'{"\ud800":"\udc00"}', [("\ufffd", "\ufffd", r'"\udc00"')]),
    "a list": ("[1]", [0]),
    "a number too large for a double": ("1e999", 0),
    "text": ('"a"', "a"),
    "null": (" null\n", None),
}


@pytest.mark.parametrize(("text", "value"), AS_WRITTEN.values(), ids=AS_WRITTEN)
def test_members_are_read_with_their_text(text: str, value: object) -> None:
    """In order, with repeated ones; numbers are not read."""
    assert raw_json.read_members(text) == value


INVALID = ["", "{", '{"a"', '{"a":', '{"a":1', '{"a":1,', '{"a":1,}', "{1:2}", '{"a" 1}']
INVALID += ["{} x", "{'a':1}", "[1", "NaN", '{"a":NaN}', "[" * (NESTING_MAX + 1)]


@pytest.mark.parametrize("text", INVALID)
def test_members_of_invalid_json_are_refused(text: str) -> None:
    """Even if some members are valid."""
    with pytest.raises(NotJsonError):
        raw_json.read_members(text)


@given(JSON_VALUES, st.sampled_from([None, 1, "\t"]))
def test_passing_json_on_keeps_its_value(value: object, indent: Any) -> None:
    """Blanks are removed and characters that matter in HTML are escaped."""
    text = json.dumps(value, indent=indent, ensure_ascii=False)

    written = raw_json.write(text)

    assert json.loads(written) == value
    assert not set(b"<>&\n\t") & set(written)
    assert raw_json.write(written.decode()) == written
