"""Seeds by the admin API of a stand-in."""

from collections.abc import Iterator
from http import HTTPStatus
from typing import Any

import pytest
import requests
from skylogin.testing import SkyloginServer

SECONDS_MAX = 20
ALICE = {"sub": "alice", "id": "a", "profile": {"username": "alice"}, "roles": ["editor"]}


@pytest.fixture(scope="module")
def server() -> Iterator[SkyloginServer]:
    """A stand-in."""
    with SkyloginServer() as running:
        yield running


def ask(server: SkyloginServer, method: str, app: str, body: Any = None) -> requests.Response:
    """Ask for the seed of an app, or put one in."""
    return requests.request(
        method,
        f"{server.url}/_admin/v1/apps/{app}/seed",
        json=body,
        headers={"Authorization": "Bearer secret"},
        timeout=SECONDS_MAX,
    )


def test_a_seed_goes_in_and_out(server: SkyloginServer) -> None:
    """The app is made by it, and what comes out goes into another."""
    answer = ask(server, "POST", "first", {"users": [ALICE, {"sub": "bert"}]})
    assert (answer.status_code, answer.json()) == (HTTPStatus.OK, {"users": 2})

    exported = ask(server, "GET", "first").json()
    assert exported["users"][0] == {**ALICE, "disabled": False}
    assert ask(server, "POST", "second", exported).json() == {"users": 2}
    assert ask(server, "GET", "second").json() == exported
    assert server.app("second").login("alice").roles == ("editor",)
    assert server.app("second").login("alice").user_id == "a"
    assert len(server.app("first").logins) == 0


def test_an_empty_seed_changes_nothing(server: SkyloginServer) -> None:
    """It is not an error."""
    assert ask(server, "POST", "empty", {}).json() == {"users": 0}
    assert ask(server, "GET", "empty").json() == {
        "admin_roles": ["Admin"],
        "default_roles": [],
        "users": [],
    }


def test_problems_are_listed_with_their_fields(server: SkyloginServer) -> None:
    """Those of the seed and its conflicts with the app; the app does not change."""
    bad = {"users": [{"sub": 1, "roles": "x"}, {"rols": []}], "nothing": 1}
    answer = ask(server, "POST", "bad", bad)
    assert answer.status_code == HTTPStatus.UNPROCESSABLE_ENTITY
    assert answer.headers["Content-Type"].startswith("application/problem+json")
    problem = answer.json()
    assert problem["detail"] == "the seed has 5 problems"
    assert sorted(fault.partition(":")[0] for fault in problem["errors"]) == [
        "nothing",
        "users[0].roles",
        "users[0].sub",
        "users[1].rols",
        "users[1].sub",
    ]

    twins = {"users": [ALICE, {"sub": "bert", "profile": {"username": "ALICE"}}]}
    answer = ask(server, "POST", "bad", twins)
    assert answer.status_code == HTTPStatus.UNPROCESSABLE_ENTITY
    [fault] = answer.json()["errors"]
    assert fault.startswith("users[1].profile.username: another user has this username")
    assert answer.json()["detail"] == "the seed has 1 problem"
    assert ask(server, "GET", "bad").json()["users"] == []
    for body in ([], "users"):
        assert ask(server, "POST", "bad", body).status_code == HTTPStatus.BAD_REQUEST


def test_what_a_body_says_twice_is_refused(server: SkyloginServer) -> None:
    """One of the two would be lost without a word."""
    answer = requests.post(
        f"{server.url}/_admin/v1/apps/twice/seed",
        data='{"users": [{"sub": "alice", "roles": ["a"], "roles": ["b"]}]}',
        headers={"Authorization": "Bearer secret", "Content-Type": "application/json"},
        timeout=SECONDS_MAX,
    )
    assert answer.status_code == HTTPStatus.BAD_REQUEST
    assert answer.json()["detail"] == "the body repeats 'roles' in one object"


def test_a_seed_goes_by_the_clock_of_the_app(server: SkyloginServer) -> None:
    """Who comes from it was made then."""
    app = server.app("moved")
    app.clock.advance(days=400)
    now = app.clock.now()
    ask(server, "POST", "moved", {"users": [ALICE]})

    created_at = app.users["alice"].created_at
    assert created_at is not None
    assert 0 <= (created_at - now).total_seconds() < SECONDS_MAX
