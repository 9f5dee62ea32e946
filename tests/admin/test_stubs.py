"""Stubs and recorded calls over HTTP: what a client gets, and what a test reads of it."""

import asyncio
import io
import json
from http import HTTPStatus
from typing import Any

import pytest
from skylogin import config
from skylogin.apps.calls import CALLS_MAX
from skylogin.apps.stubs import STUBS_MAX
from skylogin.client.admin_api import BASE

from tests.sites import Answer, MakeSite, SiteApp
from tests.waiting import wait_until_async

HELLO = "hello:world"
FOUND = {"result": {"greeting": "hi"}}


def nested(levels: int) -> Any:
    """Return a list in a list, and so on."""
    value: Any = 1
    for _ in range(levels):
        value = [value]
    return value


async def add(app: SiteApp, action: str = HELLO, **stub: Any) -> str:
    """Add a stub, and return its id."""
    added = await app.admin("POST", "stubs", action=action, **stub)
    assert added.status == HTTPStatus.CREATED, added.text
    return str(added.json()["id"])


@pytest.mark.parametrize(
    ("result", "problem"),
    [
        ("NaN", "the body is not JSON, which does not have NaN"),
        ("[-Infinity]", "the body is not JSON, which does not have -Infinity"),
        ("1e999", "the body has a number too large for a double"),
        (r'"\ud800"', "or half of a surrogate pair"),
        ("[", "the body is not JSON"),
    ],
)
async def test_what_json_does_not_have_is_refused_in_one_line(
    site_app: SiteApp, result: str, problem: str
) -> None:
    """When the stub is made, not when a client calls it."""
    answer = await Answer.of(
        await site_app.client.post(
            f"{BASE}/apps/{site_app.name}/stubs",
            data=f'{{"action": "{HELLO}", "result": {result}}}',
            headers={"Authorization": "Bearer secret", "Content-Type": "application/json"},
        )
    )

    assert answer.status == HTTPStatus.BAD_REQUEST
    assert problem in answer.json()["detail"]


async def calls_of(app: SiteApp, action: str = "") -> list[dict[str, Any]]:
    """Return the recorded calls."""
    query = f"?action={action}" if action else ""
    found: list[dict[str, Any]] = (await app.admin("GET", f"calls{query}")).json()["calls"]
    return found


async def test_a_stub_answers_a_cloud_function_by_its_body_and_its_path(site_app: SiteApp) -> None:
    """A path without a stub is home, as before."""
    assert (await site_app.call("hello/world")).json() == {"result": {"status": "OK"}}
    await add(site_app, result={"greeting": "hi"})

    assert (await site_app.call("", action=HELLO, args={})).json() == FOUND
    assert (await site_app.call("hello/world")).json() == FOUND
    assert (await site_app.call("hello:world")).json() == FOUND


async def test_a_slash_in_the_name_is_a_colon(site_app: SiteApp) -> None:
    """The SDK calls `sso/config` by that name, at the path of the same name."""
    await add(site_app, "sso/config", result=1)

    for path, action in (("", "sso/config"), ("sso/config", "sso/config"), ("", "sso:config")):
        assert (await site_app.call(path, action=action)).json() == {"result": 1}


MATCHING: dict[str, tuple[Any, Any, bool]] = {
    "any": (None, {"name": "bob"}, True),
    "equal": ({"name": "alice"}, {"name": "alice"}, True),
    "a part": ({"name": "alice"}, {"name": "alice", "age": 3}, True),
    "a part of a part": ({"a": {"b": [1]}}, {"a": {"b": [1], "c": 2}}, True),
    "another value": ({"name": "alice"}, {"name": "bob"}, False),
    "a member less": ({"name": None}, {}, False),
    "positional": (["alice", 1], ["alice", 1.0], True),
    "too many": (["alice"], ["alice", 1], False),
    "true is not 1": ({"n": 1}, {"n": True}, False),
    "another type": ({"n": 1}, [1], False),
}


