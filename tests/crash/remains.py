"""Reading what a killed server has left, past the server, and saying what is wrong with it."""

import json
import sqlite3
from collections import Counter
from collections.abc import Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass
from typing import Any

import asyncpg

from tests.crash.concurrent_logins import Crowd, Person, profile_of

TABLES = ("principals", "users", "records", "auth_keys", "record_fields")
JOURNAL = "SELECT subject, count(*) AS number FROM journal WHERE accepted GROUP BY subject"
SQLITE = "sqlite:///"
Rows = Sequence[Mapping[str, Any]]


@dataclass(frozen=True, slots=True)
class Remains:
    """The rows of the tables; *journal* is the number of accepted logins by subject."""

    principals: dict[str, str]
    users: dict[str, Any]
    records: dict[str, dict[str, Any]]
    updated: dict[str, Any]
    keys: dict[tuple[str, str], str]
    fields: frozenset[str]
    journal: Counter[str]
    integrity: str


async def read_remains(url: str) -> Remains:
    """Return what is in the database at *url*."""
    queries = [*(f"SELECT * FROM {table}" for table in TABLES), JOURNAL]
    if url.startswith(SQLITE):
        tables, integrity = _read_sqlite(url.removeprefix(SQLITE), queries)
    else:
        connection = await asyncpg.connect(url)
        try:
            tables, integrity = [await connection.fetch(query) for query in queries], "ok"
        finally:
            await connection.close()
    principals, users, records, keys, fields, journal = tables
    return Remains(
        principals={row["principal"]: row["user_id"] for row in principals},
        users={row["id"]: row["last_seen_at"] for row in users},
        records={row["id"]: json.loads(row["data"]) for row in records},
        updated={row["id"]: row["updated_at"] for row in records},
        keys={(row["key"], row["folded"]): row["user_id"] for row in keys},
        fields=frozenset(row["field"] for row in fields),
        journal=Counter({row["subject"]: row["number"] for row in journal}),
        integrity=integrity,
    )


def _read_sqlite(path: str, queries: list[str]) -> tuple[list[Rows], str]:
    # Only to be read: what has to be recovered, the server has to recover.
    with closing(sqlite3.connect(f"file:{path}?mode=ro", uri=True)) as connection:
        connection.row_factory = sqlite3.Row
        tables = [connection.execute(query).fetchall() for query in queries]
        [integrity] = connection.execute("PRAGMA integrity_check").fetchone()
        return tables, integrity


def faults_in(remains: Remains, crowd: Crowd) -> list[str]:
    """Return what is lost, half there, or contradicts itself, as sentences."""
    faults = [] if remains.integrity == "ok" else [remains.integrity]
    faults += _halves(remains)
    for person in [*crowd.people(), *crowd.shared]:
        faults += _lost(person, remains)
    for person in crowd.people():
        faults += _torn(person, remains)
    return faults


def _halves(remains: Remains) -> list[str]:
    """Return the users of whom only a part is there."""
    ids = set(remains.principals.values())
    faults = []
    if not ids == set(remains.users) == set(remains.records):
        faults.append(
            f"{len(ids)} principals, {len(remains.users)} users, {len(remains.records)} records"
        )
    if len(ids) != len(remains.principals):
        faults.append("two principals have the same user")
    wanted = {
        (name, data[name].lower()): user_id
        for user_id, data in remains.records.items()
        for name in ("username", "email")
        if name in data
    }
    if remains.keys != wanted:
        faults.append(f"keys differ from records: {sorted(remains.keys.items() ^ wanted.items())}")
    unknown = {name for data in remains.records.values() for name in data} - remains.fields
    if unknown:
        faults.append(f"records have fields that do not exist: {sorted(unknown)}")
    moments = {user_id for user_id in ids if remains.users[user_id] != remains.updated[user_id]}
    if moments:
        faults.append(f"seen at another time than updated: {sorted(moments)}")
    return faults


def _lost(person: Person, remains: Remains) -> list[str]:
    """Return what was acknowledged to *person* and is not there."""
    if not person.answers:
        return []
    faults = []
    if remains.principals.get(person.subject) != person.user_id:
        faults.append(f"{person} is {remains.principals.get(person.subject)}")
    if remains.journal[person.subject] < person.answers:
        faults.append(f"{person} is {remains.journal[person.subject]} times in the journal")
    return faults


def _torn(person: Person, remains: Remains) -> list[str]:
    """Return how the record of *person* differs from what one login wrote, or from the last."""
    user_id = remains.principals.get(person.subject)
    if user_id is None:
        return []
    data = remains.records[user_id]
    number = data.get("number", 0)
    if not max(person.acknowledged, 1) <= number <= person.sent:
        return [f"{person} has the profile of login {number}"]
    wanted = {name: value for name, value in profile_of(person.subject, number).items() if value}
    wanted["since"] = wanted["since"]["$date"].replace("Z", ".000000Z")
    found = {name: data.get(name) for name in wanted}
    cleared = {"email"} - set(wanted)
    if found != wanted or cleared & set(data):
        return [f"{person} has {data}, which no login wrote"]
    return []
