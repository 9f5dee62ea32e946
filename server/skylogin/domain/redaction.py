"""Hide passwords, keys and the signatures of tokens in what clients send. Pure.

Tests and the login log show the rest. Whatever looks like a secret is hidden.
"""

import functools
import re
from collections.abc import Collection, Mapping
from typing import Any

from skylogin.encoding import json_text
from skylogin.encoding.json_text import NotJsonError

HIDDEN = "…"
# Only this much of a member's name is looked at.
NAME_CHARACTERS_MAX = 100
# The names of members whose values are always hidden, compared without case, - and _.
_SECRET_NAMES = re.compile(
    r"passw|passphrase|passcode|secret|token|apikey|masterkey|accesskey|privatekey|authdata"
    r"|credential|authorization|cookie|signature|^(pwd|pin|otp|jwt)$"
)
# A custom token or a signed access token; the group is all but the signature. A word is looked
# at once, so that the time does not grow with the square of its length.
_TOKEN = re.compile(r"(?<![\w-])(?=[\w-]*?e[ywA3][\w-]{8})([\w-]++\.[\w-]*+\.)[\w-]++", re.ASCII)
# How deep JSON within a string may be nested to be searched.
_NESTING_MAX = 20
# A shorter secret, such as the default master key, may be a word; it is hidden only alone.
_CONTAINED_MIN = 12


def redacted(value: object, secrets: Collection[str] = ()) -> object:
    """Return a JSON value without what looks like a secret, and without *secrets*."""
    if isinstance(value, str):
        return text(_without_secret_members(value), secrets)
    # A comprehension would need a second frame for each level of nesting.
    if isinstance(value, list):
        items = []
        for item in value:
            items.append(redacted(item, secrets))
        return items
    if isinstance(value, dict):
        members = {}
        for name, item in value.items():
            is_hidden = item is not None and _is_secret(name[:NAME_CHARACTERS_MAX])
            members[text(name, secrets)] = HIDDEN if is_hidden else redacted(item, secrets)
        return members
    return value


def _without_secret_members(value: str) -> str:
    """Return a string as it is, unless it is JSON in which something is hidden."""
    if value[:1] not in ("{", "[") or json_text.too_deep(value, _NESTING_MAX):
        return value
    try:
        inner = json_text.read_whole(value)
    except NotJsonError:
        return value
    shown = redacted(inner)
    return value if shown == inner else json_text.write_stored(shown)


def without(value: Any, secrets: Collection[str]) -> Any:
    """Return a JSON value without *secrets* and the signatures of tokens, whatever its names."""
    if isinstance(value, str):
        return text(value, secrets)
    if isinstance(value, list):
        items = []
        for item in value:
            items.append(without(item, secrets))
        return items
    if isinstance(value, Mapping):
        members = {}
        for name, item in value.items():
            members[text(name, secrets)] = without(item, secrets)
        return members
    return value


def text(value: str, secrets: Collection[str] = ()) -> str:
    """Return a text without what looks like a secret, and without *secrets*."""
    for secret in secrets:
        if value == secret:
            return HIDDEN
        if len(secret) >= _CONTAINED_MIN:
            value = value.replace(secret, HIDDEN)
    return _TOKEN.sub(rf"\1{HIDDEN}", value) if "." in value else value


# The names that programs send are few.
@functools.lru_cache(maxsize=1024)
def _is_secret(name: str) -> bool:
    return bool(_SECRET_NAMES.search(name.casefold().replace("_", "").replace("-", "")))
