"""Hashes of passwords, as the original writes them: bcrypt with cost 10, of 72 bytes at most.

A hash takes tens of milliseconds, so it is made in a thread.
"""

import asyncio

COST = 10
# The original's hashes begin so, and what follows is the same for bcrypt's later names.
PREFIX = b"2a"
BYTES_MAX = 72


async def make_hash(password: str) -> str:
    """Return a hash of *password*."""
    return await asyncio.to_thread(_make_hash, password)


async def matches(password: str, hashed: str | None) -> bool:
    """Return whether *hashed* was made of *password*; without a hash nothing matches."""
    if not hashed:
        return False
    return await asyncio.to_thread(_matches, password, hashed)


def _make_hash(password: str) -> str:
    # bcrypt is on the start-up list.
    import bcrypt  # noqa: PLC0415

    return bcrypt.hashpw(_cut(password), bcrypt.gensalt(COST, prefix=PREFIX)).decode("ascii")


def _matches(password: str, hashed: str) -> bool:
    import bcrypt  # noqa: PLC0415

    try:
        return bcrypt.checkpw(_cut(password), hashed.encode())
    except ValueError:
        # What is stored is no hash.
        return False


def _cut(password: str) -> bytes:
    return password.encode()[:BYTES_MAX]
