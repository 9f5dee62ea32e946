"""Making custom tokens."""

from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st
from skylogin.domain.user import FieldValue
from skylogin.tokens import custom_token, jws
from skylogin.tokens.custom_token import Rules
from skylogin.tokens.mint import mint

from tests.factories import HOUR, NOW, SECONDS, SECRET, SECRETS, signature


@pytest.mark.parametrize("algorithm", ["HS256", "HS384", "HS512"])
def test_a_minted_token_is_accepted(algorithm: str) -> None:
    """With every algorithm."""
    token = mint("alice", SECRET, NOW, algorithm=algorithm, claims={"skyprofile": {"age": 1}})

    claims = custom_token.verify(token, SECRETS, NOW, Rules())

    assert (claims.subject, claims.profile) == ("alice", {"age": FieldValue("number", 1)})
    assert (claims.issued_at, claims.expires_at) == (SECONDS, SECONDS + HOUR)
    signing_input, _, signed = token.rpartition(".")
    assert signed == signature(signing_input, algorithm=algorithm)


def test_given_claims_replace_the_default_ones() -> None:
    """So a test can make a token with one error."""
    token = mint("alice", SECRET, NOW, timedelta(seconds=5), claims={"iat": 7, "x": [1]})

    parts = jws.split(token)

    assert parts.header == {"alg": "HS256", "typ": "JWT"}
    assert parts.claims_bytes == f'{{"sub":"alice","iat":7,"exp":{SECONDS + 5},"x":[1]}}'.encode()


@pytest.mark.parametrize("algorithm", ["none", "RS256", "hs256", ""])
def test_only_accepted_algorithms_sign(algorithm: str) -> None:
    """So an unsigned token is never made by mistake."""
    with pytest.raises(ValueError, match="is none of HS256, HS384, HS512"):
        mint("alice", SECRET, NOW, algorithm=algorithm)


@given(
    st.text(
        st.characters(exclude_categories=["Cs"], exclude_characters="\0"), min_size=1, max_size=36
    )
)
def test_every_subject_is_read_back(subject: str) -> None:
    """Whatever its letters, blanks and quotes."""
    token = mint(subject, SECRET, NOW)

    assert custom_token.verify(token, SECRETS, NOW, Rules()).subject == subject
