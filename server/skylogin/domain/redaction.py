"""What clients send, without passwords, keys and the signatures of tokens. Pure.

For the calls that a test reads. What looks like a secret counts as one.
"""

import functools
import re
from collections.abc import Collection

HIDDEN = "…"
# Of a member's name, as far as it is looked at.
NAME_CHARACTERS_MAX = 100
# Of a member whose value is hidden, whatever it is. Names are compared without case, - and _.
_SECRET_NAMES = re.compile(
    r"passw|passphrase|passcode|secret|token|apikey|masterkey|accesskey|privatekey|authdata"
    r"|credential|authorization|cookie|signature|^(pwd|pin|otp|jwt)$"
)
# Of a custom token or a signed access token: all of it but the signature.
_TOKEN = re.compile(r"(e[ywA3][\w-]{8,}\.[\w-]*\.)[\w-]+", re.ASCII)
# A shorter secret, such as the default master key, may be a word; it is hidden only alone.
_CONTAINED_MIN = 12


def redacted(value: object, secrets: Collection[str] = ()) -> object:
    """Return a JSON value without what looks like a secret, and without *secrets*."""
    if isinstance(value, str):
        return text(value, secrets)
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
