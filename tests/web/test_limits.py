"""What strangers may ask of `skylogin serve`: limits, and how it answers beyond them."""

import asyncio
import sqlite3
from contextlib import closing
from http import HTTPStatus
from pathlib import Path
from typing import Any

import pytest
from aiohttp import ClientResponse, WSMsgType
from skylogin import config
from skylogin.apps import login_log
from skylogin.domain.login_attempt import Filter
from skylogin.domain.rate import AT_ONCE_MIN
from skylogin.store import login_attempts
from skylogin.web.keys import SERVICES

from tests.applications import Client, MakeClient
from tests.factories import NOW, SECRET, make_token
from tests.statement_counter import statements_counted
from tests.stores import SERVE_KEYS
from tests.waiting import wait_until_async

LOG_IN, SIGN_UP, LOG_IN_WITH_PASSWORD = "/sso/custom_token/login", "/auth/signup", "/auth/login"
API_KEY, MASTER_KEY = SERVE_KEYS["API_KEY"], SERVE_KEYS["MASTER_KEY"]
BAD, MANY = HTTPStatus.BAD_REQUEST, HTTPStatus.TOO_MANY_REQUESTS
BUSY = HTTPStatus.SERVICE_UNAVAILABLE
HOUR_SECONDS = 3600
WAITING = 5


async def serve(make_client: MakeClient, limits: str = "", **settings: str) -> Client:
    """Return a client of a server with *limits*, and that trusts this machine as a proxy."""
    return await make_client(
        config.SERVE,
        now=lambda: NOW,
        **SERVE_KEYS,
        CUSTOM_TOKEN_SECRET=SECRET,
        SKYLOGIN_LIMITS=limits,
        SKYLOGIN_TRUSTED_PROXIES="127.0.0.1",
        SKYLOGIN_LOGINS="all",
        **settings,
    )


async def ask(
    client: Client, path: str, address: str = "192.0.2.1", key: str = API_KEY, **body: Any
) -> ClientResponse:
    """Return the answer to a call that a proxy passes on for *address*."""
    headers = {"X-Forwarded-For": address, "X-Skygear-API-Key": key}
    return await client.post(path, json=body, headers=headers)


async def statuses(client: Client, path: str, number: int, *args: str, **body: Any) -> list[int]:
    """Return the statuses of the answers to *number* calls."""
    return [(await ask(client, path, *args, **body)).status for _ in range(number)]


async def test_refused_logins_are_limited(make_client: MakeClient) -> None:
    """Beyond the limit, 429 says in the wire's form how long to wait, for pages of browsers too.

    A good token is accepted all the same: others may have the same address.
    """
    client = await serve(make_client, "refused_logins=4/h,refused_logins_per_principal=off")
    wrong, good = make_token(secret="another secret"), make_token()

    assert await statuses(client, LOG_IN, 4, token=wrong) == [BAD] * 4
    answer = await ask(client, LOG_IN, token=wrong)
    assert answer.status == MANY
    seconds = int(answer.headers["Retry-After"])
    assert 0 < seconds <= HOUR_SECONDS
    message = f"too many requests: try again in {seconds} s"
    error = {"name": "UnexpectedError", "code": 10000, "message": message}
    assert await answer.json() == {"error": error}
    assert answer.headers["Access-Control-Allow-Origin"] == "*"
    assert answer.headers["Access-Control-Expose-Headers"] == "Retry-After"
    assert "X-Skylogin-Reason" not in answer.headers
    assert (await ask(client, LOG_IN, token=good)).status == HTTPStatus.OK
    assert (await ask(client, LOG_IN, "192.0.2.2", token=wrong)).status == BAD
    assert client.app[SERVICES].limits.hits == {"refused_logins": 1}  # type: ignore[index]


async def test_two_wrong_logins_at_once_are_not_too_many(make_client: MakeClient) -> None:
    """By the defaults, somebody who tries again at once learns what is wrong."""
    client = await serve(make_client)
    found = await statuses(client, LOG_IN, 30, token="no token")

    assert found[:2] == [BAD, BAD]
    assert found.count(BAD) >= AT_ONCE_MIN - 1
    assert MANY in found


