"""`/metrics`: who may see the numbers, and what they say."""

import asyncio
import json
from collections.abc import Mapping
from http import HTTPStatus

import pytest
from aiohttp import ClientSession
from prometheus_client.parser import text_string_to_metric_families
from skylogin import config
from skylogin.apps import login_log
from skylogin.clock import system_now
from skylogin.errors import Reason
from skylogin.tokens.mint import mint
from skylogin.web import metrics_page, server
from skylogin.web.keys import SERVICES

from tests.applications import Client, MakeClient
from tests.sites import KEYS

TOKEN = "a token for the numbers"
SECRET = "a secret of this test"


async def numbers(client: Client, **options: Mapping[str, str]) -> dict[str, float]:
    """Return what `/metrics` answers: each number by its name and labels."""
    answer = await client.get("/metrics", **options)
    assert answer.status == HTTPStatus.OK
    return read(await answer.text())


def read(text: str) -> dict[str, float]:
    """Return the numbers in the text format of Prometheus, `name{label="value"}` each."""
    found = {}
    for family in text_string_to_metric_families(text):
        for sample in family.samples:
            labels = ",".join(f'{name}="{value}"' for name, value in sample.labels.items())
            found[f"{sample.name}{{{labels}}}" if labels else sample.name] = sample.value
    return found


# --- who may see them --------------------------------------------------------------------


@pytest.mark.parametrize("path", ["/metrics", "/metrics/", "/Metrics", "/metrics?x=1"])
@pytest.mark.parametrize("host", ["127.0.0.1:3000", "localhost", "[::1]:80"])
async def test_programs_on_this_machine_see_the_metrics(
    path: str, host: str, client: Client
) -> None:
    """As text, which no page of another site may read."""
    answer = await client.get(path, headers={"Host": host, "Origin": "http://localhost:5000"})

    assert answer.status == HTTPStatus.OK
    assert answer.content_type == "text/plain"
    assert not [name for name in answer.headers if name.startswith("Access-Control-")]
    assert "skylogin_build_info" in await answer.text()


FROM_ELSEWHERE = [
    {"X-Forwarded-For": "192.0.2.1"},
    {"X-Forwarded-For": ""},
    {"x-forwarded-proto": "https"},
    {"Forwarded": "for=192.0.2.1"},
    {"X-Real-IP": "127.0.0.1"},
    {"Via": "1.1 proxy"},
    {"Host": "login.example.com"},
    {"Host": "localhost.example.com"},
    {"Host": "a@localhost"},
    {"Authorization": f"Bearer {TOKEN}", "X-Forwarded-Host": "localhost"},
]


@pytest.mark.parametrize("headers", FROM_ELSEWHERE, ids=str)
async def test_clients_of_a_proxy_see_nothing(headers: dict[str, str], client: Client) -> None:
    """Neither do pages of other sites whose name resolves to this machine."""
    answer = await client.get("/metrics", headers=headers)

    assert (answer.status, await answer.text()) == (HTTPStatus.NOT_FOUND, "not found\n")


@pytest.mark.parametrize("given", ["", "Bearer", f"Bearer {TOKEN}x", TOKEN, f"Basic {TOKEN}"])
async def test_with_a_token_everybody_needs_it(given: str, make_client: MakeClient) -> None:
    """Also programs on this machine, which may be a proxy that says nothing of its clients."""
    client = await make_client(config.SERVE, **KEYS, SKYLOGIN_METRICS_TOKEN=TOKEN)
    headers = {"Authorization": given} if given else {}

    answer = await client.get("/metrics", headers=headers)
    assert (answer.status, await answer.text()) == (HTTPStatus.FORBIDDEN, "forbidden\n")

    headers = {"Authorization": f"Bearer {TOKEN}", "X-Forwarded-For": "192.0.2.1", "Host": "a.b"}
    assert await numbers(client, headers=headers)


async def test_the_metrics_may_have_a_port_of_their_own(make_client: MakeClient) -> None:
    """Where they are, they are not on the port of the calls."""
    client = await make_client(SKYLOGIN_METRICS_PORT="9100")

    assert (await client.get("/metrics")).status == HTTPStatus.NOT_FOUND

    environment = {"HOST": "127.0.0.1:0", "SKYLOGIN_METRICS_PORT": "0"}
    async with (
        server.running(config.read(environment, config.DEV), ephemeral=True) as running,
        ClientSession() as session,
    ):
        assert running.facts()["metrics"] == running.metrics_url
        async with session.get(running.metrics_url) as answer:
            seen = read(await answer.text())
        async with session.get(running.metrics_url.replace("/metrics", "/me")) as answer:
            other = answer.status
        async with session.get(running.metrics_url, headers={"Via": "1.1 a"}) as answer:
            from_elsewhere = answer.status

    assert seen["skylogin_connections"] == 1
    assert other == from_elsewhere == HTTPStatus.NOT_FOUND


# --- what they say -----------------------------------------------------------------------


def login(subject: str, secret: str = SECRET, key: str = "changeme") -> str:
    """Return the body of a login."""
    token = mint(subject, secret, system_now())
    return json.dumps({"action": "sso:custom_token:login", "api_key": key, "token": token})


