"""Ignoring the case of text: in unique keys, in queries and in searches. Pure.

Each code point becomes its simple lower case, whatever its neighbors: `İ` becomes `i`, `Σ`
becomes `σ` and `ς` stays, as in Go and in PostgreSQL's lower. A database's own functions are not
used, because they depend on its locale. Keys are stored, so they are the same on every Python.
"""

import functools
from collections.abc import Mapping

# All letters that have a case come before this code point.
_CASED_END = 0x20000
# Capitals of Unicode 16 and 17, which Python has from 3.14 and 3.15 on. They stay as they are.
NEWER = frozenset(
    map(
        chr,
        [
            *(0x1C89, 0xA7CB, 0xA7CC, 0xA7CE, 0xA7D2, 0xA7D4, 0xA7DA, 0xA7DC),
            *range(0x10D50, 0x10D66),
            *range(0x16EA0, 0x16EB9),
        ],
    )
)


def fold(text: str) -> str:
    """Return *text* in lower case."""
    # Python's lower() knows a final sigma, and makes two characters of `İ`.
    if text.isascii():
        return text.lower()
    return "".join(letter if letter in NEWER else letter.lower()[0] for letter in text)


@functools.cache
def letters() -> Mapping[str, str]:
    """Return all letters that `fold` changes, with their folded forms."""
    folded = {letter: fold(letter) for letter in map(chr, range(_CASED_END))}
    return {letter: lower for letter, lower in folded.items() if lower != letter}