@pytest.mark.parametrize(("wanted", "given", "matches"), MATCHING.values(), ids=MATCHING)
async def test_a_stub_answers_matching_arguments(
    site_app: SiteApp, wanted: Any, given: Any, matches: bool
) -> None:
    """An object of the call may have more members."""
    await add(site_app, arguments=wanted, result="yes")

    answer = await site_app.call("", action=HELLO, args=given)

    assert answer.ok is matches


async def test_the_arguments_of_other_actions_are_their_members(site_app: SiteApp) -> None:
    """Without the keys and the action."""
    await add(site_app, "push:user", arguments={"user_ids": ["alice"]}, result=[])

    assert not (await site_app.call("push/user", user_ids=["bob"])).ok
    assert (await site_app.call("push/user", user_ids=["alice"])).json() == {"result": []}

    calls = await calls_of(site_app, "push:user")
    assert [one["arguments"] for one in calls] == [{"user_ids": ["bob"]}, {"user_ids": ["alice"]}]


async def test_stubs_answer_in_their_order_and_then_the_newest(site_app: SiteApp) -> None:
    """Those for a number of calls first."""
    await add(site_app, result="old")
    await add(site_app, result="always")
    for times in (1, 2):
        await add(site_app, result=times, times=times)

    results = [(await site_app.call("", action=HELLO)).json()["result"] for _ in range(5)]

    assert results == [1, 2, 2, "always", "always"]
    used = [one["used"] for one in (await site_app.admin("GET", "stubs")).json()["stubs"]]
    assert used == [0, 2, 1, 2]


async def test_a_star_at_the_end_covers_every_action_with_that_prefix(site_app: SiteApp) -> None:
    """But not those that are emulated."""
    await add(site_app, "sso:*", result="stub")
    await add(site_app, "*", result="any", times=1)

    assert (await site_app.call("", action="other")).json() == {"result": "any"}
    assert (await site_app.call("sso/google/login_auth_url")).json() == {"result": "stub"}
    assert (await site_app.log_in("alice")).json()["result"]["user_id"]
    assert (await site_app.call("", action="other")).status == HTTPStatus.NOT_FOUND


ERRORS: dict[str, tuple[dict[str, Any], int, dict[str, Any]]] = {
    "by name": (
        {"error": "ResourceNotFound", "message": "no such", "info": {"id": 1}},
        404,
        {"name": "ResourceNotFound", "code": 110, "message": "no such", "info": {"id": 1}},
    ),
    "by code": (
        {"error": 119, "message": "slow"},
        504,
        {"name": "PluginTimeout", "code": 119, "message": "slow"},
    ),
    "of the function's own": (
        {"error": 200001, "message": "sold out"},
        500,
        {"name": "ErrorCode(200001)", "code": 200001, "message": "sold out"},
    ),
}


@pytest.mark.parametrize(("stub", "status", "error"), ERRORS.values(), ids=ERRORS)
async def test_a_stub_answers_with_an_error(
    site_app: SiteApp, stub: dict[str, Any], status: int, error: dict[str, Any]
) -> None:
    """As a cloud function's exception is sent."""
    await add(site_app, **stub)

    answer = await site_app.call("", action=HELLO)

    assert (answer.status, answer.json()) == (status, {"error": error})
    assert (await calls_of(site_app))[-1]["error"] == error["name"]


async def test_the_original_checks_the_callers_of_its_own_actions_only(site_app: SiteApp) -> None:
    """And of cloud functions with `key_required` or `user_required`. A refused call uses none."""
    for action, options in {
        HELLO: {},
        "push:user": {},
        "with:key": {"key_required": True},
        "with:user": {"user_required": True},
    }.items():
        await add(site_app, action, result=1, times=1, **options)
    wrong, none = {"api_key": "wrong"}, {"api_key": ""}

    assert (await site_app.call("", action=HELLO, **wrong)).ok
    for action in ("push:user", "with:key"):
        for key in (wrong, none):
            refused = await site_app.call("", action=action, **key)
            assert refused.status == HTTPStatus.UNAUTHORIZED
        assert (await site_app.call("", action=action)).ok
    assert (await site_app.call("", action="with:user")).status == HTTPStatus.UNAUTHORIZED
    user = (await site_app.log_in("alice")).json()["result"]
    token = {"access_token": user["access_token"]}
    assert (await site_app.call("", action="with:user", **token)).ok
    assert (await calls_of(site_app, "with:user"))[-1]["user_id"] == user["user_id"]


