"""Limits of the text and the keys that both databases can store. Pure."""

from collections.abc import Iterable

from skylogin.errors import invalid_argument, text_with_nul

# An index entry of PostgreSQL has at most 2,704 bytes, and a key at most three such texts.
KEY_BYTES_MAX = 800


def check_storable(value: object) -> None:
    """Raise SkygearError if *value* contains U+0000, at any depth."""
    if isinstance(value, str):
        if "\0" in value:
            raise text_with_nul()
    elif isinstance(value, dict):
        for name, inner in value.items():
            check_storable(name)
            check_storable(inner)
    elif isinstance(value, list):
        for inner in value:
            check_storable(inner)


def check_keys(texts: Iterable[str]) -> None:
    """Raise SkygearError if one of *texts* is too long for a part of a key."""
    if any(len(text.encode()) > KEY_BYTES_MAX for text in texts):
        raise invalid_argument(f"an id or a name is longer than {KEY_BYTES_MAX} bytes")