async def test_logins_are_counted_by_reason(make_client: MakeClient) -> None:
    """Calls by action and status too, with the size of their batches and the time of commits."""
    client = await make_client(CUSTOM_TOKEN_SECRET=SECRET)
    bodies = [login("alice"), login("alice"), login("bob", "another"), login("bob", key="wrong")]
    for body in bodies:
        await client.post("/", data=body)
    await asyncio.gather(*(client.post("/", data=login(f"user-{i}")) for i in range(20)))
    seen = await numbers(client)

    expected = {
        'skylogin_logins_total{outcome="accepted",reason="created"}': 21,
        'skylogin_logins_total{outcome="accepted",reason="updated"}': 1,
        'skylogin_logins_total{outcome="refused",reason="signature_wrong"}': 1,
        'skylogin_logins_total{outcome="refused",reason="api_key_wrong"}': 1,
        'skylogin_logins_total{outcome="refused",reason="expired"}': 0,
        'skylogin_answers_total{code="2xx"}': 22,
        'skylogin_answers_total{code="4xx"}': 2,
        'skylogin_call_duration_seconds_count{action="sso:custom_token:login"}': 24,
        'skylogin_batch_size_sum{kind="logins"}': 22,
    }
    assert {name: seen[name] for name in expected} == expected
    batches = seen['skylogin_batch_size_count{kind="logins"}']
    assert 0 < batches <= expected['skylogin_batch_size_sum{kind="logins"}']
    assert seen["skylogin_commit_duration_seconds_count"] >= batches


async def test_labels_have_closed_lists(client: Client) -> None:
    """Whatever clients make up is one value."""
    names = ["made-up", 'a"b', "x\ny", "", "other", "asset:put", "☃", "auth:login:x"]
    for name in names:
        await client.post("/", data=json.dumps({"action": name, "api_key": name, "token": name}))
        await client.post("/sso/custom_token/login", data=json.dumps({"api_key": name}))
    await client.get("/apps/nothing%0a/me")
    await client.post("/", data="no JSON")
    seen = await numbers(client)

    counted = "skylogin_call_duration_seconds_count"
    assert {name: seen[name] for name in seen if name.startswith(counted)} == {
        f'{counted}{{action="home"}}': 1,
        f'{counted}{{action="other"}}': len(names) - 1 + 2,
        f'{counted}{{action="sso:custom_token:login"}}': len(names),
    }
    reasons = [name for name in seen if name.startswith("skylogin_logins_total")]
    assert len(reasons) == len(Reason) + 1


async def test_what_is_open_is_shown(client: Client) -> None:
    """A websocket that closed is not counted any more."""
    before = await numbers(client)
    async with client.ws_connect("/pubsub?api_key=changeme") as socket:
        await socket.send_json({"action": "sub", "channel": "a"})
        await socket.send_json({"action": "pub", "channel": "a", "data": {}})
        await socket.receive()
        during = await numbers(client)

    assert before["skylogin_websockets"] == before["skylogin_pubsub_channels"] == 0
    assert during["skylogin_websockets"] == during["skylogin_pubsub_channels"] == 1
    assert during["skylogin_database_connections_in_use"] == 0
    assert during['process_resident_memory_bytes{worker="1"}'] > 0


async def test_refused_attempts_that_wait_are_shown(
    make_client: MakeClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Those that the login log leaves out too."""
    client = await make_client(CUSTOM_TOKEN_SECRET=SECRET)
    monkeypatch.setattr(login_log, "WAITING_MAX", 2)
    monkeypatch.setattr(login_log, "FLUSH_SECONDS", 60)
    await asyncio.gather(*(client.post("/", data=login("a", "another")) for _ in range(3)))
    seen = await numbers(client)
    await client.app[SERVICES].app.login_log.write()
    after = await numbers(client)

    waiting, left_out = "skylogin_login_log_waiting", "skylogin_login_log_left_out_total"
    assert (seen[waiting], seen[left_out]) == (login_log.WAITING_MAX, 1)
    assert (after[waiting], after[left_out]) == (0, 1)


async def test_calls_beyond_a_limit_are_counted(make_client: MakeClient) -> None:
    """By the limit."""
    limits = "refused_logins=1/h,websockets=1"
    client = await make_client(CUSTOM_TOKEN_SECRET=SECRET, SKYLOGIN_LIMITS=limits)
    refused = 3
    for _ in range(refused):
        await client.post("/", data=login("a", "another"))
    seen = await numbers(client)

    assert seen['skylogin_limits_reached_total{limit="refused_logins"}'] == refused - 1
    assert seen['skylogin_limits_reached_total{limit="websockets"}'] == 0
    assert seen["skylogin_shed_calls_total"] == 0


# --- the memory that workers share -------------------------------------------------------


def test_the_rows_of_workers_are_added_up() -> None:
    """What a worker counted stays when another takes its place; what it had open does not."""
    metrics = metrics_page.make_metrics(workers=2)
    for worker in (0, 1, 0):
        metrics.use(worker)
        metrics.logins.add(Reason.CREATED)
        metrics.commits.observe(0.002)
        metrics.turned_away.follow(lambda: 5)
        metrics.connections.follow(lambda: 3)
        metrics.refresh()

    def total(numbers: object) -> object:
        [found] = [one for one in metrics.families if one is numbers]
        return found.totals(metrics.rows)

    assert total(metrics.logins)[Reason.CREATED] == (3,)  # type: ignore[index]
    assert total(metrics.turned_away) == {"": (15,)}
    assert total(metrics.connections) == {"": (6,)}
    metrics.forget(1)
    assert total(metrics.connections) == {"": (3,)}
    assert total(metrics.turned_away) == {"": (15,)}
    assert list(metrics.process_ids()) == [0]
