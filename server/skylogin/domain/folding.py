"""Ignoring the case of text: in unique keys, in queries and in searches. Pure.

Each code point becomes its simple lower case, whatever stands beside it: `İ` becomes `i`, `Σ`
becomes `σ` and `ς` stays, as in Go and in PostgreSQL's lower. A database's own functions are not
used, because they depend on its locale.
"""

import functools
from collections.abc import Mapping

# All letters that have a case are below.
_CASED_END = 0x20000


def fold(text: str) -> str:
    """Return *text* in lower case."""
    # Python's lower() knows a final sigma, and makes two characters of `İ`.
    return text.lower() if text.isascii() else "".join(letter.lower()[0] for letter in text)


@functools.cache
def letters() -> Mapping[str, str]:
    """Return all letters that `fold` changes, with what it makes of them."""
    folded = {letter: fold(letter) for letter in map(chr, range(_CASED_END))}
    return {letter: lower for letter, lower in folded.items() if lower != letter}
