"""What makes a key or a secret too weak for `skylogin serve`, and what makes it doubtful."""

import functools
import math
import re
from collections import Counter
from collections.abc import Iterator
from urllib.parse import unquote

from skylogin.config.settings import DEFAULT_KEYS, SECRET, SETTINGS, URL, Settings

LENGTH_MIN, PASSWORD_LENGTH_MIN = 16, 12
# Entropy of a secret, estimated from its characters: about that of a word of 20 letters.
BITS_MIN = 60
HASHES = ("$2", "$argon2")
_PASSWORD = re.compile(r"://[^/@\s:]*+:([^/\s]+)@")


def problems(settings: Settings) -> Iterator[str]:
    """Yield why `skylogin serve` refuses the keys and secrets of *settings*."""
    if settings.api_key in DEFAULT_KEYS:
        yield "API_KEY is a default key; choose your own"
    for variable, secret in _secrets(settings):
        shortest = PASSWORD_LENGTH_MIN if variable == "SKYLOGIN_ADMIN_PASSWORD" else LENGTH_MIN
        if secret in DEFAULT_KEYS:
            yield f"{variable} is a default key; choose your own"
        elif len(secret) < shortest:
            yield f"{variable} is shorter than {shortest} characters"
        elif secret == settings.api_key and variable != "MASTER_KEY":
            # The message about the master key is the original's.
            yield f"{variable} cannot be the same as API_KEY, which every client has"


def doubts(settings: Settings) -> Iterator[str]:
    """Yield what makes the secrets of *settings* easier to guess or to leak, with advice."""
    holders: dict[str, str] = {}
    for variable, secret in _secrets(settings):
        if secret.startswith(HASHES):
            continue
        if _bits(secret) < BITS_MIN or any(key in secret.lower() for key in DEFAULT_KEYS):
            yield (
                f"{variable} may be guessed: make one with "
                "`python3 -c 'import secrets; print(secrets.token_hex(32))'`"
            )
        first = holders.setdefault(secret, variable)
        if first != variable:
            yield f"{variable} is the same as {first}: use one for each purpose"


@functools.lru_cache(maxsize=8)
def secrets_of(settings: Settings) -> tuple[str, ...]:
    """Return the secrets of *settings*, and the passwords in its URLs."""
    urls = [getattr(settings, row.field) for row in SETTINGS if row.kind == URL]
    passwords = [unquote(found[1]) for url in urls if (found := _PASSWORD.search(url))]
    return (*(secret for _, secret in _secrets(settings)), *passwords)


def _secrets(settings: Settings) -> Iterator[tuple[str, str]]:
    for row in SETTINGS:
        secret = getattr(settings, row.field)
        if row.kind == SECRET and secret:
            yield row.variable, secret


def _bits(secret: str) -> float:
    counts = Counter(secret).values()
    return sum(number * math.log2(len(secret) / number) for number in counts)
