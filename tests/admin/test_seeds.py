"""Seeds by the admin API."""

from collections.abc import Callable
from datetime import datetime
from http import HTTPStatus
from pathlib import Path
from typing import Any

import pytest
from skylogin.client.admin_api import BASE

from tests.applications import Client
from tests.sites import Answer, SiteApp

ALICE = {"sub": "alice", "id": "a", "profile": {"username": "alice"}, "roles": ["editor"]}
SECONDS_MAX = 20


async def seeded(app: SiteApp, body: Any) -> Answer:
    """Apply a seed, which may be any JSON value."""
    headers = {"Authorization": "Bearer secret"}
    url = f"{BASE}/apps/{app.name}/seed"
    return await Answer.of(await app.client.post(url, json=body, headers=headers))


async def test_an_exported_seed_makes_the_same_users_in_another_app(client: Client) -> None:
    """A missing app is created; seeding is not a login."""
    first, second = SiteApp(client), SiteApp(client)

    applied = await seeded(first, {"users": [ALICE, {"sub": "bert"}]})
    exported = (await first.admin("GET", "seed")).json()
    again = await seeded(second, exported)

    assert (applied.status, applied.json()) == (HTTPStatus.OK, {"users": 2})
    assert exported["users"][0] == {**ALICE, "disabled": False}
    assert again.json() == {"users": 2}
    assert (await second.admin("GET", "seed")).json() == exported
    alice = (await second.log_in("alice")).json()["result"]
    assert (alice["roles"], alice["user_id"]) == (["editor"], "a")
    assert (await first.admin("GET", "logins")).json()["attempts"] == []


async def test_an_empty_seed_changes_nothing(site_app: SiteApp) -> None:
    """It is not an error."""
    assert (await seeded(site_app, {})).json() == {"users": 0}
    assert (await site_app.admin("GET", "seed")).json() == {
        "admin_roles": ["Admin"],
        "default_roles": [],
        "users": [],
    }


async def test_problems_of_a_seed_are_listed_with_their_fields(site_app: SiteApp) -> None:
    """The answer is a problem, and the app does not change."""
    bad = {"users": [{"sub": 1, "roles": "x"}, {"rols": []}], "nothing": 1}

    answer = await seeded(site_app, bad)

    assert answer.status == HTTPStatus.UNPROCESSABLE_ENTITY
    assert answer.headers["Content-Type"].startswith("application/problem+json")
    assert answer.json()["detail"] == "the seed has 5 problems"
    assert sorted(one.partition(":")[0] for one in answer.json()["errors"]) == [
        "nothing",
        "users[0].roles",
        "users[0].sub",
        "users[1].rols",
        "users[1].sub",
    ]
    assert (await site_app.admin("GET", "seed")).json()["users"] == []


async def test_conflicts_of_a_seed_with_its_app_are_listed_too(site_app: SiteApp) -> None:
    """Nothing of the seed is applied."""
    twins = {"users": [ALICE, {"sub": "bert", "profile": {"username": "ALICE"}}]}

    answer = await seeded(site_app, twins)

    assert answer.status == HTTPStatus.UNPROCESSABLE_ENTITY
    assert answer.json()["detail"] == "the seed has 1 problem"
    [problem] = answer.json()["errors"]
    assert problem.startswith("users[1].profile.username: another user has this username")
    assert answer.json()["places"] == ["users[1].profile.username"]
    assert (await site_app.admin("GET", "seed")).json()["users"] == []


@pytest.mark.parametrize("body", [[], "users"])
async def test_a_body_that_is_not_an_object_is_a_bad_request(site_app: SiteApp, body: Any) -> None:
    """The document says so."""
    assert (await seeded(site_app, body)).status == HTTPStatus.BAD_REQUEST


async def test_a_body_that_repeats_a_name_is_refused(site_app: SiteApp) -> None:
    """One of the two values would be lost."""
    answer = await site_app.client.post(
        f"{BASE}/apps/{site_app.name}/seed",
        data='{"users": [{"sub": "alice", "roles": ["a"], "roles": ["b"]}]}',
        headers={"Authorization": "Bearer secret", "Content-Type": "application/json"},
    )

    assert answer.status == HTTPStatus.BAD_REQUEST
    assert (await answer.json())["detail"] == "the body repeats 'roles' in one object"


async def test_seeded_users_are_created_at_the_time_of_the_apps_clock(site_app: SiteApp) -> None:
    """Not at the server's."""
    moved = await site_app.admin("POST", "clock/advance", seconds=400 * 86400)
    await seeded(site_app, {"users": [ALICE]})

    [user] = (await site_app.admin("GET", "users?subject=alice")).json()["users"]
    age = datetime.fromisoformat(user["created_at"]) - datetime.fromisoformat(moved.json()["now"])
    assert 0 <= age.total_seconds() < SECONDS_MAX


