"""Reading the members of a payload."""

from typing import Any

import pytest
from skylogin.actions.payload import read_exact_text, read_member
from skylogin.errors import BAD_REQUEST, SkygearError

TOKENS: dict[str, tuple[dict[str, Any], str]] = {
    "as it is spelled": ({"token": "a"}, "a"),
    "in another case": ({"TOKEN": "a"}, "a"),
    "with other letters that Go folds": ({"to\u212aEN": "a"}, "a"),
    "both: the exact one": ({"TOKEN": "b", "token": "a"}, "a"),
    "both, the exact one wrong elsewhere": ({"TOKEN": 5, "token": "a"}, "a"),
    "null": ({"token": None}, ""),
    "null, though another spelling is set": ({"token": None, "TOKEN": "b"}, ""),
    "missing": ({"tokens": "a", "toke": "b"}, ""),
    "empty": ({"token": ""}, ""),
}


@pytest.mark.parametrize(("payload", "value"), TOKENS.values(), ids=TOKENS)
def test_a_member_may_be_spelled_in_any_case(payload: dict[str, Any], value: str) -> None:
    """The exact spelling wins, and null counts as missing."""
    assert read_member(payload, "token", "") == value


@pytest.mark.parametrize("value", [1, 1.5, True, [], {}, ["a"]])
def test_a_member_of_another_type_is_refused(value: Any) -> None:
    """Nothing is converted."""
    for payload in ({"token": value}, {"ToKen": value}):
        with pytest.raises(SkygearError) as caught:
            read_member(payload, "token", "")
        assert (caught.value.kind, caught.value.message) == (
            BAD_REQUEST,
            "fails to decode the request payload",
        )


@pytest.mark.parametrize("value", ["true", 1, 0, [], {}])
def test_only_a_boolean_is_a_boolean(value: Any) -> None:
    """Neither texts nor numbers are."""
    assert read_member({"on": True}, "on", False) is True
    assert read_member({"on": None}, "on", False) is False
    with pytest.raises(SkygearError):
        read_member({"on": value}, "on", False)


@pytest.mark.parametrize("payload", [{}, {"ACTION": "me"}, {"action": 5}, {"action": None}])
def test_an_exact_text_has_the_exact_name(payload: dict[str, Any]) -> None:
    """Anything else counts as missing."""
    assert read_exact_text({"action": "me"}, "action") == "me"
    assert read_exact_text(payload, "action") == ""
