"""Hashes of passwords, as the original writes them: bcrypt with cost 10, of 72 bytes at most.

A hash takes tens of milliseconds, so it is made in a thread.
"""

import asyncio
import hashlib
import hmac

COST = 10
# The original's hashes begin so, and what follows is the same for bcrypt's later names.
PREFIX = b"2a"
BYTES_MAX = 72
ARGON2, BCRYPT = "$argon2", ("$2a$", "$2b$", "$2y$")


async def make_hash(password: str) -> str:
    """Return a hash of *password*."""
    return await asyncio.to_thread(_make_hash, password)


async def matches(password: str, hashed: str | None) -> bool:
    """Return whether *hashed* was made of *password*; without a hash nothing matches."""
    if not hashed:
        return False
    return await asyncio.to_thread(_matches, password, hashed)


async def is_operators(password: str, wanted: str) -> bool:
    """Return whether *password* is the operator's: *wanted* is it, or its bcrypt or Argon2 hash."""
    if wanted.startswith(ARGON2):
        return await asyncio.to_thread(_matches_argon2, password, wanted)
    if wanted.startswith(BCRYPT):
        return await matches(password, wanted)
    digests = [
        hashlib.sha256(text.encode(errors="replace")).digest() for text in (password, wanted)
    ]
    return bool(wanted) and hmac.compare_digest(*digests)


def _matches_argon2(password: str, hashed: str) -> bool:
    # So is Argon2.
    from argon2 import PasswordHasher  # noqa: PLC0415
    from argon2.exceptions import InvalidHashError, VerificationError  # noqa: PLC0415

    try:
        return PasswordHasher().verify(hashed, password)
    except (VerificationError, InvalidHashError):
        return False


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
    return password.encode(errors="replace")[:BYTES_MAX]
