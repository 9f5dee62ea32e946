"""The entries of the login log."""

import json
from typing import Any

import pytest
from skylogin.domain import login_attempt
from skylogin.domain.claims import Description
from skylogin.domain.login import Login
from skylogin.domain.login_attempt import (
    HEADER_MEMBERS_MAX,
    HEADER_TEXT_MAX,
    NAME_MAX,
    NAMES_MAX,
    PROFILE_BYTES_MAX,
    PROFILE_NESTING_MAX,
    TEXT_MAX,
    Details,
    LogEntry,
    Origin,
    Refusal,
)
from skylogin.encoding import json_text
from skylogin.errors import Reason, SkygearError, not_decodable
from skylogin.tokens.custom_token import describe

from tests.factories import HOUR, NOW, SECONDS, make_attempt, make_token, make_user

ORIGIN = Origin("192.0.2.1", "request-1")
KEEPING = Origin("192.0.2.1", "request-1", keeps_profile=True)
ACTION = "sso:custom_token:login"


def accepted(*, created: bool = False, origin: Origin = ORIGIN, **changes: Any) -> dict[str, Any]:
    """Return the entry of an accepted login, with *changes* to its claims."""
    attempt = make_attempt("alice")
    attempt = attempt._replace(claims=attempt.claims._replace(**changes))
    return members(
        login_attempt.accepted("id", ACTION, origin, attempt, Login(make_user("1"), created))
    )


def refused(
    error: SkygearError,
    token: Description | None = None,
    origin: Origin = ORIGIN,
    secret_id: str = "",
) -> dict[str, Any]:
    """Return the entry of a login attempt that *error* refused."""
    refusal = Refusal(error, token or Description(), secret_id)
    return members(login_attempt.refused("id", NOW, ACTION, origin, refusal))


def nested(levels: int) -> dict[str, Any]:
    """Return an object nested *levels* deep."""
    made: dict[str, Any] = {}
    for _ in range(levels - 1):
        made = {"a": made}
    return made


def members(entry: LogEntry) -> dict[str, Any]:
    """Return all members of *entry*, details included."""
    said = entry._asdict()
    details = said.pop("details")
    return {**said, **details}


def test_an_accepted_login_is_logged_with_all_that_was_verified() -> None:
    """Its subject, user, signature, secret and claims."""
    header = {"alg": "HS256", "kid": "kid"}
    said = {"sub": "alice", "iat": SECONDS}

    entry = accepted(key_id="kid", names=("sub", "iat"), created=True, header=header, said=said)

    assert entry == {
        "id": "id",
        "at": NOW,
        "action": ACTION,
        "accepted": True,
        "reason": "created",
        "explanation": "first login: created the user",
        "status": 200,
        "subject": "alice",
        "user_id": "1",
        "algorithm": "HS256",
        "key_id": "kid",
        "header": header,
        "secret_id": "first",
        "claim_names": ["sub", "iat"],
        "claims": said,
        "profile_left_out": "",
        "only_contract": "",
        "address": "192.0.2.1",
        "request_id": "request-1",
    }
    assert accepted()["reason"] == Reason.UPDATED


def test_a_token_that_only_one_contract_accepts_is_marked() -> None:
    """For teams that rely on what the original accepted."""
    entry = accepted(only_contract="original")

    assert entry["only_contract"] == "original"
    assert "only SKYLOGIN_CONTRACT=original accepts this token" in entry["explanation"]


def test_a_refused_attempt_is_logged_with_what_its_token_says() -> None:
    """Unverified, and with the explanation for developers instead of the wire's message."""
    error = not_decodable(Reason.EXPIRED, "expired 12 s ago")
    token = describe(make_token(header={"alg": "HS512", "kid": "k"}))

    assert refused(error, token, secret_id="first") == {
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
        "header": {"alg": "HS512", "kid": "k"},
        "secret_id": "first",
        "claim_names": ["sub", "iat", "exp"],
        "claims": {"sub": "alice", "iat": SECONDS, "exp": SECONDS + HOUR},
        "profile_left_out": "",
        "only_contract": "",
        "address": "192.0.2.1",
        "request_id": "request-1",
    }


def test_an_error_without_a_reason_is_a_crash() -> None:
    """Every entry has a reason of the list."""
    error = not_decodable(Reason.EXPIRED, "x")
    error.reason = None

    assert refused(error)["reason"] == Reason.CRASHED


def test_long_texts_are_cut_and_nul_is_replaced() -> None:
    """Many long tokens must not fill the database, and none may break it."""
    long = "\0" + "x" * 100_000
    names = tuple(f"{number}{long}" for number in range(1000))
    header = dict.fromkeys(names, long)
    said = {"sub": long, "iss": long, "skyprofile": long}
    token = Description(long, long, long, names, said, header)

    entries = (
        refused(not_decodable(Reason.EXPIRED, long), token, KEEPING),
        accepted(
            subject="x" * 100_000, key_id=long, names=names, said=said, header=header,
            origin=KEEPING,
        ),
    )  # fmt: skip

    for entry in entries:
        texts = [value for value in entry.values() if isinstance(value, str)]
        assert all(len(text) <= TEXT_MAX and "\0" not in text for text in texts)
        assert len(entry["claim_names"]) <= NAMES_MAX
        assert all(len(name) <= NAME_MAX and "\0" not in name for name in entry["claim_names"])
        stored = json_text.write_stored(entry["header"])
        assert len(stored) <= HEADER_MEMBERS_MAX * (NAME_MAX + HEADER_TEXT_MAX + len('{"":""}'))
        assert all(len(text) <= TEXT_MAX for text in entry["claims"].values())
        assert "\\u0000" not in stored + json_text.write_stored(entry["claims"])


