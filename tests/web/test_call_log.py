"""`SKYLOGIN_LOG_CALLS`: a line for each call, without what a caller keeps secret."""

import json
import logging
from http import HTTPStatus

import jwt
import pytest
from skylogin import config, logs

from tests.applications import Client, MakeClient
from tests.waiting import wait_until_async

SECRET = "s3cr3t-of-a-caller"


def test_calls_are_logged_where_a_setting_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    """And nowhere else."""
    loggers = [logging.getLogger(name) for name in (*logs.LOGGERS, logs.CALLS)]
    levels = [logger.level for logger in loggers]
    for logger in loggers:
        monkeypatch.setattr(logger, "handlers", [])
        monkeypatch.setattr(logger, "propagate", True)
    try:
        for value, wanted in (("yes", True), ("no", False)):
            logs.set_up(config.read({"SKYLOGIN_LOG_CALLS": value}, config.DEV))
            assert loggers[-1].isEnabledFor(logging.INFO) is wanted
    finally:
        for logger, level in zip(loggers, levels, strict=True):
            logger.setLevel(level)


async def test_a_call_is_logged_without_what_it_sent(
    make_client: MakeClient, caplog: pytest.LogCaptureFixture
) -> None:
    """With its id, action, status, reason and duration."""
    client: Client = await make_client()
    headers = {"X-Skygear-Access-Token": SECRET, "Cookie": SECRET, "Authorization": SECRET}
    body = {"api_key": SECRET, "token": SECRET, "auth_data": {"username": SECRET}}
    bodies = [json.dumps(body), json.dumps({**body, "api_key": "changeme"}), SECRET, ""]
    with caplog.at_level(logging.INFO, logs.CALLS):
        answers = [
            await client.post(f"{path}?token={SECRET}", data=sent, headers=headers)
            for path in ("/sso/custom_token/login", "/auth/login", "/me", "/", "/unknown")
            for sent in bodies
        ]

    lines = [record for record in caplog.records if record.name == logs.CALLS]
    assert [vars(line)["status"] for line in lines] == [answer.status for answer in answers]
    first = vars(lines[0])
    assert first["request_id"] == answers[0].headers["X-Skygear-Request-Id"]
    assert (first["action"], first["reason"]) == ("sso:custom_token:login", "api_key_wrong")
    assert first["ms"] >= 0
    assert not any(SECRET in str(vars(line)) for line in lines)


@pytest.mark.parametrize(
    ("headers", "exposed"),
    [
        ({"Origin": "http://localhost:8080"}, "X-Skylogin-Reason"),
        ({"Origin": "https://a.example"}, None),
        ({}, None),
    ],
)
async def test_a_page_on_this_machine_may_read_the_reason(
    headers: dict[str, str], exposed: str | None, client: Client
) -> None:
    """A browser shows a page of another site only the headers that the answer names."""
    refused = await client.post("/auth/login", json={}, headers=headers)

    assert refused.headers.get("Access-Control-Expose-Headers") == exposed


async def test_the_log_has_no_signature_of_a_token(
    client: Client, caplog: pytest.LogCaptureFixture
) -> None:
    """A client may have a token where the name of an action belongs, or that of an app."""
    token = jwt.encode({"sub": "alice"}, "a secret for tests of 32 characters", "HS256")
    with caplog.at_level(logging.INFO):
        for path in (f"/{token}", f"/x//{token}", f"/apps/{token}/me", f"/x/{token}/y"):
            await client.post(path, json={"action": token}, allow_redirects=False)
        await client.post("/", json={"action": token})

    written = " ".join(f"{one.getMessage()} {vars(one)}" for one in caplog.records)
    assert token.rpartition(".")[0] in written
    assert token.rpartition(".")[2] not in written


async def test_a_websocket_is_logged_when_the_server_ends_it(
    client: Client, caplog: pytest.LogCaptureFixture
) -> None:
    """With the id of its handshake; a broken message does not look like a crash."""
    with caplog.at_level(logging.INFO, logs.CALLS):
        async with client.ws_connect("/pubsub?api_key=changeme") as websocket:
            await websocket.send_str("not a message")
        await wait_until_async(lambda: caplog.records)

    [line] = map(vars, caplog.records)
    assert (line["path"], line["status"]) == ("/pubsub", HTTPStatus.SWITCHING_PROTOCOLS)
    assert line["request_id"]
