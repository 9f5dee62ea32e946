"""What tests do over HTTP: the clock in every answer, faults on the socket; none of it in serve."""

import base64
import itertools
import json
import re
import socket
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from http import HTTPStatus
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import jwt
import pytest
import requests
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from skylogin import config
from skylogin.admin import openapi
from skylogin.apps.faults import KINDS, LIMITS
from skylogin.portal.routes import ROUTES
from skylogin.testing import SkyloginServer

from tests.admin.test_who_may import ask, fill, filled, settled
from tests.sites import ADMIN_TOKEN, Site, running_site
from tests.statement_counter import statements_counted

pytestmark = pytest.mark.slow

LOG_IN = "sso/custom_token/login"
MASTER_KEY = "secret"
SECONDS_MAX = 20
QUARTER = 15 * 60
distances = st.integers(-20 * 365 * 86400, 900 * 365 * 86400)
NUMBERS = itertools.count()
START = datetime(2031, 5, 6, 7, 8, 9, 123456, tzinfo=UTC)
TIME = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d+)?Z")
SECONDS = re.compile(r'"(?:iat|exp)":\s*(\d+)')
TOKEN = re.compile(r"[\w-]+\.([\w-]+)\.[\w-]+")


@pytest.fixture(scope="module")
def server() -> Iterator[SkyloginServer]:
    """A stand-in."""
    with SkyloginServer() as running:
        yield running


class World:
    """An app of the stand-in, and every answer that it gave."""

    def __init__(self, server: SkyloginServer, name: str) -> None:
        self.wire = f"{server.url}/apps/{name}/"
        self.admin = f"{server.url}/_admin/v1/apps/{name}/"
        self.portal = f"{server.url}/portal/apps/{name}/"
        self.answers: list[requests.Response] = []

    def control(self, method: str, path: str, **body: Any) -> requests.Response:
        """Ask the admin API."""
        headers = {"Authorization": f"Bearer {MASTER_KEY}"}
        answer = requests.request(
            method, self.admin + path, json=body or None, headers=headers, timeout=SECONDS_MAX
        )
        self.answers.append(answer)
        return answer

    def mint(self, subject: str, **more: Any) -> str:
        """Have a custom token made."""
        answer = self.control("POST", "tokens", sub=subject, **more)
        assert answer.ok, answer.text
        return str(answer.json()["token"])

    def call(self, path: str, **payload: Any) -> requests.Response:
        """Call an action."""
        body = {"api_key": "changeme", **payload}
        answer = requests.post(self.wire + path, json=body, timeout=SECONDS_MAX)
        self.answers.append(answer)
        return answer

    def show(self, page: str) -> None:
        """Ask for a page of the portal."""
        answer = requests.get(self.portal + page, timeout=SECONDS_MAX)
        assert answer.ok, (page, answer.text)
        self.answers.append(answer)


# --- the clock ------------------------------------------------------------------------


def times_of(answer: requests.Response) -> list[datetime]:
    """Return every time that an answer has: also those inside tokens, and its date."""
    text = TOKEN.sub(lambda token: claims_of(token[1]) or token[0], answer.text)
    found = [datetime.fromisoformat(one) for one in TIME.findall(text)]
    found += [datetime.fromtimestamp(int(one), UTC) for one in SECONDS.findall(text)]
    # Users of one moment are listed in any order.
    return [*sorted(found), parsedate_to_datetime(answer.headers["Date"])]


def claims_of(segment: str) -> str:
    """Return the claims of a token; nothing where it is none."""
    try:
        return base64.urlsafe_b64decode(segment + "=" * (-len(segment) % 4)).decode()
    except ValueError:
        return ""


def play(server: SkyloginServer, moment: datetime, *, counted: bool) -> list[list[datetime]]:
    """Use an app from a time on, in all ways; return the times of each answer.

    With those of what is *counted* by the quarter of an hour.
    """
    # An app of its own: that one was reset would be told with the time of that.
    world = World(server, f"clocked-{next(NUMBERS)}")
    world.control("PUT", "clock", now=moment.isoformat().replace("+00:00", "Z"), frozen=True)
    token = world.mint("alice", skyprofile={"username": "alice"})
    user = world.call(LOG_IN, token=token).json()["result"]
    world.control("POST", "clock/advance", seconds=90)
    again = world.call(LOG_IN, token=token).json()["result"]
    keys = {"access_token": again["access_token"]}
    world.call("me", **keys)
    late = world.mint("late", expires_in=-5)
    world.call(LOG_IN, token=late)
    world.control("POST", "tokens/explain", token=late)
    world.call("auth/signup", auth_data={"username": "bert"}, password="a password")
    world.call("auth/login", auth_data={"username": "bert"}, password="a password")
    record = {"_id": "note/1", "text": "x"}
    world.call("record/save", records=[record], database_id="_public", **keys)
    world.call("record/query", record_type="note", database_id="_public", **keys)
    user_path = f"users/{user['user_id']}"
    world.control("PATCH", user_path, profile={"motto": "new"})
    world.control("POST", f"{user_path}/sign-out")
    world.control("GET", user_path)
    ends = world.control("GET", "clock").json()["now"]
    world.control("POST", f"{user_path}/disable", message="no", until=ends)
    for path in ("users", "logins", "audit", "overview", "clock", "faults"):
        world.control("GET", path)
    [attempt, *_] = world.control("GET", "logins").json()["attempts"]
    world.control("POST", "snapshots", name="one")
    world.control("GET", "snapshots")
    for page in ("", "overview", "logins", "users", "audit", "tests", "token", user_path):
        world.show(page)
    world.show(f"logins/{attempt['id']}")
    return [
        times_of(answer)
        for answer in world.answers
        if counted or not answer.url.endswith("overview")
    ]


