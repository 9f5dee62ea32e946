"""Explaining a token."""

import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from skylogin import config
from skylogin.tokens.custom_token import ORIGINAL, Rules
from skylogin.tokens.explain import explain

from tests.factories import NOW, SECONDS, SECRET, SECRETS, make_token


def test_a_good_token_is_explained() -> None:
    """With all it says, and with readable times."""
    token = make_token(header={"alg": "HS256", "kid": "k"}, admin=True)

    verdict = explain(token, SECRETS, NOW, Rules())

    assert (verdict.accepted, verdict.status, verdict.error) == (True, 200, "")
    assert verdict.explanation == "signed with the secret first, for alice"
    assert verdict.header == (("alg", "HS256"), ("kid", "k"))
    assert [name for name, _ in verdict.claims] == ["sub", "iat", "exp", "admin"]
    assert verdict.notes == {"iat": "2026-01-02T03:04:05Z", "exp": "2026-01-02T04:04:05Z"}
    assert verdict.as_dict()["contract_note"] is None


def test_a_bad_token_is_explained_with_the_answer_it_would_get() -> None:
    """And with what it says."""
    verdict = explain(make_token(exp=SECONDS - 12), SECRETS, NOW, Rules())

    assert not verdict.accepted
    assert (verdict.status, verdict.reason) == (400, "expired")
    assert verdict.error == "BadRequest 107: fails to decode the request payload"
    assert verdict.explanation.startswith("expired 12 s ago: exp is 2026-01-02T03:03:53Z")
    assert dict(verdict.claims)["sub"] == "alice"
    assert verdict.as_dict()["secret"] == "first"
    assert explain(make_token(secret="x"), SECRETS, NOW, Rules()).as_dict()["secret"] is None


@pytest.mark.parametrize("token", [make_token(exp=SECONDS), make_token(sub="x" * 37)])
def test_the_verdict_says_when_the_contracts_differ(token: str) -> None:
    """Under each contract."""
    documented = explain(token, SECRETS, NOW, Rules())
    original = explain(token, SECRETS, NOW, Rules(contract=ORIGINAL))

    assert not documented.accepted
    assert documented.contract_note == "SKYLOGIN_CONTRACT=original would accept it"
    assert original.accepted
    assert original.contract_note == "only SKYLOGIN_CONTRACT=original accepts it"


def test_repeated_claims_are_all_shown() -> None:
    """Otherwise a developer would not find the second one."""
    verdict = explain(make_token('{"sub":"a","sub":"b","x":{"y":1}}'), SECRETS, NOW, Rules())

    assert verdict.claims == (("sub", "a"), ("sub", "b"), ("x", {"y": 1}))


@pytest.mark.parametrize(
    "token", ["", "x", "a.b.c", "é" * 10, make_token("[]"), make_token("null")]
)
def test_an_unreadable_token_is_refused_and_not_shown(token: str) -> None:
    """Without an exception."""
    verdict = explain(token, SECRETS, NOW, Rules())

    assert not verdict.accepted
    assert verdict.claims == ()


@pytest.mark.parametrize("claims", ['{"sub":"a","x":1e999}', '{"x":[{"y":-1e999}]}'])
def test_a_number_too_large_for_a_double_can_be_shown(claims: str) -> None:
    """The verdict is valid JSON, whatever the token contains."""
    verdict = explain(make_token(claims), SECRETS, NOW, Rules())

    assert json.dumps(verdict.as_dict(), allow_nan=False)


def test_without_secrets_no_token_is_accepted() -> None:
    """If the login is off, no secret signed the token."""
    verdict = explain(make_token(), (), NOW, Rules())

    assert (verdict.accepted, verdict.reason) == (False, "signature_wrong")


@given(
    claims=st.dictionaries(
        st.sampled_from(["sub", "exp", "iat", "x"]), st.integers() | st.text(max_size=3)
    ),
    secret=st.sampled_from([SECRET, "another secret of the same issuer"]),
)
@settings(deadline=None)
def test_no_explanation_has_a_secret_or_a_signature(claims: dict[str, Any], secret: str) -> None:
    """People send explanations around."""
    try:
        token = make_token(secret=secret, **claims)
    except UnicodeEncodeError:
        return
    shown = repr(explain(token, SECRETS, NOW, Rules()))

    assert token.rpartition(".")[2] not in shown
    assert SECRET not in shown
    assert secret not in shown


def test_the_rules_are_those_of_the_settings() -> None:
    """All that a server applies."""
    environment = {
        "SKYLOGIN_CONTRACT": "original",
        "SKYLOGIN_ALLOWED_ALGORITHMS": "HS512",
        "SKYLOGIN_LEEWAY_SECONDS": "1",
        "SKYLOGIN_TOKEN_LIFETIME_MAX_SECONDS": "2",
        "SKYLOGIN_AUDIENCE": "a",
        "SKYLOGIN_ISSUER": "i",
    }

    rules = config.read(environment, config.DEV).rules

    assert rules == Rules(ORIGINAL, frozenset({"HS512"}), 1, 2, "a", "i")
