"""What a killed server left in its database, read without the server, and what is wrong in it."""

import json
import sqlite3
from collections import Counter
from collections.abc import Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass
from typing import Any

import asyncpg

from tests.crash.concurrent_logins import Load, Subject, profile_of

TABLES = ("principals", "users", "records", "auth_keys", "record_fields")
ACCEPTED_LOGINS = "SELECT subject, count(*) AS number FROM journal WHERE accepted GROUP BY subject"
SQLITE = "sqlite:///"
Rows = Sequence[Mapping[str, Any]]


@dataclass(frozen=True, slots=True)
class Remains:
    """The rows of the tables; *logins* counts the accepted logins of each subject."""

    principals: dict[str, str]
    users: dict[str, Any]
    records: dict[str, dict[str, Any]]
    updated: dict[str, Any]
    keys: dict[tuple[str, str], str]
    fields: frozenset[str]
    logins: Counter[str]
    integrity: str


async def read_remains(url: str) -> Remains:
    """Read the database at *url*."""
    queries = [*(f"SELECT * FROM {table}" for table in TABLES), ACCEPTED_LOGINS]
    if url.startswith(SQLITE):
        tables, integrity = _read_sqlite(url.removeprefix(SQLITE), queries)
    else:
        connection = await asyncpg.connect(url)
        try:
            tables, integrity = [await connection.fetch(query) for query in queries], "ok"
        finally:
            await connection.close()
    principals, users, records, keys, fields, logins = tables
    return Remains(
        principals={row["principal"]: row["user_id"] for row in principals},
        users={row["id"]: row["last_seen_at"] for row in users},
        records={row["id"]: json.loads(row["data"]) for row in records},
        updated={row["id"]: row["updated_at"] for row in records},
        keys={(row["key"], row["folded"]): row["user_id"] for row in keys},
        fields=frozenset(row["field"] for row in fields),
        logins=Counter({row["subject"]: row["number"] for row in logins}),
        integrity=integrity,
    )


def _read_sqlite(path: str, queries: list[str]) -> tuple[list[Rows], str]:
    # Read only, so that recovery is left to the server.
    with closing(sqlite3.connect(f"file:{path}?mode=ro", uri=True)) as connection:
        connection.row_factory = sqlite3.Row
        tables = [connection.execute(query).fetchall() for query in queries]
        [integrity] = connection.execute("PRAGMA integrity_check").fetchone()
        return tables, integrity


def problems_in(remains: Remains, load: Load) -> list[str]:
    """Return what is lost, incomplete or inconsistent, in sentences."""
    problems = [] if remains.integrity == "ok" else [remains.integrity]
    problems += _inconsistencies(remains)
    for subject in [*load.own_subjects(), *load.shared]:
        problems += _lost(subject, remains)
    for subject in load.own_subjects():
        problems += _mixed_profile(subject, remains)
    return problems


def _inconsistencies(remains: Remains) -> list[str]:
    """Return how the tables contradict each other."""
    ids = set(remains.principals.values())
    problems = []
    if not ids == set(remains.users) == set(remains.records):
        problems.append(
            f"{len(ids)} principals, {len(remains.users)} users, {len(remains.records)} records"
        )
    if len(ids) != len(remains.principals):
        problems.append("two principals have the same user")
    wanted = {
        (name, data[name].lower()): user_id
        for user_id, data in remains.records.items()
        for name in ("username", "email")
        if name in data
    }
    if remains.keys != wanted:
        differing = sorted(remains.keys.items() ^ wanted.items())
        problems.append(f"keys differ from records: {differing}")
    unknown = {name for data in remains.records.values() for name in data} - remains.fields
    if unknown:
        problems.append(f"records have fields that do not exist: {sorted(unknown)}")
    times = {user_id for user_id in ids if remains.users[user_id] != remains.updated[user_id]}
    if times:
        problems.append(f"seen at another time than updated: {sorted(times)}")
    return problems


def _lost(subject: Subject, remains: Remains) -> list[str]:
    """Return what was acknowledged for *subject* but is not stored."""
    if not subject.answers:
        return []
    problems = []
    if remains.principals.get(subject.name) != subject.user_id:
        problems.append(f"{subject} is {remains.principals.get(subject.name)}")
    if remains.logins[subject.name] < subject.answers:
        problems.append(f"{subject} is {remains.logins[subject.name]} times in the login log")
    return problems


def _mixed_profile(subject: Subject, remains: Remains) -> list[str]:
    """Return how the record of *subject* differs from what one login, or the last one, wrote."""
    user_id = remains.principals.get(subject.name)
    if user_id is None:
        return []
    data = remains.records[user_id]
    number = data.get("number", 0)
    if not max(subject.acknowledged, 1) <= number <= subject.sent:
        return [f"{subject} has the profile of login {number}"]
    wanted = {name: value for name, value in profile_of(subject.name, number).items() if value}
    wanted["since"] = wanted["since"]["$date"].replace("Z", ".000000Z")
    found = {name: data.get(name) for name in wanted}
    cleared = {"email"} - set(wanted)
    if found != wanted or cleared & set(data):
        return [f"{subject} has {data}, which no login wrote"]
    return []
