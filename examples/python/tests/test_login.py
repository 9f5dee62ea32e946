"""Tests of the whole login: password, custom token, Skygear. `skylogin` is skylogin's fixture."""

from datetime import UTC, datetime

import pytest
from client import RefusedError, fetch_custom_token, log_in, log_in_with_token

BAD_REQUEST = 107


@pytest.fixture
def auth_server(skylogin, start_auth_server):
    return start_auth_server(skylogin.secret)


def log_in_as(skylogin, auth_server, username, password):
    return log_in(auth_server.url, skylogin.url, skylogin.api_key, username, password)


def test_a_user_of_the_auth_server_becomes_a_user_of_skygear(skylogin, auth_server):
    answer = log_in_as(skylogin, auth_server, "alice", "correct horse")

    assert answer["profile"]["username"] == "alice"
    assert answer["profile"]["email"] == "alice@example.com"
    assert skylogin.users["u-1001"].id == answer["user_id"]


def test_each_login_gives_the_same_user(skylogin, auth_server):
    first = log_in_as(skylogin, auth_server, "alice", "correct horse")
    second = log_in_as(skylogin, auth_server, "alice", "correct horse")
    other = log_in_as(skylogin, auth_server, "bob", "battery staple")

    assert second["user_id"] == first["user_id"] != other["user_id"]


def test_a_wrong_password_never_reaches_skygear(skylogin, auth_server):
    with pytest.raises(RefusedError, match="wrong user name or password"):
        log_in_as(skylogin, auth_server, "alice", "wrong")

    assert list(skylogin.logins) == []


def test_an_expired_token_is_refused(skylogin, auth_server):
    token = fetch_custom_token(auth_server.url, "alice", "correct horse")
    log_in_with_token(skylogin.url, skylogin.api_key, token)

    skylogin.clock.advance(3601)

    with pytest.raises(RefusedError) as refused:
        log_in_with_token(skylogin.url, skylogin.api_key, token)
    assert refused.value.code == BAD_REQUEST
    assert skylogin.logins.wait_for("u-1001", accepted=False).reason == "expired"


def test_a_token_issued_in_the_future_is_refused(skylogin, auth_server):
    skylogin.clock.freeze(datetime(2026, 1, 1, tzinfo=UTC))

    with pytest.raises(RefusedError):
        log_in_as(skylogin, auth_server, "alice", "correct horse")

    attempt = skylogin.logins.wait_for("u-1001")
    assert attempt.reason == "issued_in_future"
    assert attempt.at == datetime(2026, 1, 1, tzinfo=UTC)


def test_a_token_signed_with_another_secret_is_refused(skylogin, start_auth_server):
    other = start_auth_server("not the secret of Skygear, but as long as one")

    with pytest.raises(RefusedError):
        log_in_as(skylogin, other, "bob", "battery staple")

    assert skylogin.logins.wait_for(accepted=False).reason == "signature_wrong"


def test_a_reset_removes_the_users(skylogin):
    before = skylogin.login("carol")

    skylogin.reset()

    assert "carol" not in skylogin.users
    assert skylogin.login("carol").user_id != before.user_id
