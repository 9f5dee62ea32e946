"""The verdict on a custom token, as the original gave the recorded ones."""

import gzip
import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from skylogin.errors import SkygearError
from skylogin.tokens import custom_token

# Status and error code; the code is None if the token is accepted.
Verdict = tuple[int, int | None]

SECRET = b"ssosecret"
SECRETS = (custom_token.Secret("", SECRET),)
# All times in the recorded tokens are long before or long after this.
NOW = datetime(2026, 1, 1, tzinfo=UTC)


def recorded_verdicts() -> list[Any]:
    """Return the recorded tokens with their verdicts, and with what is unusual about each."""
    path = Path(__file__).parent / "verdicts.jsonl.gz"
    with gzip.open(path, "rt", encoding="utf-8") as lines:
        return [json.loads(line) for line in lines]


def verdict(token: str, contract: str = custom_token.ORIGINAL) -> Verdict:
    """Return the answer to a login with *token*, before the database is asked."""
    try:
        custom_token.verify(token, SECRETS, NOW, custom_token.Rules(contract=contract))
    except SkygearError as refusal:
        return refusal.status, refusal.kind.code
    return 200, None