async def test_a_file_is_uploaded_to_a_stub(site_app: SiteApp) -> None:
    """It is not JSON, and may be large; without a stub, the answer is the original's."""
    url, file = f"/apps/{site_app.name}/files/a.png", b"\x89PNG" * 1_000_000
    headers = {"Content-Type": "image/png", "X-Skygear-API-Key": "changeme"}
    refused = await site_app.client.put(url, data=file[:4], headers=headers)
    await add(site_app, "files:*")

    taken = await site_app.client.put(url, data=io.BytesIO(file), headers=headers)

    assert (refused.status, taken.status) == (HTTPStatus.BAD_REQUEST, HTTPStatus.OK)
    [call] = await calls_of(site_app)
    assert call["arguments"] == {"content_type": "image/png", "bytes": len(file)}


# --- calls --------------------------------------------------------------------------------

UNMATCHED = {
    "none": ({}, 'no stub is for "hello:wrld"'),
    "a misspelt name": ({"action": HELLO}, "did you mean hello:world, which has one?"),
    "other arguments": (
        {"action": "hello:wrld", "arguments": {"name": "bob"}},
        'the stub for hello:wrld does not match: arguments.name is "alice", not "bob"',
    ),
    "other secrets": (
        {"action": "hello:wrld", "arguments": {"password": "hers"}},
        "a secret among the arguments differs",
    ),
    "used up": (
        {"action": "hello:wrld", "times": 1},
        "the stub for hello:wrld has answered its 1 call",
    ),
}


@pytest.mark.parametrize(("stub", "explanation"), UNMATCHED.values(), ids=UNMATCHED)
async def test_an_unmatched_call_says_what_came_close(
    site_app: SiteApp, stub: dict[str, Any], explanation: str
) -> None:
    """In the header and in the recorded call; the answer is the original's."""
    if stub:
        await add(site_app, **stub)
    if "times" in stub:
        assert (await site_app.call("", action="hello:wrld")).ok
    answer = await site_app.call("", action="hello:wrld", args={"name": "alice", "password": "his"})

    assert answer.json()["error"]["message"] == "route unmatched"
    assert answer.headers["X-Skylogin-Reason"].startswith("not_emulated: ")
    assert explanation in answer.headers["X-Skylogin-Reason"]
    assert explanation in (await calls_of(site_app))[-1]["explanation"]


async def test_a_recorded_call_has_no_secret(site_app: SiteApp) -> None:
    """By the names of members, by the form of a token, and by the app's own secrets."""
    token = await site_app.mint("alice")
    signature = token.rpartition(".")[2]
    secret_id = (await site_app.admin("GET", "secrets")).json()["secrets"][0]["id"]
    secret = (await site_app.admin("GET", f"secrets/{secret_id}")).json()["secret"]
    logged_in = (await site_app.call("sso/custom_token/login", token=token)).json()["result"]
    access_token = logged_in["access_token"]
    await add(site_app, result=1)
    arguments = {
        "password": "hunter2",
        "New-Password": {"text": "hunter2"},
        "apiKey": "hunter2",
        "token": None,
        "note": f"see {token}, {access_token} and {secret}",
        "list": [["secret", "a secret"], {"authData": ["hunter2"]}],
        token: 1,
        "json": json.dumps({"user": "alice", "password": "hunter2", "more": [token]}),
    }
    auth = {"auth_data": {"username": "hunter2"}, "password": "hunter2"}
    await site_app.call("", action=HELLO, args=arguments, access_token=access_token)
    await site_app.call("auth/signup", **auth)
    await site_app.call("", action=f"say:{token}")
    await site_app.call("", action="x" * 180 + secret)

    answered = await site_app.admin("GET", "calls")

    for hidden in ("hunter2", signature, access_token.rpartition(".")[2], secret):
        assert hidden not in answered.text
    assert secret[:20] not in answered.text
    [call] = await calls_of(site_app, HELLO)
    assert call["arguments"]["token"] is None
    assert call["arguments"]["list"][0] == ["…", "a secret"]