async def test_a_principal_has_a_limit_wherever_it_comes_from(make_client: MakeClient) -> None:
    """Another principal, of another app or address, is not affected; nor are its own logins."""
    client = await serve(make_client, "refused_logins=off,refused_logins_per_principal=4/h")
    wrong = make_token(secret="another secret")
    found = [
        (await ask(client, LOG_IN, f"192.0.2.{number}", token=wrong)).status for number in range(6)
    ]

    assert found == [*[BAD] * 4, MANY, MANY]
    other = make_token(secret="another secret", sub="bob")
    assert (await ask(client, LOG_IN, token=other)).status == BAD
    assert (await ask(client, LOG_IN, token=make_token())).status == HTTPStatus.OK


async def test_what_is_too_much_for_a_principal_is_not_counted_for_its_address(
    make_client: MakeClient,
) -> None:
    """Each refusal that passes counts once for both."""
    client = await serve(make_client, "refused_logins=4/h,refused_logins_per_principal=2/h")
    for subject in ("alice", "bob"):
        wrong = make_token(secret="another secret", sub=subject)
        assert await statuses(client, LOG_IN, 4, token=wrong) == [BAD, BAD, MANY, MANY]
    other = make_token(secret="another secret", sub="carol")
    assert await statuses(client, LOG_IN, 1, token=other) == [MANY]


LIES = {
    "another address before": "6.6.6.{n}, 192.0.2.1",
    "words": "unknown{n}, 192.0.2.1",
    "the same /64": "2001:db8:0:1::{n:x}",
}


@pytest.mark.parametrize("lie", LIES.values(), ids=LIES)
async def test_what_a_client_says_of_itself_gives_no_other_key(
    make_client: MakeClient, lie: str
) -> None:
    """Only the address that the proxy saw counts, of IPv6 its /64."""
    client = await serve(make_client, "refused_logins=4/h")
    found = [
        (await ask(client, LOG_IN, lie.format(n=number), token="x")).status for number in range(8)
    ]

    assert found == [*[BAD] * 4, *[MANY] * 4]


async def test_the_master_key_is_not_refused(make_client: MakeClient) -> None:
    """An application's own server logs in many users, and some of them are unknown."""
    client = await serve(make_client, "refused_logins=4/h,sign_ups=1/h")
    body = {"provider": "p", "principal_id": "q"}

    found = await statuses(client, "/sso/oauth/login", 9, "192.0.2.1", MASTER_KEY, **body)
    assert MANY not in found


async def test_failed_passwords_are_limited(make_client: MakeClient) -> None:
    """Of an account, from an address; the right one is not tried then, and does not count."""
    client = await serve(make_client, "failed_passwords=3/h,refused_logins=off")
    for name in ("alice", "bob"):
        made = await ask(client, SIGN_UP, auth_data={"username": name}, password="right")
        assert made.status == HTTPStatus.OK
    alice = {"auth_data": {"username": "alice"}}

    for password in ("right", "right", "right", "right"):
        answer = await ask(client, LOG_IN_WITH_PASSWORD, password=password, **alice)
        assert answer.status == HTTPStatus.OK
    found = await asyncio.gather(
        *(ask(client, LOG_IN_WITH_PASSWORD, password=f"wrong {n}", **alice) for n in range(8))
    )
    assert sorted(one.status for one in found) == [*[HTTPStatus.UNAUTHORIZED] * 3, *[MANY] * 5]
    right = {"password": "right", **alice}
    assert (await ask(client, LOG_IN_WITH_PASSWORD, **right)).status == MANY
    assert (await ask(client, LOG_IN_WITH_PASSWORD, "192.0.2.9", **right)).status == HTTPStatus.OK
    bob = {"auth_data": {"username": "bob"}, "password": "right"}
    assert (await ask(client, LOG_IN_WITH_PASSWORD, **bob)).status == HTTPStatus.OK


async def test_an_address_cannot_try_passwords_of_many_accounts(make_client: MakeClient) -> None:
    """Beyond its refused logins no password is tried, of any account, until the wait is over."""
    client = await serve(make_client, "refused_logins=3/h,sign_ups=off")
    names = [f"user{number}" for number in range(5)]
    for name in names:
        made = await ask(client, SIGN_UP, auth_data={"username": name}, password=f"of {name}")
        assert made.status == HTTPStatus.OK
    tried = [
        await ask(client, LOG_IN_WITH_PASSWORD, auth_data={"username": name}, password="wrong")
        for name in names
    ]

    assert [one.status for one in tried] == [*[HTTPStatus.UNAUTHORIZED] * 3, MANY, MANY]
    right = {"auth_data": {"username": names[-1]}, "password": f"of {names[-1]}"}
    assert (await ask(client, LOG_IN_WITH_PASSWORD, **right)).status == MANY
    assert (await ask(client, LOG_IN_WITH_PASSWORD, "192.0.2.9", **right)).status == HTTPStatus.OK
    assert (await ask(client, LOG_IN, token=make_token())).status == HTTPStatus.OK


