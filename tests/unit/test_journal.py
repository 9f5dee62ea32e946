"""An attempt to log in, as the journal has it."""

from dataclasses import asdict, replace
from typing import Any

import pytest
from making import HOUR, NOW, SECONDS, make_attempt, make_token, make_user
from skylogin import journal, json_text
from skylogin.custom_token import Description, describe
from skylogin.errors import Reason, SkygearError, not_decodable
from skylogin.journal import NAME_MAX, NAMES_MAX, TEXT_MAX, Entry, Origin, Refusal
from skylogin.login import Login

ORIGIN = Origin("192.0.2.1", "request-1")
ACTION = "sso:custom_token:login"


def accepted(*, created: bool = False, **changes: object) -> dict[str, Any]:
    """Return what is told of an accepted login, with *changes* to its claims."""
    attempt = make_attempt("alice")
    attempt = replace(attempt, claims=replace(attempt.claims, **changes))  # type: ignore[arg-type]
    return told(journal.accepted("id", ACTION, ORIGIN, attempt, Login(make_user("1"), created)))


def refused(
    error: SkygearError, token: Description | None = None, origin: Origin = ORIGIN
) -> dict[str, Any]:
    """Return what is told of an attempt that *error* refused."""
    refusal = Refusal(error, token or Description())
    return told(journal.refused("id", NOW, ACTION, origin, refusal))


def told(entry: Entry) -> dict[str, Any]:
    """Return everything that *entry* says, by its name."""
    said = asdict(entry)
    details = said.pop("details")
    return {**said, **details}


def test_an_accepted_login_is_told_with_all_that_was_verified() -> None:
    """Who, as which user, signed how, with which secret, and which claims."""
    assert accepted(key_id="kid", names=("sub", "iat"), created=True) == {
        "id": "id",
        "at": NOW,
        "action": ACTION,
        "accepted": True,
        "reason": "created",
        "explanation": "first login: the user was made",
        "status": 200,
        "subject": "alice",
        "user_id": "1",
        "algorithm": "HS256",
        "key_id": "kid",
        "secret_id": "first",
        "claim_names": ["sub", "iat"],
        "claims": {"iat": SECONDS, "exp": SECONDS + HOUR},
        "only_contract": "",
        "address": "192.0.2.1",
        "request_id": "request-1",
    }
    assert accepted()["reason"] == Reason.UPDATED


def test_a_token_that_only_one_contract_accepts_is_marked() -> None:
    """For teams that lean on what the original let through."""
    entry = accepted(only_contract="original")

    assert entry["only_contract"] == "original"
    assert "only SKYLOGIN_CONTRACT=original accepts this token" in entry["explanation"]


def test_a_refused_attempt_is_told_with_what_its_token_says() -> None:
    """Unverified, and with the sentence for the developer rather than the wire's."""
    error = not_decodable(Reason.EXPIRED, "expired 12 s ago")
    token = describe(make_token(header={"alg": "HS512", "kid": "k"}))

    assert refused(error, token) == {
        "id": "id",
        "at": NOW,
        "action": ACTION,
        "accepted": False,
        "reason": "expired",
        "explanation": "expired 12 s ago",
        "status": 400,
        "subject": "alice",
        "user_id": "",
        "algorithm": "HS512",
        "key_id": "k",
        "secret_id": "",
        "claim_names": ["sub", "iat", "exp"],
        "claims": {"sub": "alice", "iat": SECONDS, "exp": SECONDS + HOUR},
        "only_contract": "",
        "address": "192.0.2.1",
        "request_id": "request-1",
    }


def test_an_error_without_a_reason_is_a_crash() -> None:
    """The list of reasons is closed."""
    error = not_decodable(Reason.EXPIRED, "x")
    error.reason = None

    assert refused(error)["reason"] == Reason.CRASHED


def test_nothing_that_a_client_sends_is_kept_at_length_or_with_nul() -> None:
    """A flood of long tokens must not fill the database, nor a bad one break it."""
    long = "\0" + "x" * 100_000
    names = tuple(f"{number}{long}" for number in range(1000))
    token = Description(algorithm=long, key_id=long, subject=long, names=names)

    entries = (
        refused(not_decodable(Reason.EXPIRED, long), token),
        accepted(subject="x" * 100_000, key_id=long, names=names),
    )

    for entry in entries:
        texts = [value for value in entry.values() if isinstance(value, str)]
        assert all(len(text) <= TEXT_MAX and "\0" not in text for text in texts)
        assert len(entry["claim_names"]) <= NAMES_MAX
        assert all(len(name) <= NAME_MAX and "\0" not in name for name in entry["claim_names"])


@pytest.mark.parametrize("address", ["x" * 60_000, "\udcff"], ids=["long", "no text"])
def test_an_address_is_kept_as_carefully(address: str) -> None:
    """Behind a proxy that believes its clients it is whatever they send."""
    entry = refused(not_decodable(Reason.EXPIRED, "x"), origin=Origin(address, "request-1"))

    assert len(entry["address"]) <= TEXT_MAX
    json_text.write_stored(entry["address"]).encode()


def test_no_signature_and_no_secret_is_kept() -> None:
    """Neither of a good token nor of a bad one."""
    token = make_token(secret="some other secret")
    error = not_decodable(Reason.SIGNATURE_WRONG, "the signature was not made with the secret")

    entry = refused(error, describe(token))

    assert token.rpartition(".")[2] not in repr(entry)
    assert "some other secret" not in repr(entry)
