"""An app's activity: logins of the last hour and day, uses of secrets, totals, warnings."""

from collections import defaultdict
from dataclasses import dataclass, field
from datetime import datetime, timedelta

import skylogin
from skylogin.database import Transaction, tables
from skylogin.errors import Reason
from skylogin.operations import imports, secrets
from skylogin.operations.operator import Operator
from skylogin.relative_time import ago
from skylogin.store import login_attempts as stored_attempts
from skylogin.store import login_counts, user_search

ACCEPTED = frozenset((Reason.CREATED, Reason.UPDATED))
DAYS = 7
MINUTES_OF_DAY = 15
IN_USE = timedelta(days=1)


@dataclass(slots=True)
class Point:
    """Login attempts in the minutes from *at*: accepted, and refused by reason."""

    at: datetime
    accepted: int = 0
    refused: dict[str, int] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Series:
    """Points, oldest first, each covering *minutes_per_point* minutes."""

    minutes_per_point: int
    points: list[Point]


@dataclass(frozen=True, slots=True)
class Overview:
    """An app's recent logins and its totals."""

    hour: Series
    day: Series
    users: int
    attempts: int
    database: str
    schema_version: str
    version: str
    warnings: list[str]


@dataclass(slots=True)
class SecretUses:
    """Logins with tokens that a secret signed: on each of the last 7 days, today last."""

    last_7_days: list[int] = field(default_factory=lambda: [0] * DAYS)
    last_used_at: datetime | None = None


async def overview(operator: Operator, app: str) -> Overview:
    """Return the activity of *app*."""
    now = operator.now()
    this_minute = now.replace(second=0, microsecond=0)
    this_quarter = this_minute - timedelta(minutes=this_minute.minute % MINUTES_OF_DAY)
    warned = await warnings(operator, app)

    async def load(tx: Transaction) -> Overview:
        hour = _series(this_minute, 1, 60)
        day = _series(this_quarter, MINUTES_OF_DAY, 24 * 60 // MINUTES_OF_DAY)
        left_out = 0
        for minute, reason, number in await login_counts.load_attempts(tx, app, day.points[0].at):
            if reason == login_counts.LEFT_OUT:
                left_out += number
                continue
            for series in (hour, day):
                _add(series, minute, reason, number)
        return Overview(
            hour=hour,
            day=day,
            users=await user_search.count(tx, app),
            attempts=await stored_attempts.count(tx, app),
            database=tx.dialect,
            schema_version=tables.VERSION,
            version=skylogin.__version__,
            warnings=warned + ([_left_out(left_out)] if left_out else []),
        )

    return await operator.store.run(load, write=False)


def _left_out(number: int) -> str:
    return (
        f"{number:,} refused logins of the last day are counted, but not in the login log: there "
        "were too many at once, or the database could not be written"
    )


def _series(last: datetime, minutes: int, number: int) -> Series:
    width = timedelta(minutes=minutes)
    return Series(minutes, [Point(last - width * back) for back in reversed(range(number))])


def _add(series: Series, minute: datetime, reason: str, number: int) -> None:
    width = timedelta(minutes=series.minutes_per_point)
    place = (minute - series.points[0].at) // width
    if not 0 <= place < len(series.points):
        return
    point = series.points[place]
    if reason in ACCEPTED:
        point.accepted += number
    else:
        point.refused[reason] = point.refused.get(reason, 0) + number


async def secret_uses(operator: Operator, app: str) -> defaultdict[str, SecretUses]:
    """Return the uses of the secrets of *app*, by id; an unused secret has empty ones."""
    today = operator.now().replace(hour=0, minute=0, second=0, microsecond=0)
    first = today - timedelta(days=DAYS - 1)

    async def load(tx: Transaction) -> defaultdict[str, SecretUses]:
        last = await login_counts.load_last_uses(tx, app)
        found = defaultdict(
            SecretUses, {one: SecretUses(last_used_at=moment) for one, moment in last.items()}
        )
        for secret_id, day, use in await login_counts.load_uses(tx, app, first):
            place = (day - first).days
            if place < DAYS:
                found[secret_id].last_7_days[place] += use.uses
        return found

    # Both reads see one moment: a secret may be used for the first time between them.
    return await operator.store.run(load, write=False, snapshot=True)


async def warnings(operator: Operator, app: str) -> list[str]:
    """Return what needs an operator's attention: settings, and secrets that are about to expire."""
    now = operator.now()
    found = [*operator.settings.warnings, *await imports.warnings(operator, app)]
    accepted = await secrets.list_accepted(operator, app)
    if not accepted:
        found.append(f"custom token logins to {app} fail: no secret is accepted")
    uses = await secret_uses(operator, app)
    for secret in accepted:
        used = uses[secret.id].last_used_at
        if secret.ends_at and used and now - used < IN_USE:
            found.append(
                f"the secret {secret.id} expires {ago(secret.ends_at, now)} and was used "
                f"{ago(used, now)}: give your authentication server the new one"
            )
    return found
