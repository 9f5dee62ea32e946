"""The rules for passwords, each of them and in their order."""

from datetime import UTC, datetime, timedelta
from http import HTTPStatus
from typing import Any

import pytest
from skylogin.domain import password_policy
from skylogin.domain.password_policy import PasswordPolicy
from skylogin.errors import SkygearError

from tests.factories import NOW

EVERYTHING = PasswordPolicy(
    length_min=8,
    uppercase_required=True,
    lowercase_required=True,
    digit_required=True,
    symbol_required=True,
    guessable_level_min=3,
    excluded_keywords=("skygear", "a+b"),
    excluded_fields=("username", "age"),
)
USER = {"username": "alice", "age": 7, "city": "Tr1cky-Horse-Battery"}


@pytest.mark.parametrize(
    ("password", "reason", "more"),
    [
        ("é" * 3, "PasswordTooShort", {"min_length": 8, "pw_length": 6}),
        ("é" * 4, "PasswordUppercaseRequired", {}),
        ("ÉÉÉÉ1x-", "PasswordUppercaseRequired", {}),
        ("ABCDEFGH", "PasswordLowercaseRequired", {}),
        ("ABCDefgh", "PasswordDigitRequired", {}),
        ("ABCDef٣-", "PasswordDigitRequired", {}),
        ("ABCDefg1", "PasswordSymbolRequired", {}),
        ("Tr1cky-SKYGEAR", "PasswordContainingExcludedKeywords", {}),
        ("Tr1cky-A+B-more", "PasswordContainingExcludedKeywords", {}),
        ("Tr1cky-ALICE-more", "PasswordContainingExcludedKeywords", {}),
        ("P@ssw0rd", "PasswordBelowGuessableLevel", {"min_level": 3, "pw_level": 1}),
        ("Tr1cky-Horse-Battery", "PasswordBelowGuessableLevel", {"min_level": 3, "pw_level": 2}),
    ],
)
def test_the_first_broken_rule_is_reported(
    password: str, reason: str, more: dict[str, Any]
) -> None:
    """With what it requires, and never with the password."""
    with pytest.raises(SkygearError) as refusal:
        password_policy.check(password, EVERYTHING, USER)

    assert refusal.value.info == {"reason": reason, **more}
    assert refusal.value.status == HTTPStatus.INTERNAL_SERVER_ERROR
    assert password not in refusal.value.message + refusal.value.explanation


@pytest.mark.parametrize("password", ["Tr1cky-Dog-Batt3ry!", "Tr1cky-aab-Horse-Dog-ABBA-é"])
def test_a_good_password_passes(password: str) -> None:
    """An excluded keyword is a word, not a pattern."""
    password_policy.check(password, EVERYTHING, USER)


@pytest.mark.parametrize("password", ["x", "", "\0", "p" * 100_000])
def test_without_rules_every_password_passes(password: str) -> None:
    """However short or long."""
    password_policy.check(password, PasswordPolicy(), USER)


def test_only_the_start_of_a_long_password_is_rated() -> None:
    """So a longer one takes no more time."""
    long = "Tr1cky-Horse-Battery-" * 5000
    password_policy.check(long, PasswordPolicy(guessable_level_min=5), {})


@pytest.mark.parametrize(
    ("policy", "since"),
    [
        (PasswordPolicy(), None),
        (PasswordPolicy(history_size=3), None),
        (PasswordPolicy(history_days=1), datetime(2026, 1, 1, tzinfo=UTC)),
        (PasswordPolicy(history_days=2, history_size=3), datetime(2025, 12, 31, tzinfo=UTC)),
    ],
)
def test_days_of_history_begin_at_midnight(policy: PasswordPolicy, since: datetime | None) -> None:
    """In UTC."""
    assert policy.remembered_since(NOW) == since


@pytest.mark.parametrize(
    ("days", "has_password", "age", "expired"),
    [
        (30, True, timedelta(days=30), False),
        (30, True, timedelta(days=30, seconds=1), True),
        (30, False, timedelta(days=99), False),
        (0, True, timedelta(days=99), False),
    ],
)
def test_a_password_expires_after_some_days(
    days: int, has_password: bool, age: timedelta, expired: bool
) -> None:
    """A user without a password never has to change it."""
    policy = PasswordPolicy(expiry_days=days)

    def check() -> None:
        password_policy.check_not_expired(policy, has_password, NOW - age, NOW)

    if not expired:
        check()
        return
    with pytest.raises(SkygearError, match="password expired") as refusal:
        check()
    assert refusal.value.status == HTTPStatus.UNAUTHORIZED
    assert refusal.value.info == {"reason": "PasswordExpired"}