@pytest.mark.slow
async def test_the_recorded_calls_are_bounded(site_app: SiteApp) -> None:
    """In number, and each in size."""
    await add(site_app, result=1)
    for number in range(CALLS_MAX + 1):
        await site_app.call("", action=HELLO, args={"number": number})
    await site_app.call("", action=HELLO, args={"text": "x" * 20_000})

    calls = await calls_of(site_app)

    assert len(calls) == CALLS_MAX
    assert calls[0]["arguments"] == {"number": 2}
    assert calls[-1]["arguments"] is None
    assert "more than 16,384" in calls[-1]["left_out"]


@pytest.mark.core
async def test_a_call_is_waited_for(site_app: SiteApp) -> None:
    """One that is still to come, and one that came before."""
    await add(site_app, result=1)
    waiting = asyncio.create_task(
        site_app.admin("POST", "calls/wait", action=HELLO, arguments={"n": 2}, timeout=10)
    )
    for number in (1, 2):
        await site_app.call("", action=HELLO, args={"n": number})

    found = (await waiting).json()["call"]

    assert found["arguments"] == {"n": 2}
    again = await site_app.admin("POST", "calls/wait", action=HELLO, arguments={"n": 2})
    assert again.json() == {"call": found, "explanation": ""}


NOT_CALLED = {
    "no call": ([], "no call"),
    "others": (["a:b"], "no call of hello:world; there were calls of a:b"),
    "other arguments": ([HELLO], "the latest of 1 calls of hello:world does not match: "),
}


@pytest.mark.parametrize(("actions", "explanation"), NOT_CALLED.values(), ids=NOT_CALLED)
async def test_a_call_that_does_not_come_is_explained(
    site_app: SiteApp, actions: list[str], explanation: str
) -> None:
    """With the call that came closest."""
    for action in actions:
        await site_app.call("", action=action, args={"n": 1})

    waited = await site_app.admin("POST", "calls/wait", action=HELLO, arguments={"n": 2}, timeout=0)

    assert waited.json()["call"] is None
    assert waited.json()["explanation"].startswith(explanation)


async def test_arguments_may_be_nested_as_deeply_as_a_body(site_app: SiteApp) -> None:
    """Those that a test waits for less deeply."""
    await add(site_app, arguments=nested(90), result=1)
    answer = await site_app.call("", action=HELLO, args=nested(505))

    assert answer.status == HTTPStatus.NOT_FOUND
    assert (await calls_of(site_app))[-1]["arguments"] == nested(505)
    deep = await site_app.admin("POST", "calls/wait", action=HELLO, arguments=nested(900))
    assert deep.status == HTTPStatus.UNPROCESSABLE_ENTITY


async def test_a_call_whose_caller_left_has_no_status(site_app: SiteApp) -> None:
    """It is recorded when it begins."""
    await add(site_app, result=1, delay=3600)
    call = asyncio.create_task(site_app.call("", action=HELLO))
    await wait_until_async(lambda: calls_of(site_app))
    call.cancel()

    assert (await calls_of(site_app))[0]["status"] is None
    waited = await site_app.admin("POST", "calls/wait", action=HELLO, timeout=0)
    assert "not answered yet" in waited.json()["explanation"]


# --- their end -----------------------------------------------------------------------------


async def test_a_stub_is_removed(site_app: SiteApp) -> None:
    """One, all of them, and with a reset; which forgets the calls too."""
    one = await add(site_app)
    assert (await site_app.admin("DELETE", f"stubs/{one}")).ok
    assert (await site_app.admin("DELETE", f"stubs/{one}")).status == HTTPStatus.NOT_FOUND
    for path, method in (("stubs", "DELETE"), ("reset", "POST")):
        await add(site_app)
        await site_app.call("", action=HELLO)
        assert (await site_app.admin(method, path)).ok
        assert (await site_app.admin("GET", "stubs")).json() == {"stubs": []}
    assert await calls_of(site_app) == []
    await site_app.call("", action=HELLO)
    assert (await site_app.admin("DELETE", "calls")).ok
    assert await calls_of(site_app) == []


