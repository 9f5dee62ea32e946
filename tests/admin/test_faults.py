"""Faults that a test injects, as a client sees them on its socket."""

import asyncio
import json
import re
from http import HTTPStatus
from typing import Any

import pytest
from skylogin.admin import openapi
from skylogin.apps.faults import KINDS, LIMITS

from tests.sites import FORM_TOKEN, LOG_IN, SiteApp

pytestmark = pytest.mark.slow

SECONDS_MAX = 20


async def sent_raw(app: SiteApp, path: str, /, **payload: Any) -> str:
    """Call an action on a new connection, and return what came back: a status, whole or cut."""
    url = app.client.make_url(f"/apps/{app.name}/{path}")
    body = json.dumps({"api_key": "changeme", **payload}).encode()
    head = f"POST {url.path} HTTP/1.1\r\nHost: {url.authority}\r\nConnection: close\r\n"
    reader, writer = await asyncio.open_connection(url.host, url.port)
    writer.write(f"{head}Content-Length: {len(body)}\r\n\r\n".encode() + body)
    received = b""
    try:
        async with asyncio.timeout(SECONDS_MAX):
            while chunk := await reader.read(65536):
                received += chunk
    except ConnectionResetError:
        pass
    writer.close()
    if not received:
        return "nothing"
    head_received, _, body_received = received.partition(b"\r\n\r\n")
    length = re.search(rb"(?i)content-length: (\d+)", head_received)
    assert length
    is_whole = len(body_received) == int(length[1])
    return f"{head_received[9:12].decode()} {'whole' if is_whole else 'cut'}"


async def latest_attempt(app: SiteApp) -> dict[str, Any]:
    """Return the latest login attempt."""
    [latest] = (await app.admin("GET", "logins?limit=1")).json()["attempts"]
    return dict(latest)


async def test_the_same_seed_breaks_the_same_calls(site_app: SiteApp) -> None:
    """Another seed breaks other calls; a fault ends after its number of calls."""
    calls, more_calls = 40, 2
    kinds = (
        {"kind": "drop"},
        {"kind": "truncate"},
        {"kind": "status", "status": 503},
        {"kind": "error", "error": "ResourceNotFound"},
    )
    sequences = []
    for seed in (7, 7, 8):
        await site_app.admin("POST", "reset")
        for number, kind in enumerate(kinds):
            drawn = {"calls": calls, "probability": 0.3, "seed": seed * 10 + number}
            assert (await site_app.admin("POST", "faults", **kind, **drawn)).ok
        sequences.append(
            [await sent_raw(site_app, "_status/healthz") for _ in range(calls + more_calls)]
        )

    assert sequences[0] == sequences[1] != sequences[2]
    assert set(sequences[0]) == {"nothing", "200 cut", "503 whole", "404 whole", "200 whole"}
    assert sequences[0][-more_calls:] == ["200 whole"] * more_calls


# By kind of fault: its own fields, what a client receives, and the reason in the login log.
FAULTS: dict[str, tuple[dict[str, Any], str, str]] = {
    "latency": ({"seconds": 0.05}, "200 whole", "created"),
    "error": ({"error": "Duplicated"}, "409 whole", "fault"),
    "status": ({"status": 429}, "429 whole", "fault"),
    "drop": ({}, "nothing", "fault"),
    "truncate": ({}, "200 cut", "created"),
    "database_busy": ({}, "500 whole", "fault"),
}


def test_every_kind_of_fault_is_tested() -> None:
    """A new kind needs a row."""
    assert set(FAULTS) | {"rate"} == set(KINDS)


@pytest.mark.parametrize("kind", FAULTS)
async def test_a_fault_breaks_one_call_of_its_action(site_app: SiteApp, kind: str) -> None:
    """The login log has the call, and the fault ends."""
    fields, received, reason = FAULTS[kind]
    token = await site_app.mint("alice")
    added = await site_app.admin(
        "POST", "faults", kind=kind, action="sso:custom_token:login", **fields
    )
    assert added.status == HTTPStatus.CREATED, added.text

    # Another action does not use the fault up.
    await site_app.call("me")
    assert await sent_raw(site_app, LOG_IN, token=token) == received

    assert (await latest_attempt(site_app))["reason"] == reason
    assert (await site_app.admin("GET", "faults")).json() == {"faults": []}


