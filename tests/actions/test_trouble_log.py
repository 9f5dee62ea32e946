"""The database or the token store fails: a few lines say which calls failed, and why."""

import socket
from collections.abc import Iterator
from http import HTTPStatus
from pathlib import Path

import pytest
from skylogin.actions.services import Services
from skylogin.apps import refreshed
from skylogin.apps.trouble_log import CAUSES_MAX, TroubleLog
from skylogin.clock import MINUTE_SECONDS
from skylogin.errors import (
    UNABLE_TO_OPEN_DATABASE,
    Reason,
    SkygearError,
    not_decodable,
)
from skylogin.store import login_attempts

from tests.applications import Client
from tests.factories import make_token
from tests.statement_counter import statements_counted
from tests.stores import Ask, MakeServices

LOG_IN = "sso:custom_token:login"


@pytest.fixture(params=["fs", "redis", pytest.param("silent redis", marks=pytest.mark.slow)])
def token_store(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[dict[str, str]]:
    """The settings of a token store that will not work."""
    if request.param == "fs":
        folder = tmp_path / "token"
        yield {"TOKEN_STORE": "fs", "TOKEN_STORE_PATH": str(folder)}
        return
    with socket.create_server(("127.0.0.1", 0)) as silent:
        url = f"redis://127.0.0.1:{silent.getsockname()[1]}"
        if request.param == "redis":
            silent.close()
        yield {"TOKEN_STORE": "redis", "TOKEN_STORE_PATH": url}


def remove_folder(token_store: dict[str, str]) -> None:
    """Let a file be in place of the directory, if there is one."""
    if token_store["TOKEN_STORE"] == "fs":
        folder = Path(token_store["TOKEN_STORE_PATH"])
        folder.rmdir()
        folder.write_text("")


async def entries_of(services: Services) -> list[tuple[bool, str, str]]:
    """Return what the login log says, oldest first."""
    await services.app.login_log.flush()
    name = services.app.name
    latest = await services.store.run(lambda tx: login_attempts.load_latest(tx, name, 9))
    return [(one.accepted, one.reason, one.details["explanation"]) for one in reversed(latest)]


@pytest.mark.parametrize(
    "login",
    [
        (LOG_IN, {"token": make_token(secret="a secret")}),
        ("auth:signup", {"auth_data": {"username": "alice"}, "password": "a password"}),
    ],
)
async def test_a_login_that_is_committed_without_a_token_is_told_apart(
    make_services: MakeServices,
    ask: Ask,
    token_store: dict[str, str],
    login: tuple[str, dict[str, object]],
    caplog: pytest.LogCaptureFixture,
) -> None:
    """In the login log and on stderr; the wire has the original's error."""
    services = await make_services(**token_store)
    remove_folder(token_store)
    action, payload = login

    answer = await ask(services, action, **payload)

    assert answer.status == HTTPStatus.INTERNAL_SERVER_ERROR
    assert answer.body["error"]["message"] == "the access token store does not work"
    accepted, refused = await entries_of(services)
    assert accepted[:2] == (True, Reason.CREATED)
    assert refused[:2] == (False, Reason.COMMITTED_WITHOUT_TOKEN)
    assert "the login was committed, but got no access token" in refused[2]
    [line] = caplog.messages
    assert f"of {action}: {refused[2]}" in line


async def test_another_call_that_needs_the_token_store_is_told_apart_too(
    make_services: MakeServices, ask: Ask, caplog: pytest.LogCaptureFixture
) -> None:
    """It committed nothing."""
    services = await make_services(
        TOKEN_STORE="redis", TOKEN_STORE_PATH="redis://:Geheim@127.0.0.1:1"
    )
    for _ in range(3):
        answer = await ask(services, "me", access_token="0281e299-4698-45c8-b982-cac2935d944d")
        assert answer.refusal is not None
        assert answer.refusal.reason is Reason.TOKEN_STORE_UNAVAILABLE

    [line] = caplog.messages
    assert "of me: Redis cannot be reached (Connection refused)" in line
    assert "Geheim" not in line


# --- the log ----------------------------------------------------------------------------


def failure(cause: str, reason: Reason = Reason.DATABASE_UNAVAILABLE) -> SkygearError:
    """Return the error of a call that failed of *cause*."""
    return SkygearError(UNABLE_TO_OPEN_DATABASE, "", reason=reason, explanation=cause)


def test_each_cause_is_logged_once_a_minute(caplog: pytest.LogCaptureFixture) -> None:
    """With the number of calls since then; other errors are not."""
    now = [0.0]
    trouble = TroubleLog(lambda: now[0])
    for number in range(1000):
        trouble.note(failure("disk full"), f"call {number}")
    trouble.note(failure("no Redis", Reason.TOKEN_STORE_UNAVAILABLE), "call 1000")
    trouble.note(not_decodable(Reason.EXPIRED, "expired"), "call 1001")
    trouble.note(ValueError("a crash"), "call 1002")
    now[0] = MINUTE_SECONDS
    trouble.note(failure("disk full"), "call 1003")

    assert caplog.messages == [
        "call 0: disk full (calls since the line before: 1)",
        "call 1000: no Redis (calls since the line before: 1)",
        "call 1003: disk full (calls since the line before: 1000)",
    ]


def test_causes_that_all_differ_are_bounded(caplog: pytest.LogCaptureFixture) -> None:
    """One of the others a minute is logged."""
    now = [0.0]
    trouble = TroubleLog(lambda: now[0])
    for minute in range(3):
        now[0] = MINUTE_SECONDS * minute
        for number in range(1000):
            trouble.note(failure(f"cause {minute} {number}"), "call")

    assert len(caplog.messages) == CAUSES_MAX + 3


async def test_a_call_with_a_wrong_key_waits_for_no_database(
    client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The secrets that its log entry must not have are known, however old they are."""
    monkeypatch.setattr(refreshed, "KNOWN_SECONDS", 0)
    body = {"api_key": "changeme", "token": make_token()}
    await client.post("/sso/custom_token/login", json=body)
    with statements_counted() as statements:
        answer = await client.post("/sso/custom_token/login", json={**body, "api_key": "wrong"})

    assert answer.status == HTTPStatus.UNAUTHORIZED
    assert not [one for one in statements if "custom_token_secrets" in one]
