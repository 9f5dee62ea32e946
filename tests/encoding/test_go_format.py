"""How Go prints values."""

import pytest
from skylogin.encoding.go_format import go_quote, go_type

TYPES = {
    "<nil>": None,
    "bool": True,
    "string": "",
    "float64": 1,
    "[]interface {}": [],
    "map[string]interface {}": {},
}


@pytest.mark.parametrize(("name", "value"), TYPES.items(), ids=TYPES)
def test_a_value_has_the_name_of_its_go_type(name: str, value: object) -> None:
    """As %T prints it."""
    assert go_type(value) == name


QUOTED = {
    "plain": ("abc", '"abc"'),
    "quotes": ('a"b', r'"a\"b"'),
    "a backslash": ("a\\b", r'"a\\b"'),
    "named control characters": ("\a\b\f\n\r\t\v", r'"\a\b\f\n\r\t\v"'),
    "other control characters": ("\x00\x1f\x7f", r'"\x00\x1f\x7f"'),
    "letters": ("é漢😀", '"é漢😀"'),
    "a no-break space": ("\u00a0", r'"\u00a0"'),
    "a byte order mark": ("\ufeff", r'"\ufeff"'),
    "an unassigned character": ("\U000e0fff", r'"\U000e0fff"'),
}


@pytest.mark.parametrize(("text", "quoted"), QUOTED.values(), ids=QUOTED)
def test_text_is_quoted_as_in_go(text: str, quoted: str) -> None:
    """Characters that cannot be printed are escaped."""
    assert go_quote(text) == quoted
