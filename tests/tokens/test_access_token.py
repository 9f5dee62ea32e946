"""Access tokens of `TOKEN_STORE=jwt`."""

import base64
import json
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from skylogin.errors import ACCESS_TOKEN_NOT_ACCEPTED, SkygearError
from skylogin.tokens import access_token
from skylogin.tokens.access_token import AccessToken

from tests.factories import NOW, SECONDS, SECRET, encoded, make_token, signature

KEY = SECRET.encode()
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def issue(**changes: Any) -> str:
    """Return a token that a server issues."""
    said = {"user_id": "user-1", "now": NOW, "token_id": "token-1", "issuer": "myapp"}
    values: dict[str, Any] = {**said, "expiry_seconds": 0, "key": KEY, **changes}
    return access_token.issue(**values)


def decoded(segment: str) -> str:
    """Return the text in a segment."""
    return base64.urlsafe_b64decode(segment + "=" * (-len(segment) % 4)).decode()


def test_a_token_has_exactly_the_form_of_the_original() -> None:
    """Members in the same order, without padding: an app may parse it."""
    header, claims, signed = issue().split(".")

    assert decoded(header) == '{"alg":"HS256","typ":"JWT"}'
    assert decoded(claims) == (f'{{"jti":"token-1","iat":{SECONDS},"iss":"myapp","sub":"user-1"}}')
    assert signed == signature(f"{header}.{claims}")


def test_the_expiry_comes_first() -> None:
    """Without an expiry there is no `exp`."""
    claims = decoded(issue(expiry_seconds=60).split(".")[1])

    assert list(json.loads(claims)) == ["exp", "jti", "iat", "iss", "sub"]
    assert json.loads(claims)["exp"] == SECONDS + 60
    assert "exp" not in decoded(issue(expiry_seconds=-1).split(".")[1])


EMPTY = {
    "no issuer": ({"issuer": ""}, f'{{"jti":"token-1","iat":{SECONDS},"sub":"user-1"}}'),
    "no user": ({"user_id": ""}, f'{{"jti":"token-1","iat":{SECONDS},"iss":"myapp"}}'),
    "no id": ({"token_id": ""}, f'{{"iat":{SECONDS},"iss":"myapp","sub":"user-1"}}'),
    "in 1970": ({"now": EPOCH}, '{"jti":"token-1","iss":"myapp","sub":"user-1"}'),
    "before": (
        {"now": EPOCH - timedelta(seconds=9)},
        '{"jti":"token-1","iat":-9,"iss":"myapp","sub":"user-1"}',
    ),
    "an expiry in 1970": (
        {"now": EPOCH - timedelta(seconds=9), "expiry_seconds": 9},
        '{"jti":"token-1","iat":-9,"iss":"myapp","sub":"user-1"}',
    ),
}


@pytest.mark.parametrize(("changes", "claims"), EMPTY.values(), ids=EMPTY)
def test_what_is_empty_is_left_out(changes: dict[str, Any], claims: str) -> None:
    """As by the original, whose claims are a struct."""
    assert decoded(issue(**changes).split(".")[1]) == claims


def test_text_has_the_bytes_of_the_original() -> None:
    """Go escapes what may be read as HTML, and control characters in its own way."""
    text = '<é>&"\\b\\\b\f\n\r\t\x01\x7f\u2028'

    claims = decoded(issue(issuer=text, user_id="\\").split(".")[1])

    assert claims == (
        f'{{"jti":"token-1","iat":{SECONDS},"iss":"'
        r"\u003cé\u003e\u0026\"\\b\\\u0008\u000c\n\r\t\u0001"
        "\x7f"
        r'\u2028","sub":"\\"}'
    )
    assert json.loads(claims)["iss"] == text


def test_an_issued_token_is_accepted() -> None:
    """Until its last second, by clocks that are up to 5 seconds behind the issuer's."""
    issued = AccessToken("user-1", "myapp", NOW)
    assert access_token.verify(issue(), NOW + timedelta(days=9999), KEY) == issued

    ending = issue(expiry_seconds=60)
    assert access_token.verify(ending, NOW + timedelta(seconds=60), KEY) == issued
    assert access_token.verify(ending, NOW - timedelta(seconds=5), KEY) == issued
    for moment in (NOW + timedelta(seconds=61), NOW - timedelta(seconds=6)):
        with pytest.raises(SkygearError):
            access_token.verify(ending, moment, KEY)


ACCEPTED: dict[str, tuple[str, AccessToken]] = {
    "HS512": (make_token(header={"alg": "HS512"}), AccessToken("alice", "", NOW)),
    "another issuer": (make_token(iss="other"), AccessToken("alice", "other", NOW)),
    "no subject": (make_token(sub=None), AccessToken("", "", NOW)),
    "no times": (make_token(iat=None, exp=None), AccessToken("alice", "", None)),
    "text as a profile": (
        make_token(profile="x", skyprofile=1),
        AccessToken("alice", "", NOW),
    ),
    "an issuer that is null": (
        make_token('{"sub":"alice","iss":null}'),
        AccessToken("alice", "", None),
    ),
    "empty text": (make_token(sub="", iss="", iat=0, exp=0), AccessToken("", "", None)),
    "issued before 1970": (make_token(iat=-1), AccessToken("alice", "", None)),
    "issued before the year 1": (make_token(iat=-(2**62)), AccessToken("alice", "", None)),
}


@pytest.mark.parametrize(("token", "said"), ACCEPTED.values(), ids=ACCEPTED)
def test_tokens_of_other_servers_with_the_same_key_are_accepted(
    token: str, said: AccessToken
) -> None:
    """Such as the original's; a profile is ignored."""
    assert access_token.verify(token, NOW, KEY) == said


REFUSED = {
    "no token": "x",
    "another key": make_token(secret="x"),
    "none": make_token(header={"alg": "none"}),
    "asymmetric": make_token(header={"alg": "RS256"}),
    "expired": make_token(exp=SECONDS - 1),
    "issued in the future": make_token(iat=SECONDS + 6),
    "not yet": make_token(nbf=SECONDS + 1),
    "a number": make_token(sub=1),
    "claims list": make_token("[]"),
    "changed": make_token()[:-3] + "AAA",
    "no signature": f"""{encoded(b'{"alg":"HS256"}')}.{encoded(b"{}")}.""",
}


@pytest.mark.parametrize("token", REFUSED.values(), ids=REFUSED)
def test_every_other_token_gets_the_same_answer(token: str) -> None:
    """The client learns neither the reason nor the key."""
    with pytest.raises(SkygearError) as caught:
        access_token.verify(token, NOW, KEY)

    error = caught.value
    assert error.kind is ACCESS_TOKEN_NOT_ACCEPTED
    assert error.message == "token does not exist or it has expired"
    assert SECRET not in error.explanation


# Seconds from the last change of the password to the issue of the token.
VALID = {0: True, -1: False, 1: True, -0.5: True, -0.999: True}


@pytest.mark.parametrize(("seconds", "good"), VALID.items())
def test_a_new_password_ends_older_tokens(seconds: float, good: bool) -> None:
    """Those of the second before stay valid, because tokens have whole seconds."""
    issued = NOW + timedelta(seconds=seconds)
    if good:
        access_token.check_still_valid(issued, NOW)
        return
    with pytest.raises(SkygearError):
        access_token.check_still_valid(issued, NOW)


def test_without_both_times_no_token_is_too_old() -> None:
    """A token without a time, or a user who never changed the password."""
    access_token.check_still_valid(None, NOW)
    access_token.check_still_valid(NOW, None)