PROJECT = """
settings: {AUTH_RECORD_KEYS: username}
users:
  - {sub: alice, profile: {username: alice}}
stubs:
  - {action: hello:world, result: {greeting: hi}}
"""


@pytest.fixture
def write_project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[str], None]:
    """Write the file of a project in the server's working directory. It has alice and a stub."""
    (tmp_path / ".git").mkdir()
    monkeypatch.chdir(tmp_path)

    def write(text: str) -> None:
        (tmp_path / "skylogin.yaml").write_text(text, encoding="utf-8")

    write(PROJECT)
    return write


async def subs(app: SiteApp) -> list[str]:
    """Return the subs of the app's users."""
    return [user["sub"] for user in (await app.admin("GET", "seed")).json()["users"]]


async def test_a_reset_can_give_an_app_what_the_project_has(
    site_app: SiteApp, write_project: Callable[[str], None]
) -> None:
    """For any app, if the file does not name one; else only for that."""
    await seeded(site_app, {"users": [{"sub": "bob"}]})

    answer = await site_app.admin("POST", "reset", project=True)
    assert answer.status == HTTPStatus.NO_CONTENT
    assert await subs(site_app) == ["alice"]
    [stub] = (await site_app.admin("GET", "stubs")).json()["stubs"]
    assert stub["action"] == "hello:world"

    write_project(f"apps: {{{site_app.name}: {{users: [{{sub: carol}}]}}, x: {{}}}}")
    await site_app.admin("POST", "reset", project=True)
    assert await subs(site_app) == ["carol"]

    write_project("apps: {another: {users: [{sub: dave}]}}")
    await site_app.admin("POST", "reset", project=True)
    assert await subs(site_app) == []


@pytest.mark.usefixtures("write_project")
async def test_a_plain_reset_leaves_an_app_empty(site_app: SiteApp) -> None:
    """Whatever the project has."""
    await site_app.admin("POST", "reset", project=False)

    assert await subs(site_app) == []


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("users: [{sub: 1}]", "skylogin.yaml:1: users[0].sub: "),
        ("users: [", "skylogin.yaml:2: is not YAML"),
        ("settings: {API_KEY: [1]}", "skylogin.yaml:1: settings.API_KEY: "),
    ],
)
async def test_a_project_with_a_problem_deletes_nothing(
    site_app: SiteApp, write_project: Callable[[str], None], text: str, problem: str
) -> None:
    """The answer has the file and the line."""
    await seeded(site_app, {"users": [{"sub": "bob"}]})
    write_project(text)

    answer = await site_app.admin("POST", "reset", project=True)

    assert answer.status == HTTPStatus.UNPROCESSABLE_ENTITY
    assert problem in answer.json()["errors"][0]
    assert await subs(site_app) == ["bob"]


async def test_without_a_project_a_reset_leaves_an_app_empty(
    site_app: SiteApp, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is not an error."""
    monkeypatch.chdir(tmp_path)

    answer = await site_app.admin("POST", "reset", project=True)

    assert answer.status == HTTPStatus.NO_CONTENT
    assert await subs(site_app) == []


@pytest.mark.core
async def test_a_seed_can_be_the_text_of_a_file(site_app: SiteApp) -> None:
    """In YAML or JSON, with what it has for this app."""
    for text in (
        "users:\n  - sub: alice",
        '{"users": [{"sub": "alice"}]}',
        f"apps: {{{site_app.name}: {{users: [{{sub: alice}}]}}, other: {{}}}}",
    ):
        await site_app.admin("POST", "reset")
        assert (await seeded(site_app, {"file": "users", "text": text})).json() == {"users": 1}
        assert await subs(site_app) == ["alice"]


@pytest.mark.parametrize(
    ("body", "problem"),
    [
        ({"file": "u.yaml", "text": "users:\n- sub: [1]"}, "u.yaml:2: users[0].sub: "),
        ({"file": "u.yaml", "text": "apps: {other: {users: []}}"}, "u.yaml: apps: has nothing for"),
        ({"file": "u.yaml", "text": ""}, "u.yaml:1: is empty"),
        ({"file": "u.json", "text": "users: []"}, "u.json:1: is not JSON"),
        ({"file": 1, "text": "users: []"}, "file: is not a known field"),
        ({"text": "users: []"}, "text: is not a known field"),
    ],
)
async def test_problems_of_a_text_have_its_lines(
    site_app: SiteApp, body: dict[str, object], problem: str
) -> None:
    """As a command prints them."""
    answer = await seeded(site_app, body)

    assert answer.status == HTTPStatus.UNPROCESSABLE_ENTITY
    assert problem in answer.json()["errors"][0]