PROFILE = {"username": "alice", "tags": ["a", {"b": [1.5, None, True]}]}


def logged_profile(profile: object, origin: Origin | None = None) -> dict[str, Any]:
    """Return the entry's members about a profile, the same for accepted and refused attempts."""
    origin = origin or KEEPING
    token = describe(make_token(skyprofile=profile))
    of_refused = refused(not_decodable(Reason.EXPIRED, "x"), token, origin)
    of_accepted = accepted(said={"skyprofile": token.claims["skyprofile"]}, origin=origin)
    for entry in (of_refused, of_accepted):
        entry["claims"] = {
            name: value for name, value in entry["claims"].items() if name == "skyprofile"
        }
    told = {name: of_accepted[name] for name in ("claims", "profile_left_out")}
    assert told == {name: of_refused[name] for name in told}
    return told


@pytest.mark.parametrize("profile", [PROFILE, {}, "no object", ["a"], None])
def test_a_profile_is_logged_if_the_setting_says_so(profile: object) -> None:
    """Unchanged, even if it is wrong: developers look for errors in it."""
    token = describe(make_token(json.dumps({"sub": "alice", "skyprofile": profile})))

    entry = refused(not_decodable(Reason.EXPIRED, "x"), token, KEEPING)

    assert entry["claims"] == {"sub": "alice", "skyprofile": profile}
    assert entry["profile_left_out"] == ""


def test_a_profile_is_left_out_by_default() -> None:
    """It is personal data, and the login log is kept for weeks."""
    assert logged_profile(PROFILE, ORIGIN) == {
        "claims": {},
        "profile_left_out": "SKYLOGIN_LOGIN_LOG_PROFILES is off",
    }
    assert accepted(said={"sub": "alice"})["profile_left_out"] == ""


@pytest.mark.parametrize(
    ("profile", "why"),
    [
        ({"a": "x" * (PROFILE_BYTES_MAX - 8)}, ""),
        ({"a": "x" * (PROFILE_BYTES_MAX - 7)}, "it has 4,097 bytes, more than 4,096"),
        ({"a": "\u20ac" * 2000}, "it has 6,008 bytes, more than 4,096"),
        (nested(PROFILE_NESTING_MAX), ""),
        (nested(PROFILE_NESTING_MAX + 1), "it is nested deeper than 32 levels"),
        (nested(500), "it is nested deeper than 32 levels"),
        ({"a": 10**200}, ""),
    ],
    ids=["large", "too large", "too many bytes", "deep", "too deep", "far too deep", "number"],
)
def test_a_large_profile_is_left_out(profile: object, why: str) -> None:
    """The entry says why."""
    told = logged_profile(profile)

    assert told["profile_left_out"] == why
    assert told["claims"] == ({} if why else {"skyprofile": profile})


def test_a_profile_can_be_stored_whatever_it_contains() -> None:
    """PostgreSQL stores neither U+0000 nor lone surrogates."""
    odd = {"a\0": ["\0", {"b": "x\0y"}], "c": "\ud800", "d": "\\u0000"}

    assert logged_profile(odd)["claims"]["skyprofile"] == {
        "a\ufffd": ["\ufffd", {"b": "x\ufffdy"}],
        "c": "\ufffd",
        "d": "\\u0000",
    }


def test_only_plain_values_of_a_header_are_logged() -> None:
    """Of other members, only the name."""
    header = {
        "alg": "HS256", "n": 1, "b": True, "f": 1.5, "none": None, "huge": 10**30,
        "jwk": {"k": "a key"}, "x5c": ["a certificate"],
    }  # fmt: skip
    token = describe(make_token(header=header))

    entry = refused(not_decodable(Reason.EXPIRED, "x"), token)

    rest = dict.fromkeys(("none", "huge", "jwk", "x5c"))
    assert entry["header"] == {"alg": "HS256", "n": 1, "b": True, "f": 1.5, **rest}


def test_details_of_an_older_version_can_be_read() -> None:
    """It had fewer members."""
    kept = accepted(key_id="k", names=("sub",))
    details: Any = {name: kept[name] for name in Details.__annotations__}
    old = {name: details[name] for name in details if name not in ("header", "profile_left_out")}

    assert login_attempt.read_details(details) == details
    assert login_attempt.read_details(old) == {**details, "header": {"alg": "HS256", "kid": "k"}}
    assert set(login_attempt.read_details({})) == set(Details.__annotations__)


@pytest.mark.parametrize("address", ["x" * 60_000, "\udcff"], ids=["long", "no text"])
def test_an_address_is_cut_too(address: str) -> None:
    """Behind a proxy that trusts its clients, it is whatever they send."""
    entry = refused(not_decodable(Reason.EXPIRED, "x"), origin=Origin(address, "request-1"))

    assert len(entry["address"]) <= TEXT_MAX
    json_text.write_stored(entry["address"]).encode()


def test_neither_signatures_nor_secrets_are_logged() -> None:
    """For good and for bad tokens."""
    token = make_token(secret="some other secret")
    error = not_decodable(Reason.SIGNATURE_WRONG, "the signature was not made with the secret")

    entry = refused(error, describe(token), KEEPING)

    assert token.rpartition(".")[2] not in repr(entry)
    assert "some other secret" not in repr(entry)