@settings(max_examples=6, deadline=None, suppress_health_check=list(HealthCheck))
@given(distances | distances.map(lambda seconds: seconds // QUARTER * QUARTER))
def test_every_time_moves_with_the_clock(server: SkyloginServer, seconds: int) -> None:
    """By exactly as much, in every answer; counts by the quarter of an hour move by those."""
    moved = timedelta(seconds=seconds)
    counted = seconds % QUARTER == 0
    first = play(server, START, counted=counted)
    second = play(server, START + moved, counted=counted)
    assert second == [[one + moved for one in answer] for answer in first]
    assert all(first)


# --- faults ----------------------------------------------------------------------------


def raw(url: str, body: bytes) -> bytes:
    """Send a call through a socket of one's own; return everything that comes back."""
    address = urlsplit(url)
    assert address.hostname
    assert address.port
    with socket.create_connection((address.hostname, address.port), SECONDS_MAX) as stream:
        head = f"POST {address.path} HTTP/1.1\r\nHost: {address.netloc}\r\nConnection: close\r\n"
        stream.sendall(f"{head}Content-Length: {len(body)}\r\n\r\n".encode() + body)
        came = b""
        try:
            while chunk := stream.recv(65536):
                came += chunk
        except ConnectionResetError:
            pass
    return came


def seen(came: bytes) -> str:
    """Return what a client makes of what came back."""
    if not came:
        return "nothing"
    head, _, body = came.partition(b"\r\n\r\n")
    length = re.search(rb"(?i)content-length: (\d+)", head)
    assert length
    return f"{head[9:12].decode()} {'whole' if len(body) == int(length[1]) else 'cut'}"


def test_the_same_seed_is_the_same_sequence_on_the_wire(server: SkyloginServer) -> None:
    """Seen by a client that knows nothing but sockets."""
    world, calls, again = World(server, "seeded"), 40, 2
    sequences = []
    for seed in (7, 7, 8):
        world.control("POST", "reset")
        for number, asked in enumerate(
            (
                {"kind": "drop"},
                {"kind": "truncate"},
                {"kind": "status", "status": 503},
                {"kind": "error", "error": "ResourceNotFound"},
            )
        ):
            drawn = {"calls": calls, "probability": 0.3, "seed": seed * 10 + number}
            assert world.control("POST", "faults", **asked, **drawn).ok
        body = json.dumps({"api_key": "changeme", "action": "_status:healthz"}).encode()
        sequences.append([seen(raw(world.wire, body)) for _ in range(calls + again)])

    assert sequences[0] == sequences[1] != sequences[2]
    assert set(sequences[0]) == {"nothing", "200 cut", "503 whole", "404 whole", "200 whole"}
    assert sequences[0][-again:] == ["200 whole"] * again


def test_each_fault_is_seen_explained_and_over(server: SkyloginServer) -> None:
    """By the client, in the journal and in the list."""
    world = World(server, "faulty")
    world.control("POST", "reset")
    token = world.mint("alice")
    body = json.dumps({"api_key": "changeme", "token": token}).encode()
    expected = {
        "latency": ("200 whole", "created"),
        "error": ("409 whole", "fault"),
        "status": ("429 whole", "fault"),
        "drop": ("nothing", "fault"),
        "truncate": ("200 cut", "updated"),
        "database_busy": ("500 whole", "fault"),
    }
    more = {
        "latency": {"seconds": 0.05},
        "error": {"error": "Duplicated"},
        "status": {"status": 429},
    }
    assert set(expected) == set(KINDS)
    for kind, (answer, reason) in expected.items():
        added = world.control(
            "POST", "faults", kind=kind, action="sso:custom_token:login", **more.get(kind, {})
        )
        assert added.status_code == HTTPStatus.CREATED, added.text
        world.call("me")
        assert seen(raw(world.wire + LOG_IN, body)) == answer
        [latest, *_] = world.control("GET", "logins?limit=1").json()["attempts"]
        assert latest["reason"] == reason
        assert world.control("GET", "faults").json() == {"faults": []}
    world.control("POST", "faults", kind="drop", after=True)
    assert seen(raw(world.wire + LOG_IN, body)) == "nothing"
    assert world.control("GET", "logins?limit=1").json()["attempts"][0]["accepted"]


@pytest.mark.parametrize(
    ("asked", "said"),
    {
        "no status": ({"kind": "status"}, "status needs status"),
        "a status of another kind": ({"kind": "drop", "status": 500}, "status is for status"),
        "no such error": ({"kind": "error", "error": "Nope"}, "'Nope' is not one of"),
        "an error without a name": ({"kind": "error", "error": ""}, "'' is not one of"),
        "no such action": (
            {"kind": "drop", "action": "sso:custom_token:logn"},
            "'sso:custom_token:logn' is not an action; did you mean sso:custom_token:login?",
        ),
        "a path": ({"kind": "drop", "action": "/auth/login"}, "did you mean auth:login?"),
    }.values(),
)
def test_a_fault_that_cannot_be_is_refused(server: SkyloginServer, asked: Any, said: str) -> None:
    """With what would help."""
    refused = World(server, "refusing").control("POST", "faults", **asked)
    assert refused.status_code == HTTPStatus.UNPROCESSABLE_ENTITY
    assert said in refused.json()["detail"]


def test_the_limits_of_a_fault_are_those_of_the_document() -> None:
    """So that the form of the portal, which no schema checks, has them as well."""
    [operation] = [one for one in openapi.operations() if one.name == "addFault"]
    assert operation.body
    fields = operation.body.schema["properties"]
    assert {name: (fields[name]["minimum"], fields[name]["maximum"]) for name in LIMITS} == LIMITS


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("status", "42"),
        ("status", "99999"),
        ("seconds", "nan"),
        ("seconds", "-1"),
        ("seconds", "1e400"),
        ("calls", "0"),
        ("calls", "-5"),
        ("probability", "nan"),
        ("probability", "7"),
        ("seed", "-1"),
    ],
)
def test_the_form_of_the_portal_asks_for_no_other_faults(
    server: SkyloginServer, field: str, value: str
) -> None:
    """Than the admin API lets through: a status of 42 is none that a client could read."""
    world, client = World(server, "form"), requests.Session()
    world.control("POST", "reset")
    page = client.get(f"{world.portal}tests", timeout=SECONDS_MAX).text
    [form_token] = set(re.findall(r'name="form_token" value="(\w+)"', page))
    kind = {"seconds": "latency"}.get(field, "status")
    fields = {"form_token": form_token, "kind": kind, "status": "503", field: value}
    answer = client.post(f"{world.portal}tests/faults", fields, timeout=SECONDS_MAX)

    assert f"{field} has to be" in answer.text
    assert world.control("GET", "faults").json() == {"faults": []}


