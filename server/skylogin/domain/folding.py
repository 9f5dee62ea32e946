"""Ignoring the case of text: in unique keys, in queries and in searches. Pure.

Each code point becomes its simple lower case, whatever stands beside it: `İ` becomes `i`, `Σ`
becomes `σ` and `ς` stays, as in Go and in PostgreSQL's lower. A database's own functions are not
used, because they depend on its locale.
"""

import functools

# All letters that have a case are below.
_CASED_END = 0x20000


def fold(text: str) -> str:
    """Return *text* in lower case."""
    # Python's lower() knows a final sigma, and makes two characters of `İ`.
    return text.lower() if text.isascii() else "".join(letter.lower()[0] for letter in text)


@functools.cache
def letters() -> tuple[str, str]:
    """Return all letters that `fold` changes, and what it makes of them."""
    changed = [letter for letter in map(chr, range(_CASED_END)) if fold(letter) != letter]
    return "".join(changed), fold("".join(changed))
