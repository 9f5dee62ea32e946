"""Which JSON values are equal."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from skylogin.encoding.json_equality import is_equal

SCALARS = st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text()
JSON = st.recursive(
    SCALARS, lambda inner: st.lists(inner) | st.dictionaries(st.text(max_size=3), inner)
)
DIFFERENT = ["null", "0", "false", "true", "1", '"1"', "[]", "{}", "[1]", "[true]", "[1, 1]"]
DIFFERENT += ['{"a": 1}', '{"a": true}', '{"b": 1}', '{"a": 1, "b": 1}', '{"a": [{"b": 0}]}']
DIFFERENT += ['{"a": [{"b": false}]}', '""', "[null]", '{"a": null}']


@given(JSON)
def test_a_value_is_equal_to_its_copy(value: Any) -> None:
    assert is_equal(value, json.loads(json.dumps(value)))


@pytest.mark.parametrize("one", DIFFERENT)
def test_other_values_are_different(one: str) -> None:
    """In Python, True equals 1."""
    values = map(json.loads, DIFFERENT)
    assert [other for other in values if is_equal(json.loads(one), other)] == [json.loads(one)]


def test_numbers_are_equal_however_they_are_written() -> None:
    assert is_equal([1, {"a": 1e3}], [1.0, {"a": 1000}])


def test_the_order_of_members_does_not_count() -> None:
    assert is_equal({"a": 1, "b": 2}, {"b": 2, "a": 1})


def test_deeply_nested_values_are_compared() -> None:
    deep, other = 1, True
    for _ in range(100_000):
        deep, other = [deep], [other]
    assert not is_equal(deep, other)