@pytest.mark.parametrize(
    ("asked", "answer"),
    [
        ({"kind": "status", "status": 503}, "503 whole"),
        ({"kind": "error", "error": "PermissionDenied"}, "403 whole"),
    ],
)
def test_a_call_of_no_action_is_struck_too(
    server: SkyloginServer, asked: dict[str, Any], answer: str
) -> None:
    """Where every action is covered, also those that this server does not know."""
    world = World(server, "unknown")
    assert world.control("POST", "faults", **asked).ok
    assert seen(raw(world.wire, b'{"action": "hello:world"}')) == answer
    assert seen(raw(world.wire, b'{"action": "hello:world"}')) == "404 whole"


def test_a_token_is_signed_with_the_secret_that_was_just_made(server: SkyloginServer) -> None:
    """Whatever the server remembers."""
    name = f"rotating{next(NUMBERS)}"
    made = requests.post(
        f"{server.url}/_admin/v1/apps",
        json={"name": name},
        headers={"Authorization": f"Bearer {MASTER_KEY}"},
        timeout=SECONDS_MAX,
    )
    assert made.ok, made.text
    world = World(server, name)
    for _ in range(3):
        world.mint("alice")
        rotated = world.control("POST", "secrets", overlap_hours=0)
        assert rotated.ok, rotated.text
        secret = rotated.json()["new"]["secret"]
        claims = jwt.decode(world.mint("alice"), secret, algorithms=["HS256"])
        assert claims["sub"] == "alice"


def statements_of_a_reset(world: World, users: int) -> int:
    """Return how many statements it takes to reset an app in which so many logged in."""
    world.control("POST", "reset")
    for number in range(users):
        token = world.mint(f"user{number}", skyprofile={"username": f"u{number}"})
        world.call(LOG_IN, token=token)
    with statements_counted() as statements:
        world.control("POST", "reset")
    assert sum(one.startswith("DELETE") for one in statements) > 1
    return len(statements)