async def test_a_password_that_is_not_tried_is_not_a_wrong_one(make_client: MakeClient) -> None:
    """The server was too busy to try it."""
    client = await serve(make_client, "failed_passwords=2/m,password_hashes=1")
    alice = {"auth_data": {"username": "alice"}, "password": "right"}
    assert await statuses(client, SIGN_UP, 1, **alice) == [HTTPStatus.OK]

    with client.app[SERVICES].limits.holding("password_hashes"):  # type: ignore[index]
        assert await statuses(client, LOG_IN_WITH_PASSWORD, 4, **alice) == [BUSY] * 4
    assert await statuses(client, LOG_IN_WITH_PASSWORD, 1, **alice) == [HTTPStatus.OK]


async def test_sign_ups_are_limited(make_client: MakeClient) -> None:
    """By address; anonymous users too."""
    client = await serve(make_client, "sign_ups=3/h")

    assert await statuses(client, SIGN_UP, 4) == [*[HTTPStatus.OK] * 3, MANY]
    assert await statuses(client, SIGN_UP, 1, "192.0.2.2") == [HTTPStatus.OK]
    assert await statuses(client, SIGN_UP, 1, "192.0.2.1", MASTER_KEY) == [HTTPStatus.OK]


async def test_new_users_are_limited_if_an_operator_wants_it(make_client: MakeClient) -> None:
    """Those who are known log in all the same; a login that makes no user does not count."""
    client = await serve(make_client, "new_users=3/h")
    tokens = {name: make_token(sub=name) for name in "abcd"}

    for _ in range(2):
        found = [(await ask(client, LOG_IN, token=token)).status for token in tokens.values()]
        assert found == [*[HTTPStatus.OK] * 3, MANY]
    assert client.app[SERVICES].limits.hits == {"new_users": 2}  # type: ignore[index]
    assert (await ask(client, LOG_IN, "192.0.2.2", token=tokens["d"])).status == HTTPStatus.OK
    assert (await ask(client, LOG_IN, token=tokens["d"])).status == HTTPStatus.OK


async def test_calls_are_limited_if_an_operator_wants_it(make_client: MakeClient) -> None:
    """By address or by key; health checks do not count as calls."""
    client = await serve(make_client, "calls=4/h")
    assert await statuses(client, "/", 6) == [*[HTTPStatus.OK] * 4, MANY, MANY]
    assert (await client.options("/")).status == HTTPStatus.OK
    for path in ("/healthz", "/readyz"):
        assert (await client.get(path)).status == HTTPStatus.OK
    client = await serve(make_client, "calls_per_key=4/h")
    found = [
        (await ask(client, LOG_IN, f"192.0.2.{n}", token=make_token(sub=f"u{n}"))).status
        for n in range(6)
    ]
    assert found == [*[HTTPStatus.OK] * 4, MANY, MANY]


async def test_bytes_of_bodies_are_limited(make_client: MakeClient) -> None:
    """The next call waits until what was too much is made up for."""
    client = await serve(make_client, "body_bytes=1000/h")

    assert await statuses(client, "/", 2, filling="x" * 2000) == [HTTPStatus.OK, MANY]
    assert await statuses(client, "/", 1, "192.0.2.2") == [HTTPStatus.OK]


async def test_websockets_and_their_subscriptions_are_limited(make_client: MakeClient) -> None:
    """By address; one that ends makes room for another."""
    client = await serve(make_client, "websockets=2,subscriptions=2")
    path = f"/pubsub?api_key={API_KEY}"
    first, second = [await client.ws_connect(path) for _ in range(2)]
    assert (await client.get(path)).status == MANY

    await first.send_json({"action": "sub", "channel": "a"})
    await second.send_json({"action": "sub", "channel": "b"})
    await second.send_json({"action": "sub", "channel": "c"})
    answer = await second.receive()
    assert answer.type is WSMsgType.TEXT
    assert "too many channels for one address" in answer.data
    await second.close()
    again = await client.ws_connect(path)
    await again.close()
    await first.close()