async def test_a_limit_of_rate_ends_with_its_window(site_app: SiteApp) -> None:
    """By the app's clock, as `Retry-After` says."""
    await site_app.admin("PUT", "clock", frozen=True)
    added = await site_app.admin("POST", "faults", kind="rate", action="me", limit=2, window=60)
    assert added.json()["calls"] == LIMITS["calls"][1]

    assert await site_app.call("role/default")
    statuses = [(await site_app.call("me")).status for _ in range(3)]
    assert statuses == [401, 401, 429]
    await site_app.admin("POST", "clock/advance", seconds=58.5)
    refused = await site_app.call("me")
    assert (refused.status, refused.text, refused.headers["Retry-After"]) == (429, "", "2")
    await site_app.admin("POST", "clock/advance", seconds=1.5)

    assert (await site_app.call("me")).status == HTTPStatus.UNAUTHORIZED


async def test_a_fault_strikes_a_cloud_function_that_has_a_stub(site_app: SiteApp) -> None:
    """And one that skylogin has by itself."""
    assert (await site_app.admin("POST", "stubs", action="hello:*", result=1)).ok
    for action in ("hello:world", "user:verify_code"):
        assert (await site_app.admin("POST", "faults", kind="drop", action=action)).ok
    assert await sent_raw(site_app, "hello/world") == "nothing"
    assert await sent_raw(site_app, "hello/world") == "200 whole"


async def test_a_connection_may_be_dropped_after_the_call(site_app: SiteApp) -> None:
    """The login is carried out, and the client gets nothing."""
    token = await site_app.mint("alice")
    await site_app.admin("POST", "faults", kind="drop", after=True)

    assert await sent_raw(site_app, LOG_IN, token=token) == "nothing"

    assert (await latest_attempt(site_app))["accepted"]


INVALID_FAULTS = {
    "no status": ({"kind": "status"}, "status needs status"),
    "a status of another kind": ({"kind": "drop", "status": 500}, "status is for status"),
    "an unknown error": ({"kind": "error", "error": "Nope"}, "'Nope' is not one of"),
    "an error without a name": ({"kind": "error", "error": ""}, "'' is not one of"),
    "an unknown action": (
        {"kind": "drop", "action": "sso:custom_token:logn"},
        "'sso:custom_token:logn' is not an action; did you mean sso:custom_token:login?",
    ),
    "a path": ({"kind": "drop", "action": "/auth/login"}, "did you mean auth:login?"),
}


@pytest.mark.parametrize(("fields", "message"), INVALID_FAULTS.values(), ids=INVALID_FAULTS)
async def test_an_invalid_fault_is_refused(site_app: SiteApp, fields: Any, message: str) -> None:
    """The detail says how to correct it."""
    refused = await site_app.admin("POST", "faults", **fields)

    assert refused.status == HTTPStatus.UNPROCESSABLE_ENTITY
    assert message in refused.json()["detail"]


def test_the_document_has_the_limits_of_faults() -> None:
    """The portal's form has the same limits, though no schema checks it."""
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
async def test_the_portals_form_keeps_to_the_limits_of_faults(
    site_app: SiteApp, field: str, value: str
) -> None:
    """A client could not read a status of 42."""
    [form_token] = set(FORM_TOKEN.findall((await site_app.page("tests")).text))
    kind = {"seconds": "latency"}.get(field, "status")
    form = {"form_token": form_token, "kind": kind, "status": "503", field: value}

    url = f"/portal/apps/{site_app.name}/tests/faults"
    page = await (await site_app.client.post(url, data=form)).text()

    assert f"{field} has to be" in page
    assert (await site_app.admin("GET", "faults")).json() == {"faults": []}


@pytest.mark.parametrize(
    ("fault", "received"),
    [
        ({"kind": "status", "status": 503}, "503 whole"),
        ({"kind": "error", "error": "PermissionDenied"}, "403 whole"),
    ],
)
async def test_a_fault_of_every_action_breaks_unknown_actions_too(
    site_app: SiteApp, fault: dict[str, Any], received: str
) -> None:
    """The next call gets its own answer."""
    assert (await site_app.admin("POST", "faults", **fault)).ok

    assert await sent_raw(site_app, "", action="hello:world") == received
    assert await sent_raw(site_app, "", action="hello:world") == "404 whole"
