"""New ids: UUIDs of the kernel's random bytes, which are read for many ids at a time."""

import os
from datetime import datetime

BYTES_AT_ONCE = 4096
UUID_BYTES = 16


class IdMaker:
    """Makes UUIDs. Not shared between threads."""

    def __init__(self) -> None:
        self._bytes = b""
        self._used = 0
        self._last_prefix = ""
        self._count = 0

    def _random(self) -> bytes:
        if self._used + UUID_BYTES > len(self._bytes):
            self._bytes = os.urandom(BYTES_AT_ONCE)
            self._used = 0
        start = self._used
        self._used += UUID_BYTES
        return self._bytes[start : self._used]

    def random_id(self) -> str:
        """Return a UUIDv4: 122 random bits."""
        text = self._random().hex()
        return f"{text[:8]}-{text[8:12]}-4{text[13:16]}-{_variant(text)}-{text[20:]}"

    def timed_id(self, now: datetime) -> str:
        """Return a UUIDv7. Ids sort by *now*, and within a millisecond by order of creation."""
        text, prefix = self._random().hex(), timed_prefix(now)
        # Starts in the lower half, to leave room for counting.
        start = int(text[13:16], 16) >> 1
        self._count = self._count + 1 if prefix == self._last_prefix else start
        self._last_prefix = prefix
        return f"{prefix}-7{self._count & 0xFFF:03x}-{_variant(text)}-{text[20:]}"


def timed_prefix(now: datetime) -> str:
    """Return the beginning of a UUIDv7 of *now*; it sorts before all ids made from then on."""
    time = f"{int(now.timestamp() * 1000) & 0xFFFF_FFFF_FFFF:012x}"
    return f"{time[:8]}-{time[8:]}"


def _variant(text: str) -> str:
    """Return the fourth group of a UUID: its first two bits are 1 and 0."""
    return f"{_VARIANTS[text[16]]}{text[17:20]}"


_VARIANTS = {digit: "89ab"[int(digit, 16) & 3] for digit in "0123456789abcdef"}