async def test_a_snapshot_keeps_the_stubs(site_app: SiteApp) -> None:
    """As if no call had used them."""
    await add(site_app, result=1, times=1)
    assert (await site_app.call("", action=HELLO)).ok
    assert (await site_app.admin("POST", "snapshots", name="first")).ok
    await add(site_app, "other")

    assert (await site_app.admin("POST", "snapshots/first/restore")).ok

    [stub] = (await site_app.admin("GET", "stubs")).json()["stubs"]
    assert (stub["action"], stub["used"]) == (HELLO, 0)
    assert await calls_of(site_app) == []


async def test_apps_have_their_own_stubs_and_calls(site_app: SiteApp) -> None:
    """As they have their own users."""
    other = SiteApp(site_app.client)
    await add(site_app, result=1)

    assert (await site_app.call("", action=HELLO)).ok
    assert (await other.call("", action=HELLO)).status == HTTPStatus.NOT_FOUND

    assert len(await calls_of(site_app)) == len(await calls_of(other)) == 1


INVALID = {
    "an emulated action": ({"action": "/sso/custom_token/login"}, "skylogin emulates sso:custom"),
    "no action": ({"action": "/"}, "skylogin emulates a call without action"),
    "a star": ({"action": "a*b"}, "has a * that is not at its end"),
    "both": ({"result": None, "error": "BadRequest"}, "either a result or an error"),
    "an unknown error": ({"error": "Nope"}, "'Nope' is not the name of an error"),
    "a message": ({"message": "x"}, "for a stub with an error"),
    "a deep result": ({"result": nested(101)}, "is nested deeper than 100 levels"),
    "deep arguments": ({"arguments": nested(900)}, "is nested deeper than 100 levels"),
    "a long result": ({"result": "x" * 300_000}, "more than 262,144"),
}


@pytest.mark.parametrize(("stub", "detail"), INVALID.values(), ids=INVALID)
async def test_an_invalid_stub_is_refused(
    site_app: SiteApp, stub: dict[str, Any], detail: str
) -> None:
    """The detail says how to correct it."""
    refused = await site_app.admin("POST", "stubs", **{"action": HELLO, **stub})

    assert refused.status == HTTPStatus.UNPROCESSABLE_ENTITY
    assert detail in refused.json()["detail"]


@pytest.mark.slow
async def test_an_app_has_a_limited_number_of_stubs(site_app: SiteApp) -> None:
    """One more is a conflict."""
    for _ in range(STUBS_MAX):
        await add(site_app)

    assert (await site_app.admin("POST", "stubs", action=HELLO)).status == HTTPStatus.CONFLICT


async def test_serve_records_no_calls(make_site: MakeSite) -> None:
    """Nor has it stubs; the answer has no reason."""
    site = await make_site(config.SERVE)
    answer = await site.send("POST", "", json={"action": HELLO, "api_key": "an-api-key"})

    assert answer.status == HTTPStatus.NOT_FOUND
    assert "X-Skylogin-Reason" not in answer.headers
    assert site.services.app.calls.find() == []


async def test_a_seed_adds_stubs_anew(site_app: SiteApp) -> None:
    """Those of a test stay; one that is used up answers again."""
    seed = {"users": [{"sub": "alice"}], "stubs": [{"action": HELLO, "result": 1, "times": 1}]}
    await add(site_app, HELLO, result=2)
    for _ in range(2):
        assert (await site_app.admin("POST", "seed", **seed)).json() == {"users": 1}
        results = [(await site_app.call("", action=HELLO)).json()["result"] for _ in range(2)]
        assert results == [1, 2]

    assert len((await site_app.admin("GET", "stubs")).json()["stubs"]) == 2  # noqa: PLR2004


async def test_an_app_is_seeded_with_a_limited_number_of_stubs(site_app: SiteApp) -> None:
    """All of them, or none."""
    seed = {"stubs": [{"action": HELLO, "result": number} for number in range(STUBS_MAX)]}
    await add(site_app)

    assert (await site_app.admin("POST", "seed", **seed)).status == HTTPStatus.CONFLICT
    assert len((await site_app.admin("GET", "stubs")).json()["stubs"]) == 1
