"""The app that a host name means, over HTTP."""

import pytest

from tests.applications import Client, MakeClient

MASTER = {"Authorization": "Bearer secret"}
HOSTS = ("worker-9.localhost", "worker-9.localhost.", "WORKER-9.LocalHost.:3000")


async def names_of_apps(client: Client) -> list[str]:
    """Return the apps of the server, which makes one when it is first used."""
    answer = await client.get("/_admin/v1/apps", headers=MASTER)
    return [app["name"] for app in (await answer.json())["apps"]]


@pytest.mark.parametrize("host", HOSTS)
async def test_a_call_is_for_the_app_of_its_host(host: str, client: Client) -> None:
    """In every spelling of the name."""
    answer = await client.post("/auth/signup", json={"api_key": "changeme"}, headers={"Host": host})

    assert answer.ok
    assert await names_of_apps(client) == ["myapp", "worker-9"]


@pytest.mark.parametrize("trusted", ["127.0.0.1", "10.0.0.1"])
async def test_a_trusted_proxy_may_have_replaced_the_host(
    trusted: str, make_client: MakeClient
) -> None:
    """Nobody else can name another one."""
    client = await make_client(SKYLOGIN_TRUSTED_PROXIES=trusted)
    headers = {"Host": "127.0.0.1", "X-Forwarded-Host": "worker-9.localhost."}

    assert (await client.post("/auth/signup", json={"api_key": "changeme"}, headers=headers)).ok

    assert ("worker-9" in await names_of_apps(client)) == (trusted == "127.0.0.1")
