"""What Go says of text that is no JSON; each sentence was seen from encoding/json itself."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from skylogin.encoding.go_json import END, syntax_fault

FAULTS = {
    b"": END,
    b" \n": END,
    b'{"a":"b': END,
    b'{"a":1,': END,
    b"[1 ": END,
    b"hello": "invalid character 'h' looking for beginning of value",
    b"'a'": r"invalid character '\'' looking for beginning of value",
    b"\x00": r"invalid character '\x00' looking for beginning of value",
    b"\xc3\xa9": "invalid character 'Ã' looking for beginning of value",
    b"\xff": "invalid character 'ÿ' looking for beginning of value",
    b"[1,]": "invalid character ']' looking for beginning of value",
    b"{a": "invalid character 'a' looking for beginning of object key string",
    b'{"a":1,}': "invalid character '}' looking for beginning of object key string",
    b'{"a" 1}': "invalid character '1' after object key",
    b'{"a":1 "b"': "invalid character '\"' after object key:value pair",
    b"[1 2]": "invalid character '2' after array element",
    b"[1}": "invalid character '}' after array element",
    b"{} x": "invalid character 'x' after top-level value",
    b"01": "invalid character '1' after top-level value",
    b'"a\nb"': r"invalid character '\n' in string literal",
    rb'"\x41"': "invalid character 'x' in string escape code",
    rb'"\u00g0"': r"invalid character 'g' in \u hexadecimal character escape",
    b"-a": "invalid character 'a' in numeric literal",
    b"-": "invalid character ' ' in numeric literal",
    b"1.": "invalid character ' ' after decimal point in numeric literal",
    b"1.e": "invalid character 'e' after decimal point in numeric literal",
    b"1e+x": "invalid character 'x' in exponent of numeric literal",
    b"tru": "invalid character ' ' in literal true (expecting 'e')",
    b"falze": "invalid character 'z' in literal false (expecting 's')",
    b"nil": "invalid character 'i' in literal null (expecting 'u')",
    b"[" * 100_000: END,
}
# JSON has neither of those that are left out.
FLOATS = st.floats(allow_nan=False, allow_infinity=False)
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | FLOATS | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    max_leaves=5,
)


@pytest.mark.parametrize(("data", "words"), FAULTS.items(), ids=range(len(FAULTS)))
def test_a_fault_is_said_in_go_s_words(data: bytes, words: str) -> None:
    """The first fault counts; a text that only stops has an end that is unexpected."""
    assert syntax_fault(data) == words


@given(VALUES, st.sampled_from([None, 1, "\t"]), st.booleans())
def test_json_has_no_fault(value: object, indent: Any, plain: bool) -> None:
    """However it is written."""
    text = json.dumps(value, indent=indent, ensure_ascii=plain)

    assert syntax_fault(text.encode()) is None


@given(st.binary())
def test_what_has_no_fault_is_json(data: bytes) -> None:
    """Python reads it as well; and nothing crashes."""
    if syntax_fault(data) is None:
        json.loads(data.decode(errors="replace"))
