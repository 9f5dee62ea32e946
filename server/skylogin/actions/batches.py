"""The work of many calls in one transaction, so that a burst of calls needs few of them."""

from collections.abc import Iterator, Sequence
from datetime import datetime
from itertools import groupby
from operator import attrgetter
from typing import NamedTuple, TypeVar

from skylogin.apps.registry import App
from skylogin.database import Transaction
from skylogin.domain import login, login_attempt
from skylogin.domain.login import Login, LoginAttempt
from skylogin.domain.login_attempt import Origin
from skylogin.domain.unique_keys import KeySet
from skylogin.domain.user import User
from skylogin.errors import SkygearError
from skylogin.store import login_attempts as stored_attempts
from skylogin.store import login_batch, users

T = TypeVar("T")


class LoggedAttempt(NamedTuple):
    """A login attempt, and what its log entry needs."""

    app: App
    attempt: LoginAttempt
    entry_id: str
    action: str
    origin: Origin

    @property
    def app_name(self) -> str:
        """Return the name of the app."""
        return self.app.name


class Lookup(NamedTuple):
    """A user to load."""

    app_name: str
    user_id: str


class LastSeen(NamedTuple):
    """The time of a user's call. *enable* clears an expired disabled state."""

    app_name: str
    user_id: str
    at: datetime
    enable: bool


async def log_in_many(
    key_sets: tuple[KeySet, ...], tx: Transaction, items: Sequence[LoggedAttempt]
) -> list[Login | SkygearError]:
    """Log in a batch: for each app load, decide and save."""
    outcomes: dict[str, Login | SkygearError] = {}
    for app, group in _by_app(items):
        attempts = [item.attempt for item in group]
        snapshot = await login_batch.load(tx, app, attempts, key_sets)
        decided, changes = login.decide_all(attempts, snapshot)
        await login_batch.save(tx, app, changes)
        entries = [
            login_attempt.accepted(item.entry_id, item.action, item.origin, item.attempt, outcome)
            for item, outcome in zip(group, decided, strict=True)
            if isinstance(outcome, Login)
        ]
        await group[0].app.login_log.add(tx, entries)
        outcomes |= zip((item.entry_id for item in group), decided, strict=True)
    return [outcomes[item.entry_id] for item in items]


async def were_committed(tx: Transaction, items: Sequence[LoggedAttempt]) -> bool:
    """Return whether a batch of logins was committed: its transaction wrote the log entries."""
    return any([await stored_attempts.has(tx, item.app_name, item.entry_id) for item in items])


async def find_many(tx: Transaction, lookups: Sequence[Lookup]) -> list[User | None]:
    """Load users, with one query for each app."""
    found: dict[Lookup, User] = {}
    for app, group in _by_app(lookups):
        loaded = await users.load(tx, app, {lookup.user_id for lookup in group})
        found |= {Lookup(app, user_id): user for user_id, user in loaded.items()}
    return [found.get(lookup) for lookup in lookups]


async def see_many(tx: Transaction, visits: Sequence[LastSeen]) -> list[None]:
    """Save when users were last seen, and clear expired disabled states."""
    for app, group in _by_app(visits):
        seen = {visit.user_id: visit.at for visit in group}
        await users.see(tx, app, seen)
        ended = [visit.user_id for visit in group if visit.enable]
        if ended:
            await users.clear_ended_disabling(tx, app, ended, min(seen.values()))
    return [None] * len(visits)


def _by_app(items: Sequence[T]) -> Iterator[tuple[str, list[T]]]:
    by_name = attrgetter("app_name")
    for name, group in groupby(sorted(items, key=by_name), key=by_name):
        yield name, list(group)