async def test_users_passwords_wait_in_a_bounded_queue(make_client: MakeClient) -> None:
    """What does not fit is asked to come again."""
    client = await serve(make_client, "password_hashes=2,sign_ups=off")
    answers = await asyncio.gather(
        *(
            ask(client, SIGN_UP, auth_data={"username": f"u{n}"}, password="right")
            for n in range(40)
        )
    )

    found = {answer.status for answer in answers}
    assert found == {HTTPStatus.OK, BUSY}
    assert {one.headers["Retry-After"] for one in answers if one.status == BUSY} == {"1"}


async def test_calls_wait_in_a_bounded_queue(make_client: MakeClient, tmp_path: Path) -> None:
    """While the database is busy; further calls get `Retry-After`, and other calls do not."""
    client = await serve(make_client, "calls_waiting=5", SKYLOGIN_ADMIN_PASSWORD="a long password")
    services = client.app[SERVICES]  # type: ignore[index]
    assert (await ask(client, LOG_IN, token=make_token())).status == HTTPStatus.OK

    with closing(sqlite3.connect(tmp_path / "0.db", isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        calls = [asyncio.create_task(ask(client, LOG_IN, token=make_token())) for _ in range(20)]
        await wait_until_async(lambda: sum(call.done() for call in calls) == len(calls) - WAITING)
        for path in ("/healthz", "/_status/healthz", "/portal/sign-in"):
            assert (await client.get(path)).status == HTTPStatus.OK
        other.execute("ROLLBACK")
    answers = [await call for call in calls]
    assert [one.status for one in answers].count(HTTPStatus.OK) == WAITING
    [refused, *_] = [one for one in answers if one.status != HTTPStatus.OK]
    assert (refused.status, refused.headers["Retry-After"]) == (BUSY, "1")
    error = {"name": "UnexpectedError", "code": 10000, "message": "the server is busy"}
    assert await refused.json() == {"error": error}
    assert services.load.calls == 0
    assert services.limits.hits == {"calls_waiting": len(calls) - WAITING}


async def test_off_ends_all_limits(make_client: MakeClient) -> None:
    """And `skylogin dev` has none."""
    for client in (await serve(make_client, "off"), await make_client()):
        headers = {"X-Skygear-API-Key": "changeme"}
        for _ in range(80):
            answer = await client.post(LOG_IN, json={"token": "x"}, headers=headers)
            assert answer.status != MANY


async def test_dev_says_which_limit_was_reached(make_client: MakeClient) -> None:
    """In the header of the reason, which a page on this machine may read."""
    client = await make_client(SKYLOGIN_LIMITS="refused_logins=1/h")
    headers = {"X-Skygear-API-Key": "changeme", "Origin": "http://localhost:8080"}
    for _ in range(2):
        answer = await client.post(LOG_IN, json={"token": "x"}, headers=headers)

    assert answer.status == MANY
    assert answer.headers["X-Skylogin-Reason"].startswith("too_many: the limit refused_logins is")
    exposed = answer.headers["Access-Control-Expose-Headers"]
    assert exposed == "Retry-After, X-Skylogin-Reason"


async def test_the_login_log_stays_small(
    make_client: MakeClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Of all that were too many since it was last written, one entry tells."""
    monkeypatch.setattr(login_log, "FLUSH_SECONDS", HOUR_SECONDS)
    client = await serve(make_client, "refused_logins=4/h")
    await statuses(client, LOG_IN, 100, token=make_token(secret="another secret"))
    services = client.app[SERVICES]  # type: ignore[index]
    await services.app.login_log.flush()

    async def load(tx: Any) -> Any:
        return await login_attempts.find(tx, "myapp", Filter(reason="too_many"), "", 1000)

    entries = await services.store.run(load, write=False)
    assert [entry.subject for entry in entries] == [""]


async def test_an_accepted_login_pays_no_statement_for_limits(make_client: MakeClient) -> None:
    """With all limits on, it sends the database what it sends without them."""
    every = "calls=1000/m,calls_per_key=1000/m,body_bytes=9000000/m,new_users=900/m"
    counted = []
    for limits in (every, "off"):
        client = await serve(make_client, limits)
        await ask(client, LOG_IN, token=make_token())
        with statements_counted() as statements:
            answer = await ask(client, LOG_IN, token=make_token())
        assert answer.status == HTTPStatus.OK
        counted.append(len(statements))
    assert counted[0] == counted[1]
