"""What `skylogin dev` allows beyond the machine that it runs on."""

import logging
from http import HTTPStatus

import pytest
from skylogin import config
from skylogin.config import ConfigurationError
from skylogin.domain import hosts
from skylogin.web import listening

from tests.applications import MakeClient

OWN = {"MASTER_KEY": "a key of my own"}
FLAG = {"SKYLOGIN_DEFAULT_KEY_ON_NETWORK": "yes"}
BEYOND = ["0.0.0.0", "[::]:3000", "0.0.0.0:80"]
WITHIN = ["", ":3000", "127.0.0.1", "127.9.9.9:1", "[::1]:80", "localhost", "LOCALHOST:80"]


@pytest.mark.parametrize("host", BEYOND)
@pytest.mark.parametrize("key", ["", "secret", "changeme2"])
def test_dev_beyond_loopback_needs_a_key_of_its_own(
    host: str, key: str, caplog: pytest.LogCaptureFixture
) -> None:
    """Or a setting that says so; either way it warns, in one line."""
    environment = {"HOST": host, "MASTER_KEY": key}
    if key in {"", "secret"}:
        with pytest.raises(ConfigurationError, match="SKYLOGIN_DEFAULT_KEY_ON_NETWORK"):
            listening.check_reach(config.read(environment, config.DEV))
        assert not caplog.records
        environment |= FLAG

    with caplog.at_level(logging.WARNING):
        listening.check_reach(config.read(environment, config.DEV))

    [record] = caplog.records
    assert "beyond loopback" in record.getMessage()
    assert "\n" not in record.getMessage()


@pytest.mark.parametrize("host", ["192.0.2.1:80", "a..b", "localhost.invalid"])
def test_an_invalid_address_is_not_called_beyond_loopback(host: str) -> None:
    """Conda, for one, sets HOST to the kind of the machine."""
    with pytest.raises(ConfigurationError, match="not an address of this machine"):
        listening.check_reach(config.read({"HOST": host}, config.DEV))


@pytest.mark.parametrize("host", WITHIN)
def test_dev_on_loopback_is_as_it_was(host: str, caplog: pytest.LogCaptureFixture) -> None:
    """Without a word."""
    listening.check_reach(config.read({"HOST": host}, config.DEV))

    assert not caplog.records


LOOPBACK = ["localhost", "app.localhost", "localhost.", "127.0.0.1", "::1", "::ffff:127.0.0.1"]
OTHER = ["", "localhost.evil.example", "127.0.0.1.evil.example", "10.0.0.1", "::2", "0.0.0.0"]


@pytest.mark.parametrize("host", [*LOOPBACK, *OTHER])
def test_loopback_is_this_machine_alone(host: str) -> None:
    """By address, or by a name that browsers know."""
    assert hosts.is_loopback(host) == (host in LOOPBACK)


FOREIGN = ["http://evil.example", "null", "http://localhost.evil.example", "http://[", "file://"]
OURS = ["http://localhost:8080", "https://shop.localhost", "http://127.0.0.1:3000", "http://[::1]"]


@pytest.mark.parametrize("origin", [*FOREIGN, *OURS])
async def test_foreign_pages_have_no_default_master_key(
    origin: str, make_client: MakeClient
) -> None:
    """In a header, in a body, and in a websocket's address; without a page it is accepted."""
    client = await make_client(config.DEV)
    page, key = {"Origin": origin}, {"X-Skygear-API-Key": "secret"}
    asked = [
        await client.post("/schema/fetch", json={}, headers=page | key),
        await client.post("/schema/fetch", json={"api_key": "secret"}, headers=page),
    ]
    without = await client.post("/schema/fetch", json={}, headers=key)
    public = await client.post("/role/default", json={"roles": []}, headers=page)

    assert without.status == HTTPStatus.OK
    assert "evil" not in (await public.text())
    for answer in asked:
        if origin in OURS:
            assert answer.status == HTTPStatus.OK
            continue
        assert answer.status == HTTPStatus.UNAUTHORIZED
        error = (await answer.json())["error"]
        assert (error["name"], error["message"]) == (
            "AccessKeyNotAccepted",
            "Cannot verify api key: `secret`",
        )
        reason = answer.headers["X-Skylogin-Reason"]
        assert reason.startswith("api_key_wrong: the default master key is not accepted from a web")


async def test_other_keys_are_accepted_from_any_page(make_client: MakeClient) -> None:
    """The API key is public, and nobody else knows a master key that you set."""
    client = await make_client(config.DEV, **OWN)
    for key in ("changeme", OWN["MASTER_KEY"]):
        headers = {"Origin": "http://evil.example", "X-Skygear-API-Key": key}
        answer = await client.post("/schema/fetch", json={}, headers=headers)
        assert answer.status == HTTPStatus.OK
