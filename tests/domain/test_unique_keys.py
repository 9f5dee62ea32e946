"""The unique fields of user records."""

from typing import Any

import pytest
from skylogin.domain import unique_keys
from skylogin.domain.unique_keys import DuplicatedKeyError, KeySet, UniqueKey
from skylogin.domain.user import Field

FIELDS = {
    "username": Field("string", column="citext"),
    "email": Field("string", column="citext"),
    "phone": Field("string", column="text"),
    "realm": Field("string", column="text"),
    "age": Field("number", column="double precision"),
}

READ: dict[str, tuple[str, tuple[KeySet, ...]]] = {
    "one": ("a", (("a",),)),
    "two": ("a,b", (("a",), ("b",))),
    "blanks": (" a , b ", (("a",), ("b",))),
    "a pair": ("(email,realm),phone", (("email", "realm"), ("phone",))),
    "a pair is sorted": ("(realm, email)", (("email", "realm"),)),
    "a pair of one": ("(a)", (("a",),)),
    "the same name alone and in a pair": ("a,(a,b)", (("a",), ("a", "b"))),
}


@pytest.mark.parametrize(("text", "key_sets"), READ.values(), ids=READ)
def test_names_and_tuples_are_read(text: str, key_sets: tuple[KeySet, ...]) -> None:
    """From the setting AUTH_RECORD_KEYS."""
    assert unique_keys.read_key_sets(text) == key_sets


@pytest.mark.parametrize("text", ["((a,b))", "a(b)c", "(a", "a)", ")a(", "(a)(b)", "a,,b", "()"])
def test_an_invalid_setting_is_refused(text: str) -> None:
    """The original uses its default then."""
    with pytest.raises(ValueError):  # noqa: PT011
        unique_keys.read_key_sets(text)


@pytest.mark.parametrize(("text", "twice"), [("a,b,a", "a"), ("(a,b),(b,a)", "a,b")])
def test_a_repeated_key_is_an_error(text: str, twice: str) -> None:
    """The original does not start then."""
    with pytest.raises(DuplicatedKeyError, match=f"cannot have duplicated keys '{twice}'"):
        unique_keys.read_key_sets(text)


KEYS: dict[str, tuple[dict[str, Any], str, set[UniqueKey]]] = {
    "none": ({}, "username,email", set()),
    "one": ({"username": "alice"}, "username,email", {UniqueKey("username", "alice")}),
    "case does not count": ({"email": "A@B.É"}, "email", {UniqueKey("email", "a@b.é")}),
    "case counts in added fields": ({"phone": "aB"}, "phone", {UniqueKey("phone", "aB")}),
    "an empty text is a value": ({"username": ""}, "username", {UniqueKey("username", "")}),
    "null is none": ({"username": None}, "username", set()),
    "a number": ({"age": 1}, "age", {UniqueKey("age", "[1]")}),
    "a pair": (
        {"email": "A@b", "realm": "X"},
        "(email,realm)",
        {UniqueKey("email,realm", '["a@b","X"]')},
    ),
    "half a pair": ({"email": "a@b"}, "(email,realm)", set()),
    "half a pair and null": ({"email": "a@b", "realm": None}, "(email,realm)", set()),
}


@pytest.mark.parametrize(("data", "asked", "keys"), KEYS.values(), ids=KEYS)
def test_a_record_holds_keys(data: dict[str, Any], asked: str, keys: set[UniqueKey]) -> None:
    """One for each key set without a null."""
    assert unique_keys.keys_of(data, unique_keys.read_key_sets(asked), FIELDS) == keys


def test_the_values_of_a_pair_are_kept_apart() -> None:
    """Whatever quotes and commas they contain."""
    [key_set] = unique_keys.read_key_sets("(phone,realm)")
    first = unique_keys.keys_of({"phone": 'a","b', "realm": "c"}, [key_set], FIELDS)
    second = unique_keys.keys_of({"phone": "a", "realm": 'b","c'}, [key_set], FIELDS)

    assert first != second


def test_long_values_differ_and_fit_into_an_index() -> None:
    """PostgreSQL cannot index them as they are."""
    texts = ("x" * 5000, "x" * 5001, "X" * 5000)
    folded = [
        key.folded
        for text in texts
        for key in unique_keys.keys_of({"username": text}, [("username",)], FIELDS)
    ]

    assert folded[0] == folded[2] != folded[1]
    assert max(len(text.encode()) for text in folded) <= unique_keys.FOLDED_BYTES_MAX
