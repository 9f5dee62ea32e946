"""Minting custom tokens and logging in with them."""

from datetime import UTC, datetime
from http import HTTPStatus

import pytest
from skylogin.testing import CallRefusedError, LoginRefusedError, SkyloginApp, SkyloginServer
from skylogin.tokens.bad_tokens import KINDS

pytestmark = pytest.mark.slow

SOME_DAY = datetime(2031, 5, 6, 7, 8, 9, tzinfo=UTC)


def test_a_user_logs_in(skylogin: SkyloginApp) -> None:
    """The user has the profile of the token."""
    alice = skylogin.login("alice", {"name": "Alice"})

    user = skylogin.users["alice"]
    assert alice.user_id == user.id
    assert alice.profile == {"name": "Alice"} == user.profile
    assert alice.record["_id"] == f"user/{user.id}"
    assert alice.last_login_at is None
    assert user.last_login_at == user.created_at
    assert skylogin.call("me", access_token=alice.access_token)["user_id"] == user.id


def test_the_second_login_has_the_time_of_the_first(skylogin: SkyloginApp) -> None:
    """By the app's clock."""
    skylogin.clock.freeze(SOME_DAY)
    skylogin.login("alice")
    skylogin.clock.advance(hours=1)

    assert skylogin.login("alice").last_login_at == SOME_DAY


@pytest.mark.parametrize("kind", KINDS)
def test_a_bad_token_is_refused(kind: str, skylogin: SkyloginApp) -> None:
    """For the reason of its kind, which is also in the login log."""
    with pytest.raises(LoginRefusedError) as refusal:
        skylogin.login_with(getattr(skylogin.bad, kind)("alice"))

    reason = str(KINDS[kind].reason)
    assert refusal.value.reason == reason == skylogin.logins.last.reason
    assert kind in dir(skylogin.bad)


def test_an_unknown_kind_of_bad_token_is_refused_with_the_kinds(skylogin: SkyloginApp) -> None:
    """By an attribute error that lists them."""
    with pytest.raises(AttributeError, match=r"'nice'; the kinds are expired, not_yet"):
        skylogin.bad.nice("alice")


def test_a_refused_login_explains_itself(skylogin: SkyloginApp) -> None:
    """The text of the error has status, body, reason and explanation, but not the token."""
    skylogin.clock.freeze(SOME_DAY)
    token = skylogin.mint("alice", expires_in=-12)

    with pytest.raises(LoginRefusedError) as refusal:
        skylogin.login_with(token)

    assert str(refusal.value) == (
        "400 BadRequest 107: fails to decode the request payload (expired: expired 12 s ago: "
        "exp is 2031-05-06T07:07:57Z, the server's clock says 2031-05-06T07:08:09Z)"
    )
    assert refusal.value.status == HTTPStatus.BAD_REQUEST
    assert refusal.value.error["name"] == "BadRequest"
    assert refusal.value.explanation.startswith("expired 12 s ago")


def test_a_token_takes_further_claims_and_an_algorithm(skylogin: SkyloginApp) -> None:
    """Further claims are added or replace others, and the algorithm can be chosen."""
    token = skylogin.mint("alice", algorithm="HS384", aud="shop", iss="me")
    skylogin.login_with(token)

    assert skylogin.logins.last.algorithm == "HS384"
    assert {"aud", "iss"} < set(skylogin.logins.last.claim_names)
    assert skylogin.logins.last.claims["iss"] == "me"
    assert skylogin.logins.last.profile is None
    assert skylogin.logins.last.header == {"alg": "HS384", "typ": "JWT"}


def test_a_token_is_valid_by_the_apps_clock(skylogin: SkyloginApp) -> None:
    """A token minted now is accepted now, and expires after an hour of that clock."""
    skylogin.clock.set(SOME_DAY)
    token = skylogin.mint("alice")
    skylogin.login_with(token)
    skylogin.clock.advance(hours=1, seconds=1)

    with pytest.raises(LoginRefusedError, match="expired"):
        skylogin.login_with(token)


def test_the_master_key_may_do_what_a_client_may_not(skylogin: SkyloginApp) -> None:
    """It may do what a client may not."""
    alice = skylogin.login("alice")
    order = {"auth_id": alice.user_id, "disabled": True, "message": "too loud"}

    with pytest.raises(CallRefusedError, match="401 PermissionDenied"):
        skylogin.call("auth:disable:set", access_token=alice.access_token, **order)
    skylogin.call("auth:disable:set", with_master_key=True, **order)

    with pytest.raises(LoginRefusedError, match="too loud"):
        skylogin.login("alice")


def test_a_signed_out_user_logs_in_a_second_later(skylogin: SkyloginApp) -> None:
    """Tokens of the same second are revoked too, which matters if the clock is frozen."""
    skylogin.clock.freeze()
    before = skylogin.login("alice")
    skylogin.users["alice"].sign_out()
    with pytest.raises(CallRefusedError, match="AccessTokenNotAccepted"):
        skylogin.call("me", access_token=before.access_token)
    skylogin.clock.advance(1)
    after = skylogin.login("alice")

    assert skylogin.call("me", access_token=after.access_token)["user_id"] == after.user_id


def test_an_app_has_its_address_and_its_keys(
    skylogin: SkyloginApp, skylogin_server: SkyloginServer
) -> None:
    """They go into the configuration of the application under test."""
    assert skylogin.url == f"{skylogin_server.url}/apps/{skylogin.name}/"
    assert skylogin.api_key == "changeme"
    assert skylogin.master_key == "secret"
    assert skylogin.secret == skylogin_server.custom_token_secret
    assert skylogin.secret not in repr(skylogin)
