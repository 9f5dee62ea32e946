"""The limits on calls and clients: a table, and how a setting changes it. Pure."""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import NamedTuple

from skylogin.domain.rate import Rule

OFF = "off"
UNITS = {"s": 1, "m": 60, "h": 3600}
SHOWN_LENGTH_MAX = 40
_RATE = re.compile(r"(\d{1,12})/([smh])", re.ASCII)
_NUMBER = re.compile(r"\d{1,12}", re.ASCII)


class Limit(NamedTuple):
    """A row: what is limited, for whom, and the default of `skylogin serve`.

    A default like `60/m` limits a rate, a plain number how many there are at once. A rate that
    *is_paced* cannot be used up all at once.
    """

    name: str
    default: str
    what: str
    whose: str
    is_paced: bool = True

    @property
    def is_rate(self) -> bool:
        """Return whether it limits a rate."""
        return self.name not in AT_ONCE


REFUSED_LOGINS, REFUSED_PRINCIPALS = "refused_logins", "refused_logins_per_principal"
FAILED_PASSWORDS, SIGN_UPS, NEW_USERS = "failed_passwords", "sign_ups", "new_users"
CALLS, CALLS_PER_KEY, BODY_BYTES = "calls", "calls_per_key", "body_bytes"
PORTAL_SIGN_INS = "portal_sign_ins"
WEBSOCKETS, SUBSCRIPTIONS = "websockets", "subscriptions"
STREAMS, PASSWORD_HASHES, CALLS_WAITING = "streams", "password_hashes", "calls_waiting"
AT_ONCE = frozenset(
    (PORTAL_SIGN_INS, WEBSOCKETS, SUBSCRIPTIONS, STREAMS, PASSWORD_HASHES, CALLS_WAITING)
)

# ruff: noqa: E501
# fmt: off
LIMITS = (
    Limit(REFUSED_LOGINS, "60/m", "refused logins", "an address"),
    Limit(REFUSED_PRINCIPALS, "60/m", "refused logins", "a principal of an app"),
    Limit(FAILED_PASSWORDS, "10/m", "wrong passwords", "an account and an address", is_paced=False),
    Limit(SIGN_UPS, "30/h", "sign-ups", "an address and an app", is_paced=False),
    Limit(NEW_USERS, OFF, "first logins with a custom token", "an address and an app", is_paced=False),
    Limit(CALLS, OFF, "calls", "an address"),
    Limit(CALLS_PER_KEY, OFF, "calls", "an API key or a master key"),
    Limit(BODY_BYTES, OFF, "bytes in bodies", "an address"),
    Limit(PORTAL_SIGN_INS, "5", "wrong portal passwords and admin tokens before the next has to wait", "an address"),
    Limit(WEBSOCKETS, "300", "open websockets", "an address"),
    Limit(SUBSCRIPTIONS, "20000", "subscriptions to channels", "an address"),
    Limit(STREAMS, "20", "live event streams of the portal and the admin API", "an address"),
    Limit(CALLS_WAITING, "2000", "calls in progress; above 128, only as many as wait for less than half a second", "a server"),
    Limit(PASSWORD_HASHES, "50", "user passwords that wait to be hashed", "a server"),
)
# fmt: on
_BY_NAME = {limit.name: limit for limit in LIMITS}


@dataclass(frozen=True, slots=True)
class Given:
    """A limit as a setting gives it; without a rule it is off. An empty name stands for all."""

    name: str
    rule: Rule | None = None

    def __str__(self) -> str:
        """Return it as it is written in the setting."""
        text = OFF if self.rule is None else _written(self.rule)
        return f"{self.name}={text}" if self.name else text


def read(text: str) -> tuple[Given, ...]:
    """Read `off`, or limits such as `refused_logins=60/m,calls=off`. Raises ValueError."""
    if text.strip() == OFF:
        return (Given(""),)
    items = [item.strip() for item in text.split(",") if item.strip()]
    given = [_read_one(item) for item in items]
    names = [one.name for one in given]
    twice = next((name for name in names if names.count(name) > 1), None)
    if twice:
        raise ValueError(f"gives {twice} twice")
    return tuple(given)


def in_force(given: Iterable[Given], *, has_defaults: bool) -> dict[str, Rule]:
    """Return the rules of the limits that are on, by name."""
    changed = {one.name: one.rule for one in given}
    if "" in changed:
        return {}
    defaults = {limit.name: _read_rule(limit, limit.default) for limit in LIMITS if has_defaults}
    return {name: rule for name, rule in (defaults | changed).items() if rule is not None}


def _read_one(item: str) -> Given:
    name, _, value = (part.strip() for part in item.partition("="))
    limit = _BY_NAME.get(name)
    if limit is None:
        unknown = (name or item)[:SHOWN_LENGTH_MAX]
        raise ValueError(f"has {unknown!r}, but the limits are {', '.join(_BY_NAME)}")
    return Given(name, _read_rule(limit, value))


def _read_rule(limit: Limit, text: str) -> Rule | None:
    if text == OFF:
        return None
    rate = _RATE.fullmatch(text)
    if limit.is_rate and rate and int(rate[1]):
        return Rule(int(rate[1]), UNITS[rate[2]], limit.is_paced)
    if not limit.is_rate and _NUMBER.fullmatch(text) and int(text):
        return Rule(int(text), 0)
    form = "60/m (s, m or h)" if limit.is_rate else "a number such as 100"
    raise ValueError(f"has a value of {limit.name} that is neither {form} nor off")


def _written(rule: Rule) -> str:
    units = {seconds: unit for unit, seconds in UNITS.items()}
    return f"{rule.number}/{units[rule.seconds]}" if rule.seconds else str(rule.number)


def describe(rule: Rule) -> str:
    """Return a rule in words, such as `60 a minute`."""
    words = {1: " a second", 60: " a minute", 3600: " an hour", 0: " at once"}
    return f"{rule.number:,}{words[rule.seconds]}"
