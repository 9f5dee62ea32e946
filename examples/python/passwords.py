"""Password hashes: "scrypt", its cost, a salt and the hash.

To make one for users.json: python passwords.py 'the password'
"""

import base64
import hashlib
import hmac
import secrets
import sys

COST = 16384


def hash_password(password: str) -> str:
    """Return the hash of *password*."""
    salt = secrets.token_bytes(16)
    hashed = _scrypt(password, salt, COST)
    return f"scrypt${COST}${_text(salt)}${_text(hashed)}"


def is_password(password: str, stored: str) -> bool:
    """Return whether *stored* is the hash of *password*."""
    _, cost, salt, hashed = stored.split("$")
    actual = _scrypt(password, base64.b64decode(salt), int(cost))
    return hmac.compare_digest(actual, base64.b64decode(hashed))


def _scrypt(password: str, salt: bytes, cost: int) -> bytes:
    # JSON may contain lone surrogates.
    data = password.encode(errors="surrogatepass")
    return hashlib.scrypt(data, salt=salt, n=cost, r=8, p=1, dklen=32)


def _text(value: bytes) -> str:
    return base64.b64encode(value).decode()


if __name__ == "__main__":
    print(hash_password(sys.argv[1]))
