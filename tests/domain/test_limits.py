"""The limits of stored text and keys."""

import pytest
from skylogin.domain.limits import KEY_BYTES_MAX, check_keys, check_storable
from skylogin.errors import INVALID_ARGUMENT, Reason, SkygearError


def test_a_part_of_a_key_fits_into_an_index() -> None:
    """Its length is counted in bytes, not in characters."""
    check_keys(["", "a" * KEY_BYTES_MAX, "ä" * (KEY_BYTES_MAX // 2)])
    for text in ("a" * (KEY_BYTES_MAX + 1), "ä" * (KEY_BYTES_MAX // 2 + 1)):
        with pytest.raises(SkygearError) as caught:
            check_keys(["a", text])
        assert caught.value.kind is INVALID_ARGUMENT


@pytest.mark.parametrize("value", ["a\0", ["a", ["\0"]], {"a": {"b\0": 1}}, {"a": [{"b": "\0"}]}])
def test_text_with_nul_cannot_be_stored(value: object) -> None:
    """Neither as a value nor as a name, at any depth."""
    with pytest.raises(SkygearError) as caught:
        check_storable(value)

    assert caught.value.reason is Reason.TEXT_WITH_NUL
    check_storable(["a", {"b": [1, None, True]}])
