"""Custom tokens that are refused, each for a different reason."""

from typing import Any

import pytest
from skylogin.domain.subject import CHARACTERS_MAX
from skylogin.errors import Reason, SkygearError
from skylogin.tokens import bad_tokens, custom_token, jws, mint
from skylogin.tokens.bad_tokens import KINDS
from skylogin.tokens.custom_token import ORIGINAL, Rules

from tests.factories import HOUR, NOW, SECONDS, SECRET, SECRETS

PROFILE = {"skyprofile": {"username": "alice"}}
EXPECTED = {
    "expired": Reason.EXPIRED,
    "not_yet": Reason.ISSUED_IN_FUTURE,
    "wrong_secret": Reason.SIGNATURE_WRONG,
    "wrong_algorithm": Reason.ALGORITHM_NOT_ACCEPTED,
    "unsigned": Reason.ALGORITHM_NOT_ACCEPTED,
    "tampered": Reason.SIGNATURE_WRONG,
    "no_sub": Reason.SUBJECT_MISSING,
    "empty_sub": Reason.SUBJECT_MISSING,
    "long_sub": Reason.SUBJECT_TOO_LONG,
    "no_iat": Reason.ISSUE_TIME_MISSING,
    "no_exp": Reason.EXPIRY_MISSING,
    "bad_profile": Reason.CLAIM_OF_WRONG_TYPE,
    "malformed": Reason.TOKEN_MALFORMED,
}


def reason_of(token: str, **rules: Any) -> Reason | None:
    """Return why *token* is refused."""
    with pytest.raises(SkygearError) as caught:
        custom_token.verify(token, SECRETS, NOW, Rules(**rules))
    return caught.value.reason


def test_the_table_has_the_expected_reasons() -> None:
    """Every kind has exactly its reason."""
    assert {kind: row.reason for kind, row in KINDS.items()} == EXPECTED


@pytest.mark.parametrize("rules", [{}, {"leeway_seconds": 300}], ids=["strict", "leeway"])
@pytest.mark.parametrize("claims", [None, PROFILE], ids=["no claims", "a profile"])
@pytest.mark.parametrize("kind", KINDS)
def test_a_kind_is_refused_for_its_reason(kind: str, claims: Any, rules: dict[str, Any]) -> None:
    """By the same verification as at a login."""
    token = bad_tokens.mint(kind, "alice", SECRET, NOW, claims)

    assert reason_of(token, **rules) is KINDS[kind].reason


@pytest.mark.parametrize("kind", sorted(set(KINDS) - {"long_sub"}))
def test_the_contract_makes_no_difference(kind: str) -> None:
    """Except for a long subject, which the original accepts."""
    token = bad_tokens.mint(kind, "alice", SECRET, NOW)

    assert reason_of(token, contract=ORIGINAL) is KINDS[kind].reason


@pytest.mark.parametrize("kind", KINDS)
def test_given_claims_do_not_make_it_good(kind: str) -> None:
    """The change of the kind is applied last."""
    good = {"sub": "bert", "iat": SECONDS, "exp": SECONDS + HOUR, **PROFILE}

    assert reason_of(bad_tokens.mint(kind, "bert", SECRET, NOW, good)) is KINDS[kind].reason


@pytest.mark.parametrize("algorithm", ["HS384", "HS512"])
@pytest.mark.parametrize("kind", KINDS)
def test_every_algorithm_can_sign_them(kind: str, algorithm: str) -> None:
    """So the algorithm is not the error."""
    token = bad_tokens.mint(kind, "alice", SECRET, NOW, algorithm=algorithm)

    assert reason_of(token) is KINDS[kind].reason


@pytest.mark.parametrize("kind", ["wrong_secret", "wrong_algorithm", "unsigned", "tampered"])
def test_the_rest_of_the_token_is_good(kind: str) -> None:
    """The login log shows its subject."""
    said = custom_token.describe(bad_tokens.mint(kind, "alice", SECRET, NOW, PROFILE))

    assert said.subject == "alice"
    assert said.names[:4] == ("sub", "iat", "exp", "skyprofile")


def test_a_tampered_token_has_the_signature_of_another() -> None:
    """Of one that would be accepted."""
    good, bad = mint.mint("a", SECRET, NOW), bad_tokens.mint("tampered", "a", SECRET, NOW)

    assert jws.split(good).signature == jws.split(bad).signature
    assert jws.split(good).claims_bytes != jws.split(bad).claims_bytes


@pytest.mark.parametrize("subject", ["alice", "x" * 36, "é" * 50, ""])
def test_a_long_subject_is_one_character_too_long(subject: str) -> None:
    """Whatever its beginning."""
    token = bad_tokens.mint("long_sub", subject, SECRET, NOW)
    said = custom_token.describe(token).subject

    assert len(said) == CHARACTERS_MAX + 1
    assert said.startswith(subject[: len(said)])


@pytest.mark.parametrize("kind", ["", "Expired", "good"])
def test_an_unknown_kind_is_an_error(kind: str) -> None:
    """Its message lists all kinds."""
    with pytest.raises(
        ValueError, match=r"not a kind of bad token; choose from expired, not_yet, "
    ):
        bad_tokens.mint(kind, "alice", SECRET, NOW)


def test_the_table_cannot_change() -> None:
    """Not even by adding a kind."""
    with pytest.raises(TypeError):
        KINDS["other"] = KINDS["expired"]  # type: ignore[index]
