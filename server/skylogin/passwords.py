"""Hashing passwords as the original does: bcrypt with cost 10, of the first 72 bytes.

A hash takes tens of milliseconds, so a thread computes it. Only two threads do, so that a flood
of passwords leaves processors to other calls.
"""

import asyncio
import hashlib
import hmac
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any, TypeVar

T = TypeVar("T")

COST = 10
# The prefix of the original's hashes; bcrypt's later prefixes mean the same algorithm.
PREFIX = b"2a"
BYTES_MAX = 72
THREADS = ThreadPoolExecutor(2, "skylogin-passwords")
ARGON2, BCRYPT = "$argon2", ("$2a$", "$2b$", "$2y$")


async def make_hash(password: str) -> str:
    """Return a hash of *password*."""
    return await _in_thread(_make_hash, password)


async def matches(password: str, hashed: str | None) -> bool:
    """Return whether *hashed* is a hash of *password*. No password matches None."""
    if not hashed:
        return False
    return await _in_thread(_matches, password, hashed)


async def is_operators(password: str, wanted: str) -> bool:
    """Return whether *password* is *wanted*, which may be a bcrypt or Argon2 hash."""
    if wanted.startswith(ARGON2):
        return await _in_thread(_matches_argon2, password, wanted)
    if wanted.startswith(BCRYPT):
        return await matches(password, wanted)
    digests = [
        hashlib.sha256(text.encode(errors="replace")).digest() for text in (password, wanted)
    ]
    return bool(wanted) and hmac.compare_digest(*digests)


async def _in_thread(work: Callable[..., T], *arguments: Any) -> T:
    return await asyncio.get_running_loop().run_in_executor(THREADS, work, *arguments)


def _matches_argon2(password: str, hashed: str) -> bool:
    # Argon2 and bcrypt are on the start-up list.
    from argon2 import PasswordHasher  # noqa: PLC0415
    from argon2.exceptions import InvalidHashError, VerificationError  # noqa: PLC0415

    try:
        return PasswordHasher().verify(hashed, password)
    except (VerificationError, InvalidHashError):
        return False


def _make_hash(password: str) -> str:
    import bcrypt  # noqa: PLC0415

    return bcrypt.hashpw(_cut(password), bcrypt.gensalt(COST, prefix=PREFIX)).decode("ascii")


def _matches(password: str, hashed: str) -> bool:
    import bcrypt  # noqa: PLC0415

    try:
        return bcrypt.checkpw(_cut(password), hashed.encode())
    except ValueError:
        # The stored text is not a hash.
        return False


def _cut(password: str) -> bytes:
    return password.encode(errors="replace")[:BYTES_MAX]
