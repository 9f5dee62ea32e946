"""The clock of an app: all times in answers come from it."""

import re
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.applications import Client
from tests.factories import decoded
from tests.sites import LOG_IN, Answer, SiteApp

QUARTER = 15 * 60
START = datetime(2031, 5, 6, 7, 8, 9, 123456, tzinfo=UTC)
TIME = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d+)?Z")
SECONDS = re.compile(r'"(?:iat|exp)":\s*(\d+)')
TOKEN = re.compile(r"[\w-]+\.([\w-]+)\.[\w-]+")
distances = st.integers(-20 * 365 * 86400, 900 * 365 * 86400)


def times_of(answer: Answer) -> list[datetime]:
    """Return all times in an answer, including its date and those inside tokens."""
    text = TOKEN.sub(lambda token: claims_of(token[1]) or token[0], answer.text)
    found = [datetime.fromisoformat(one) for one in TIME.findall(text)]
    found += [datetime.fromtimestamp(int(one), UTC) for one in SECONDS.findall(text)]
    # Users with equal times are listed in any order.
    return [*sorted(found), parsedate_to_datetime(answer.headers["Date"])]


def claims_of(segment: str) -> str:
    """Return the claims of a token, empty if *segment* has none."""
    try:
        return decoded(segment).decode()
    except ValueError:
        return ""


async def use_app(client: Client, start: datetime, *, with_counts: bool) -> list[list[datetime]]:
    """Use a new app in every way from *start* on, and return the times in each answer.

    *with_counts* includes answers with counts by the quarter of an hour.
    """
    app = SiteApp(client)
    await app.admin("PUT", "clock", now=start.isoformat().replace("+00:00", "Z"), frozen=True)
    token = await app.mint("alice", skyprofile={"username": "alice"})
    user_id = (await app.call(LOG_IN, token=token)).json()["result"]["user_id"]
    await app.admin("POST", "clock/advance", seconds=90)
    access_token = (await app.call(LOG_IN, token=token)).json()["result"]["access_token"]
    await app.call("me", access_token=access_token)
    expired = await app.mint("late", expires_in=-5)
    await app.call(LOG_IN, token=expired)
    await app.admin("POST", "tokens/explain", token=expired)
    await app.call("auth/signup", auth_data={"username": "bert"}, password="a password")
    await app.call("auth/login", auth_data={"username": "bert"}, password="a password")
    public = {"database_id": "_public", "access_token": access_token}
    await app.call("record/save", records=[{"_id": "note/1", "text": "x"}], **public)
    await app.call("record/query", record_type="note", **public)
    await app.admin("PATCH", f"users/{user_id}", profile={"motto": "new"})
    await app.admin("POST", f"users/{user_id}/sign-out")
    await app.admin("GET", f"users/{user_id}")
    until = (await app.admin("GET", "clock")).json()["now"]
    await app.admin("POST", f"users/{user_id}/disable", message="no", until=until)
    for path in ("users", "logins", "audit", "overview", "clock", "faults"):
        await app.admin("GET", path)
    [attempt, *_] = (await app.admin("GET", "logins")).json()["attempts"]
    await app.admin("POST", "snapshots", name="one")
    await app.admin("GET", "snapshots")
    for page in ("", "overview", "logins", "users", "audit", "tests", "token", f"users/{user_id}"):
        await app.page(page)
    await app.page(f"logins/{attempt['id']}")
    return [
        times_of(answer)
        for answer in app.answers
        if with_counts or not answer.url.path.endswith("overview")
    ]


@pytest.mark.slow
@settings(max_examples=6, deadline=None, suppress_health_check=list(HealthCheck))
@given(distances | distances.map(lambda seconds: seconds // QUARTER * QUARTER))
async def test_every_time_in_an_answer_moves_with_the_clock(client: Client, seconds: int) -> None:
    """By the same distance; counts only move by whole quarters of an hour."""
    distance, with_counts = timedelta(seconds=seconds), seconds % QUARTER == 0

    first = await use_app(client, START, with_counts=with_counts)
    second = await use_app(client, START + distance, with_counts=with_counts)

    assert second == [[one + distance for one in answer] for answer in first]
    assert all(first)
