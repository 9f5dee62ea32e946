"""`AUTH_RECORD_KEYS`: which fields of the user record are unique, and how they compare. Pure."""

import hashlib
from collections.abc import Mapping, Sequence
from typing import NamedTuple

from skylogin.domain.user import Field
from skylogin.encoding import json_text
from skylogin.encoding.json_text import JsonValue

KeySet = tuple[str, ...]
DEFAULT: tuple[KeySet, ...] = (("username",), ("email",))
FOLDED_BYTES_MAX = 1000


class AuthKey(NamedTuple):
    """A value that one user at most may have: the set's name, and the value as compared."""

    name: str
    folded: str


def keys_of(
    data: Mapping[str, JsonValue], key_sets: Sequence[KeySet], fields: Mapping[str, Field]
) -> set[AuthKey]:
    """Return the keys that a record with *data* holds; a set with a null holds none.

    The built-in fields are citext in the original, so case does not count for
    them; it does for fields that AUTH_RECORD_KEYS added.
    """
    keys = set()
    for key_set in key_sets:
        values = [data.get(name) for name in key_set]
        if None in values:
            continue
        folded = [
            _folded(value, fields.get(name)) for name, value in zip(key_set, values, strict=True)
        ]
        keys.add(AuthKey(",".join(key_set), _compact(folded)))
    return keys


def complete_key_set(auth_data: Mapping[str, object], key_sets: Sequence[KeySet]) -> KeySet | None:
    """Return the first set that *auth_data* has a value for each name of.

    None where it has none, or a name that is in no set: such data tells nobody.
    """
    names = {name for key_set in key_sets for name in key_set}
    if not names.issuperset(auth_data):
        return None
    whole = (
        key_set for key_set in key_sets if all(auth_data.get(name) is not None for name in key_set)
    )
    return next(whole, None)


def _folded(value: JsonValue, field: Field | None) -> JsonValue:
    is_citext = field is not None and field.column == "citext"
    return value.lower() if is_citext and isinstance(value, str) else value


def _compact(values: list[JsonValue]) -> str:
    """Return one text for *values*; an index cannot hold long ones, their hash it can."""
    [only] = values if len(values) == 1 else [None]
    text = only if isinstance(only, str) else json_text.write_stored(values)
    data = text.encode()
    if len(data) <= FOLDED_BYTES_MAX:
        return text
    return f"sha256:{hashlib.sha256(data).hexdigest()}"


def read_key_sets(text: str) -> tuple[KeySet, ...]:
    """Return what `AUTH_RECORD_KEYS=`*text* means: `a,b` or `(email,realm),phone`.

    Raises ValueError on what the original cannot read, or refuses.
    """
    sets: list[KeySet] = []
    for part in _split(text):
        names = sorted(name.strip() for name in part.strip().strip("()").split(","))
        if not all(names):
            raise ValueError("a key without a name")
        sets.append(tuple(names))
    for key_set in sets:
        if sets.count(key_set) > 1:
            raise DuplicatedKeyError(
                f"AUTH_RECORD_KEYS cannot have duplicated keys '{','.join(key_set)}'"
            )
    return tuple(sets)


class DuplicatedKeyError(Exception):
    """The same key twice: the original refuses to start."""


def _split(text: str) -> list[str]:
    parts, current, depth = [], "", 0
    for character in text:
        if character == "," and depth == 0:
            parts.append(current)
            current = ""
            continue
        depth += {"(": 1, ")": -1}.get(character, 0)
        if depth not in (0, 1):
            raise ValueError("parentheses do not match")
        current += character
    parts.append(current)
    for part in parts:
        bare = part.strip()
        is_tuple = bare.startswith("(") and bare.endswith(")") and bare.count("(") == 1
        if depth or (("(" in bare or ")" in bare) and not is_tuple):
            raise ValueError("text around parentheses")
    return parts