def test_a_reset_takes_a_bounded_number_of_statements(server: SkyloginServer) -> None:
    """However many users there are: what is deleted is deleted a table at a time."""
    world = World(server, "counted")
    # Counts of attempts are written twice a second: then two more tables have to be emptied.
    few, many = (min(statements_of_a_reset(world, users) for _ in range(3)) for users in (1, 12))
    assert few == many


# What a test asks again and again: how often a transaction begins for it, and how many
# statements it takes at most, BEGIN among them.
COSTS: dict[str, tuple[str, str, dict[str, Any], int, int]] = {
    "reset": ("POST", "reset", {}, 1, 12),
    "the clock": ("PUT", "clock", {"frozen": True}, 0, 0),
    "a token": ("POST", "tokens", {"sub": "alice"}, 0, 0),
    "a user": ("GET", "users?subject=alice", {}, 1, 4),
    "attempts": ("GET", "logins", {}, 1, 2),
    "users": ("GET", "users?limit=200", {}, 1, 4),
    "a seed": ("GET", "seed", {}, 2, 8),
}


@pytest.mark.parametrize("cost", COSTS.values(), ids=COSTS)
def test_what_tests_ask_all_the_time_takes_few_statements(
    server: SkyloginServer, cost: tuple[str, str, dict[str, Any], int, int]
) -> None:
    """Also after a reset: what the server knew of an app, it knows still."""
    method, path, body, begun, most = cost
    world = World(server, "cheap")
    counted = []
    for _ in range(5):
        world.control("POST", "reset")
        world.call(LOG_IN, token=world.mint("alice"))
        with statements_counted() as statements:
            assert world.control(method, path, **body).ok
        counted.append(statements)

    # What is done once a second may have come in between.
    least = min(counted, key=len)
    assert sum(one.startswith("BEGIN") for one in least) == begun
    assert len(least) <= most


def test_to_count_users_is_no_export(server: SkyloginServer) -> None:
    """It takes as few statements as a page of them, and no line in the audit list."""
    world, app = World(server, "tallied"), server.app("tallied")
    app.login("alice")
    listed, counted = world.control("GET", "audit").json(), []
    for _ in range(5):
        with statements_counted() as statements:
            assert len(app.users) == 1
        counted.append(len(statements))

    *_, most = COSTS["users"]
    assert min(counted) <= most
    assert world.control("GET", "audit").json() == listed


# --- none of it in serve ------------------------------------------------------------------


DEV_ONLY = [one for one in openapi.operations() if one.dev_only]


@pytest.mark.parametrize("operation", DEV_ONLY, ids=lambda one: one.name)
async def test_an_endpoint_has_no_such_operation(operation: Any, endpoint: Site) -> None:
    """It is 404 as any unknown path is, and has no effect."""
    ids = {**await fill(endpoint), "fault_id": "x", "name": "x"}
    await settled(endpoint)
    before = endpoint.state()
    right = {"Authorization": f"Bearer {ADMIN_TOKEN}"}
    assert await ask(endpoint, operation, ids, **right) == HTTPStatus.NOT_FOUND
    assert endpoint.state() == before
    async with endpoint.session.get(
        f"{endpoint.url}_admin/v1/openapi.json", headers=right
    ) as shown:
        paths = (await shown.json())["paths"]
    assert operation.method.lower() not in paths.get(operation.path, {})


async def test_an_endpoint_has_no_page_of_tests(endpoint: Site) -> None:
    """Nor an act of it, for whoever is signed in."""
    await fill(endpoint)
    await endpoint.sign_in()
    await settled(endpoint)
    before = endpoint.state()
    pages = [one for one in ROUTES if one.dev_only]
    assert pages
    for one in pages:
        page = f"apps/shop/{filled(one.path, {'name': 'x'})}"
        answer, _ = await (endpoint.get(page) if one.method == "GET" else endpoint.post(page))
        assert answer.status == HTTPStatus.NOT_FOUND
    assert "portal/tests" not in (await endpoint.get())[1]
    assert endpoint.state() == before


async def test_a_stand_in_has_them(tmp_path: Path) -> None:
    """In its document as well."""
    names = {one.name for one in DEV_ONLY}
    assert {"resetApp", "setClock", "addFault", "takeSnapshot", "mintToken"} <= names
    async with running_site(tmp_path / "dev.db", config.DEV) as site:
        right = {"Authorization": f"Bearer {ADMIN_TOKEN}"}
        async with site.session.get(f"{site.url}_admin/v1/openapi.json", headers=right) as shown:
            paths = (await shown.json())["paths"]
    shown_names = {
        one["operationId"]
        for item in paths.values()
        for one in item.values()
        if "operationId" in one
    }
    assert names <= shown_names
