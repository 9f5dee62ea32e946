"""`AUTH_RECORD_KEYS`: the unique fields of user records, and how their values compare. Pure."""

import hashlib
import re
from collections.abc import Mapping, Sequence
from typing import NamedTuple

from skylogin.domain.folding import fold
from skylogin.domain.user import Field
from skylogin.encoding import json_text
from skylogin.encoding.json_text import JsonValue

KeySet = tuple[str, ...]
DEFAULT: tuple[KeySet, ...] = (("username",), ("email",))
FOLDED_BYTES_MAX = 1000
# No name can contain it, because it separates the names in AUTH_RECORD_KEYS.
NAMES_JOINED_BY = ","
_KEY_SET = r"(?:\s*\([^()]*\)\s*|[^(),]*)"
_KEY_SETS = re.compile(f"{_KEY_SET}(?:,{_KEY_SET})*")
_COMMA_BETWEEN_SETS = re.compile(r",(?![^()]*\))")


class UniqueKey(NamedTuple):
    """A value that at most one user may have: the name of its key set, and the folded value."""

    name: str
    folded: str


def keys_of(
    data: Mapping[str, JsonValue], key_sets: Sequence[KeySet], fields: Mapping[str, Field]
) -> set[UniqueKey]:
    """Return the keys of a record with *data*."""
    keys = (key_of(data, key_set, fields) for key_set in key_sets)
    return {key for key in keys if key is not None}


def key_of(
    data: Mapping[str, JsonValue], key_set: KeySet, fields: Mapping[str, Field]
) -> UniqueKey | None:
    """Return the key of a record with *data* in a key set, None if one of its values is null.

    The built-in fields are citext in the original, so their case is ignored. The
    case of fields that AUTH_RECORD_KEYS adds counts.
    """
    values = [data.get(name) for name in key_set]
    if None in values:
        return None
    folded = [_folded(value, fields.get(name)) for name, value in zip(key_set, values, strict=True)]
    return UniqueKey(NAMES_JOINED_BY.join(key_set), _compact(folded))


class KeyChange(NamedTuple):
    """The keys that a user releases, and the keys that the user takes."""

    released: set[UniqueKey]
    taken: set[UniqueKey]

    def owners(self, user_id: str) -> dict[UniqueKey, str | None]:
        """Return the owner of each key after the change: *user_id*, or None if it is free."""
        return {**dict.fromkeys(self.released), **dict.fromkeys(self.taken, user_id)}


def key_change(
    old: Mapping[str, JsonValue],
    new: Mapping[str, JsonValue],
    key_sets: Sequence[KeySet],
    fields: Mapping[str, Field],
) -> KeyChange:
    """Return how a user's keys change when the data of their record goes from *old* to *new*."""
    if all(old.get(name) == new.get(name) for names in key_sets for name in names):
        return KeyChange(set(), set())
    held, wanted = keys_of(old, key_sets, fields), keys_of(new, key_sets, fields)
    return KeyChange(held - wanted, wanted - held)


def complete_key_set(auth_data: Mapping[str, object], key_sets: Sequence[KeySet]) -> KeySet | None:
    """Return the first key set for which *auth_data* has all values.

    None if *auth_data* is not complete for any, or has a name that is not in any key set.
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
    return fold(value) if is_citext and isinstance(value, str) else value


def _compact(values: list[JsonValue]) -> str:
    """Return one text for *values*, a hash if it is too long for an index."""
    [only] = values if len(values) == 1 else [None]
    text = only if isinstance(only, str) else json_text.write_stored(values)
    data = text.encode()
    if len(data) <= FOLDED_BYTES_MAX:
        return text
    return f"sha256:{hashlib.sha256(data).hexdigest()}"


def read_key_sets(text: str) -> tuple[KeySet, ...]:
    """Return the key sets in the setting *text*, such as `a,b` or `(email,realm),phone`.

    Raises ValueError if the original cannot read it, DuplicatedKeyError if it refuses it.
    """
    if _KEY_SETS.fullmatch(text) is None:
        raise ValueError("parentheses do not match")
    sets: list[KeySet] = []
    for part in _COMMA_BETWEEN_SETS.split(text):
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
    """AUTH_RECORD_KEYS has the same key twice, so the original does not start."""
