"""Comparing secrets. Pure."""

import hashlib
import hmac


def is_same(given: str, expected: str) -> bool:
    """Return whether two secrets are equal, in a time that tells nothing about *expected*."""
    digests = (
        hashlib.sha256(text.encode(errors="surrogatepass")).digest() for text in (given, expected)
    )
    return hmac.compare_digest(*digests)
