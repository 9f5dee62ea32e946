"""The rules for new passwords: the settings `USER_AUDIT_PW_*`. Pure.

The rules, their order and their messages are the original's.
"""

import re
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import NamedTuple

from skylogin.errors import PASSWORD_POLICY_VIOLATED, Reason, SkygearError

# zxcvbn takes seconds for some passwords of 72 characters, and its thread cannot be stopped.
# This many are enough for its highest level.
GUESSED_CHARACTERS_MAX = 32
UserData = Mapping[str, object]


class PasswordPolicy(NamedTuple):
    """The rules in force; an empty value switches a rule off. Lengths are in bytes of UTF-8."""

    length_min: int = 0
    uppercase_required: bool = False
    lowercase_required: bool = False
    digit_required: bool = False
    symbol_required: bool = False
    guessable_level_min: int = 0
    excluded_keywords: tuple[str, ...] = ()
    excluded_fields: tuple[str, ...] = ()
    history_size: int = 0
    history_days: int = 0
    expiry_days: int = 0

    @property
    def keeps_history(self) -> bool:
        """Return whether earlier passwords are stored."""
        return self.history_size > 0 or self.history_days > 0

    def remembered_since(self, now: datetime) -> datetime | None:
        """Return the time since which all passwords are kept, None if only the latest few are."""
        if self.history_days <= 0:
            return None
        start_of_day = now.astimezone(UTC).replace(hour=0, minute=0, second=0, microsecond=0)
        return start_of_day - timedelta(days=self.history_days)


def check(password: str, policy: PasswordPolicy, user_data: UserData) -> None:
    """Raise SkygearError (PasswordPolicyViolated) for the first rule that *password* breaks.

    *user_data* is the profile of the user. Earlier passwords are checked elsewhere.
    """
    length = len(password.encode())
    if length < policy.length_min:
        info = {"min_length": policy.length_min, "pw_length": length}
        raise _violated("PasswordTooShort", "password too short", info)
    for kind, is_required, characters in (
        ("Uppercase", policy.uppercase_required, "[A-Z]"),
        ("Lowercase", policy.lowercase_required, "[a-z]"),
        ("Digit", policy.digit_required, "[0-9]"),
        ("Symbol", policy.symbol_required, "[^A-Za-z0-9]"),
    ):
        if is_required and not re.search(characters, password):
            raise _violated(f"Password{kind}Required", f"password {kind.lower()} required")
    texts = {name: value for name, value in user_data.items() if isinstance(value, str)}
    fields = [texts[name] for name in policy.excluded_fields if name in texts]
    for word in (*policy.excluded_keywords, *fields):
        if re.search(re.escape(word), password, re.IGNORECASE):
            raise _violated(
                "PasswordContainingExcludedKeywords", "password containing excluded keywords"
            )
    _check_guessable(password, policy.guessable_level_min, list(texts.values()))


def _check_guessable(password: str, level_min: int, hints: list[str]) -> None:
    if level_min <= 0:
        return
    # Importing it reads long lists of words.
    import zxcvbn  # noqa: PLC0415

    guessed = zxcvbn.zxcvbn(
        password[:GUESSED_CHARACTERS_MAX], hints, max_length=GUESSED_CHARACTERS_MAX
    )
    level = guessed["score"] + 1
    if level < level_min:
        info = {"min_level": level_min, "pw_level": level}
        raise _violated("PasswordBelowGuessableLevel", "password below guessable level", info)


def reused(policy: PasswordPolicy) -> SkygearError:
    """Return the refusal of an earlier password."""
    info = {"history_size": policy.history_size, "history_days": policy.history_days}
    return _violated("PasswordReused", "password reused", info)


def check_not_expired(
    policy: PasswordPolicy, has_password: bool, set_at: datetime | None, now: datetime
) -> None:
    """Raise SkygearError (401) if a password that was set at *set_at* is too old at *now*."""
    if policy.expiry_days <= 0 or not has_password or set_at is None:
        return
    if set_at + timedelta(days=policy.expiry_days) < now:
        raise _violated("PasswordExpired", "password expired", status=401)


def _violated(
    reason: str,
    message: str,
    info: Mapping[str, object] | None = None,
    status: int | None = None,
) -> SkygearError:
    return SkygearError(
        PASSWORD_POLICY_VIOLATED,
        message,
        info={"reason": reason, **(info or {})},
        status=status,
        reason=Reason.PASSWORD_REFUSED,
    )
