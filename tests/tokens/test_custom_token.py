"""Verifying custom tokens, under both contracts and with every setting."""

import json
from typing import Any

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from skylogin.domain.claims import Claims, Description
from skylogin.domain.user import FieldValue
from skylogin.encoding import json_text
from skylogin.errors import BAD_REQUEST, INVALID_ARGUMENT, INVALID_CREDENTIALS, Reason, SkygearError
from skylogin.tokens import custom_token
from skylogin.tokens.custom_token import DOCUMENTED, ORIGINAL, Rules, Secret

from tests.factories import HOUR, NOW, SECONDS, SECRET, SECRETS, make_token

BOTH = (Rules(contract=DOCUMENTED), Rules(contract=ORIGINAL))
GOOD: dict[str, str] = {
    "plain": make_token(),
    "HS384": make_token(header={"alg": "HS384"}),
    "HS512": make_token(header={"alg": "HS512"}),
    "other header": make_token(header={"alg": "HS256", "crit": ["x"], "typ": 1, "kid": 5}),
    "no profile": make_token(skyprofile={}),
    "null profile": make_token('{"sub":"alice","iat":1,"exp":4102444800,"skyprofile":null}'),
    "issued now": make_token(iat=SECONDS),
    "issued before 1970": make_token(iat=-1),
    "a second left": make_token(exp=SECONDS + 1),
    "nbf of 0": make_token(nbf=0),
    "other claims": make_token(aud="x", iss="y", jti="z", profile={}, admin=True),
    "names in other case": make_token('{"SUB":"alice","Iat":1,"eXP":4102444800}'),
    "trailing bytes": make_token('{"sub":"alice","iat":1,"exp":4102444800}}}}'),
}


@pytest.mark.parametrize("rules", BOTH, ids=lambda rules: rules.contract)
@pytest.mark.parametrize("token", GOOD.values(), ids=GOOD)
def test_a_good_token_gives_its_claims(token: str, rules: Rules) -> None:
    """Both contracts agree on all of these."""
    claims = custom_token.verify(token, SECRETS, NOW, rules)

    assert (claims.subject, claims.profile, claims.only_contract) == ("alice", {}, "")
    assert claims.secret_id == "first"


def test_claims_have_all_that_a_login_needs() -> None:
    """The profile to store, the times, and how the token was verified."""
    header = {"alg": "HS512", "kid": "second"}
    token = make_token(header=header, skyprofile={"age": 1.0, "name": None}, extra=1)

    assert custom_token.verify(token, SECRETS, NOW, Rules()) == Claims(
        subject="alice",
        profile={"age": FieldValue("number", 1), "name": None},
        issued_at=SECONDS,
        expires_at=SECONDS + HOUR,
        algorithm="HS512",
        key_id="second",
        secret_id="first",
        names=("sub", "iat", "exp", "skyprofile", "extra"),
        header=header,
        said={
            "sub": "alice",
            "iat": SECONDS,
            "exp": SECONDS + HOUR,
            "skyprofile": {"age": 1.0, "name": None},
        },
    )


DECODE = "fails to decode the request payload"
SUBJECT = "invalid token: subject (sub) not specified"
EXPIRES = "invalid token: expires at (exp) not specified"
ISSUED = "invalid token: issued at (iat) not specified"
REFUSED: dict[str, tuple[str, object, str, Reason]] = {
    "no token": ("", BAD_REQUEST, DECODE, Reason.TOKEN_MALFORMED),
    "not base64url": ("a.b.c", BAD_REQUEST, DECODE, Reason.TOKEN_MALFORMED),
    "not JSON": ("eA.eA.eA", BAD_REQUEST, DECODE, Reason.HEADER_MALFORMED),
    "another secret": (make_token(secret="x"), BAD_REQUEST, DECODE, Reason.SIGNATURE_WRONG),
    "no signature": (
        make_token().rpartition(".")[0] + ".",
        BAD_REQUEST,
        DECODE,
        Reason.SIGNATURE_WRONG,
    ),
    "none": (
        make_token(header={"alg": "none"}),
        BAD_REQUEST,
        DECODE,
        Reason.ALGORITHM_NOT_ACCEPTED,
    ),
    "expired": (make_token(exp=SECONDS - 1), BAD_REQUEST, DECODE, Reason.EXPIRED),
    "expired before 1970": (make_token(exp=-1), BAD_REQUEST, DECODE, Reason.EXPIRED),
    "future": (make_token(iat=SECONDS + 1), BAD_REQUEST, DECODE, Reason.ISSUED_IN_FUTURE),
    "too early": (make_token(nbf=SECONDS + 1), BAD_REQUEST, DECODE, Reason.NOT_YET_VALID),
    "number": (make_token(sub=1), BAD_REQUEST, DECODE, Reason.CLAIM_OF_WRONG_TYPE),
    "list of audiences": (make_token(aud=["a"]), BAD_REQUEST, DECODE, Reason.CLAIM_OF_WRONG_TYPE),
    "claims list": (make_token("[]"), BAD_REQUEST, DECODE, Reason.CLAIMS_MALFORMED),
    "claims null": (make_token("null"), INVALID_CREDENTIALS, SUBJECT, Reason.SUBJECT_MISSING),
    "no subject": (make_token(sub=None), INVALID_CREDENTIALS, SUBJECT, Reason.SUBJECT_MISSING),
    "empty subject": (make_token(sub=""), INVALID_CREDENTIALS, SUBJECT, Reason.SUBJECT_MISSING),
    "no expiry": (make_token(exp=None), INVALID_CREDENTIALS, EXPIRES, Reason.EXPIRY_MISSING),
    "expiry 0": (make_token(exp=0), INVALID_CREDENTIALS, EXPIRES, Reason.EXPIRY_MISSING),
    "no issue time": (make_token(iat=None), INVALID_CREDENTIALS, ISSUED, Reason.ISSUE_TIME_MISSING),
    "issue time 0": (make_token(iat=0), INVALID_CREDENTIALS, ISSUED, Reason.ISSUE_TIME_MISSING),
    "subject first": (
        make_token(sub=None, exp=None, iat=None),
        INVALID_CREDENTIALS,
        SUBJECT,
        Reason.SUBJECT_MISSING,
    ),
    "expiry before issue time": (
        make_token(exp=None, iat=None),
        INVALID_CREDENTIALS,
        EXPIRES,
        Reason.EXPIRY_MISSING,
    ),
    "profile before subject": (
        make_token(sub=None, skyprofile={"a": {"$type": "foo"}}),
        INVALID_ARGUMENT,
        "unknown $type = foo",
        Reason.PROFILE_VALUE_INVALID,
    ),
    "time before profile": (
        make_token(exp=1, skyprofile={"a": {"$type": "foo"}}),
        BAD_REQUEST,
        DECODE,
        Reason.EXPIRED,
    ),
    "signature before time": (
        make_token(exp=1, secret="x"),
        BAD_REQUEST,
        DECODE,
        Reason.SIGNATURE_WRONG,
    ),
    "nul": (
        make_token(sub="a\0"),
        INVALID_ARGUMENT,
        'invalid byte sequence for encoding "UTF8": 0x00',
        Reason.TEXT_WITH_NUL,
    ),
}


@pytest.mark.parametrize("rules", BOTH, ids=lambda rules: rules.contract)
@pytest.mark.parametrize(("token", "kind", "message", "reason"), REFUSED.values(), ids=REFUSED)
def test_a_bad_token_gets_the_answer_of_the_original(
    token: str, kind: object, message: str, reason: Reason, rules: Rules
) -> None:
    """Both contracts agree on all of these."""
    error = refusal(token, rules)

    assert (error.kind, error.message, error.info) == (kind, message, None)
    assert error.reason is reason


SUBJECT_TOO_LONG = "invalid token: subject (sub) is longer than 36 characters"
# The token, whether the documentation accepts it, and whether the code does.
CONTRACTS: dict[str, tuple[str, bool, bool]] = {
    "the last second": (make_token(exp=SECONDS), False, True),
    "36 characters": (make_token(sub="x" * 36), True, True),
    "37 characters": (make_token(sub="x" * 37), False, True),
    "36 characters of four bytes": (make_token(sub="\U0001f600" * 36), True, True),
    "37 characters of four bytes": (make_token(sub="\U0001f600" * 37), False, True),
    "36 letters with accents of their own": (make_token(sub="e\u0301" * 18), True, True),
    "37 blanks": (make_token(sub=" " * 37), False, True),
    "a blank": (make_token(sub=" "), True, True),
    "2500 bytes": (make_token(sub="x" * 2500), False, True),
    "2501 bytes": (make_token(sub="x" * 2501), False, False),
    "626 characters of four bytes": (make_token(sub="\U0001f600" * 626), False, False),
}


@pytest.mark.parametrize(("token", "documented", "original"), CONTRACTS.values(), ids=CONTRACTS)
def test_the_contracts_differ_in_the_last_second_and_in_long_subjects(
    token: str, documented: bool, original: bool
) -> None:
    """A token that only the original's code accepts is marked."""
    for rules, accepted in zip(BOTH, (documented, original), strict=True):
        if not accepted:
            refusal(token, rules)
            continue
        claims = custom_token.verify(token, SECRETS, NOW, rules)
        assert claims.only_contract == ("" if documented else ORIGINAL)


def test_a_subject_that_is_too_long_is_refused_like_a_missing_one() -> None:
    """After all checks of the original."""
    error = refusal(make_token(sub="x" * 37), BOTH[0])
    assert (error.kind, error.message) == (INVALID_CREDENTIALS, SUBJECT_TOO_LONG)
    assert "it has 37" in error.explanation

    assert refusal(make_token(sub="x" * 37, exp=None), BOTH[0]).message == EXPIRES


def test_the_explanation_says_since_when_a_token_is_expired() -> None:
    """The message on the wire does not."""
    error = refusal(make_token(exp=SECONDS - 12), Rules())

    assert error.explanation == (
        "expired 12 s ago: exp is 2026-01-02T03:03:53Z, "
        "the server's clock says 2026-01-02T03:04:05Z"
    )


# --- settings -----------------------------------------------------------------

OPTIONS: dict[str, tuple[Rules, str, Reason | None]] = {
    "algorithm listed": (
        Rules(algorithms=frozenset({"HS512"})),
        make_token(header={"alg": "HS512"}),
        None,
    ),
    "algorithm not listed": (
        Rules(algorithms=frozenset({"HS512"})),
        make_token(),
        Reason.ALGORITHM_NOT_ACCEPTED,
    ),
    "leeway after the end": (
        Rules(contract=ORIGINAL, leeway_seconds=5),
        make_token(exp=SECONDS - 5),
        None,
    ),
    "leeway after the end, documented": (
        Rules(leeway_seconds=5),
        make_token(exp=SECONDS - 4),
        None,
    ),
    "leeway over": (Rules(leeway_seconds=5), make_token(exp=SECONDS - 5), Reason.EXPIRED),
    "leeway before the issue": (Rules(leeway_seconds=5), make_token(iat=SECONDS + 5), None),
    "leeway before nbf": (Rules(leeway_seconds=5), make_token(nbf=SECONDS + 5), None),
    "lifetime at its limit": (Rules(lifetime_max_seconds=HOUR), make_token(), None),
    "lifetime too long": (
        Rules(lifetime_max_seconds=HOUR - 1),
        make_token(),
        Reason.LIFETIME_TOO_LONG,
    ),
    "audience": (Rules(audience="us"), make_token(aud="us"), None),
    "other audience": (Rules(audience="us"), make_token(aud="US"), Reason.AUDIENCE_WRONG),
    "no audience": (Rules(audience="us"), make_token(), Reason.AUDIENCE_WRONG),
    "issuer": (Rules(issuer="them"), make_token(iss="them"), None),
    "other issuer": (Rules(issuer="them"), make_token(iss="they"), Reason.ISSUER_WRONG),
    "no issuer": (Rules(issuer="them"), make_token(), Reason.ISSUER_WRONG),
}


@pytest.mark.parametrize(("rules", "token", "reason"), OPTIONS.values(), ids=OPTIONS)
def test_settings_may_add_rules(rules: Rules, token: str, reason: Reason | None) -> None:
    """A token that breaks one gets the same answer as any bad token."""
    if reason is None:
        assert custom_token.verify(token, SECRETS, NOW, rules).subject == "alice"
        return
    error = refusal(token, rules)
    assert (error.kind, error.message, error.reason) == (BAD_REQUEST, DECODE, reason)


def test_within_the_leeway_the_contracts_agree() -> None:
    """With a leeway of five seconds, both accept a token in the second of its expiry."""
    token = make_token(exp=SECONDS)

    for rules in BOTH:
        lenient = rules._replace(leeway_seconds=5)
        assert custom_token.verify(token, SECRETS, NOW, lenient).only_contract == ""


def test_in_the_last_second_of_the_leeway_the_contracts_differ() -> None:
    """The token is marked."""
    token = make_token(exp=SECONDS - 5)
    refusal(token, Rules(contract=DOCUMENTED, leeway_seconds=5))

    claims = custom_token.verify(token, SECRETS, NOW, Rules(contract=ORIGINAL, leeway_seconds=5))

    assert claims.only_contract == ORIGINAL


def test_a_missing_time_is_reported_before_the_lifetime() -> None:
    """Without both times there is no lifetime."""
    rules = Rules(lifetime_max_seconds=HOUR)

    assert refusal(make_token(iat=None), rules).message == ISSUED
    assert refusal(make_token(exp=None), rules).message == EXPIRES


# --- secrets ------------------------------------------------------------------


def test_any_accepted_secret_signs_and_the_claims_say_which() -> None:
    """So secrets can be rotated."""
    secrets = [Secret("new", b"new"), Secret("old", SECRET.encode())]

    assert custom_token.verify(make_token(), secrets, NOW, Rules()).secret_id == "old"
    assert refusal(make_token(secret="x"), Rules(), secrets).explanation == (
        "the signature was not made with any of the 2 accepted secrets"
    )


@pytest.mark.parametrize("key_id", ["a", "b", "c"])
def test_a_secret_that_the_token_names_is_tried_first(key_id: str) -> None:
    """This shows if two secrets have the same key."""
    secrets = [Secret(name, SECRET.encode()) for name in ("a", "b", "c")]
    token = make_token(header={"alg": "HS256", "kid": key_id})

    assert custom_token.verify(token, secrets, NOW, Rules()).secret_id == key_id


@pytest.mark.parametrize("key_id", ["b", "unknown", "", 5, None, ["a"]])
def test_an_unknown_key_id_is_ignored(key_id: Any) -> None:
    """All secrets are tried."""
    secrets = [Secret("a", SECRET.encode()), Secret("b", b"another")]
    token = make_token(header={"alg": "HS256", "kid": key_id})

    assert custom_token.verify(token, secrets, NOW, Rules()).secret_id == "a"


def test_the_secret_is_known_before_the_claims_are_read() -> None:
    """So an attempt that is refused for its claims still shows it."""
    signed = custom_token.verify_signature(make_token(exp=1), SECRETS, Rules())

    assert signed.secret_id == "first"
    with pytest.raises(SkygearError) as caught:
        custom_token.read_claims(signed, NOW, Rules())
    assert caught.value.reason is Reason.EXPIRED


# --- describing a token ---------------------------------------------------------

# With a lone surrogate at the end, which is searched in all of it.
LEVELS = json_text.NESTING_MAX - 1
DEEP = '{"a":' * LEVELS + '"\\ud800"' + "}" * LEVELS

DESCRIBED: dict[str, tuple[object, Description]] = {
    "not text": (5, Description()),
    "not a token": ("a.b", Description()),
    "no claims": (
        make_token("[]"),
        Description("HS256", header={"alg": "HS256", "typ": "JWT"}),
    ),
    "a token": (
        make_token(header={"alg": "none", "kid": "k"}, secret="x", iat=5, exp=1),
        Description(
            "none",
            "k",
            "alice",
            ("sub", "iat", "exp"),
            {"sub": "alice", "iat": 5, "exp": 1},
            {"alg": "none", "kid": "k"},
        ),
    ),
    "claims of a wrong type": (
        make_token(iat="soon", exp=[1], aud={"a": 1}, skyprofile={"secret": "x"}, jti=10**30),
        Description(
            "HS256",
            names=("sub", "iat", "exp", "aud", "skyprofile", "jti"),
            claims={"sub": "alice", "iat": "soon", "skyprofile": {"secret": "x"}},
            header={"alg": "HS256", "typ": "JWT"},
        ),
    ),
    "a number too large for a double": (
        make_token('{"skyprofile":{"a":1e999}}'),
        Description("HS256", names=("skyprofile",), header={"alg": "HS256", "typ": "JWT"}),
    ),
    "nested as deeply as allowed": (
        make_token(f'{{"skyprofile":{DEEP}}}'),
        Description(
            "HS256",
            names=("skyprofile",),
            claims={"skyprofile": json.loads(DEEP.replace("\\ud800", "\\ufffd"))},
            header={"alg": "HS256", "typ": "JWT"},
        ),
    ),
}


@pytest.mark.parametrize(("token", "description"), DESCRIBED.values(), ids=DESCRIBED)
def test_a_token_is_described_unverified(token: object, description: Description) -> None:
    """As far as it can be read."""
    assert custom_token.describe(token) == description


odd_values = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-(2**70), 2**70),
    st.floats(allow_nan=False, allow_infinity=False),
    st.text(st.characters(exclude_categories=["Cs"]), max_size=8),
    st.lists(st.integers(), max_size=2),
    st.dictionaries(st.sampled_from(["$type", "$date", "a"]), st.text(max_size=3), max_size=2),
)
odd_claims = st.dictionaries(
    st.sampled_from(["sub", "iat", "exp", "nbf", "aud", "skyprofile", "profile", "x"]),
    odd_values,
    max_size=5,
)
odd_headers = st.dictionaries(st.sampled_from(["alg", "kid", "typ"]), odd_values, max_size=3)


@pytest.mark.heavy
@given(
    claims=odd_claims,
    header=odd_headers,
    secret=st.sampled_from([SECRET, "another secret of the same issuer"]),
    cut=st.integers(0, 3),
)
@example(claims={}, header={"alg": "HS256"}, secret=SECRET, cut=0)
@settings(max_examples=200, deadline=None)
def test_no_refusal_has_a_secret_or_a_signature(
    claims: dict[str, Any], header: dict[str, Any], secret: str, cut: int
) -> None:
    """Neither in the message nor in the explanation for the login log."""
    token = make_token(header=header, secret=secret, **claims)
    parts = token.split(".")
    signed_with = parts[2]
    sent = [token, f"{token}.x", f"{token}!", ".".join([*parts[:2], signed_with[:-1] + "é"])][cut]
    try:
        custom_token.verify(sent, SECRETS, NOW, Rules())
    except SkygearError as error:
        told = f"{error} {error.message} {error.info} {error.explanation} {error.__cause__}"
        assert signed_with not in told
        assert SECRET not in told
        assert secret not in told
    described = repr(custom_token.describe(sent))
    assert signed_with not in described


def refusal(token: str, rules: Rules, secrets: Any = SECRETS) -> SkygearError:
    """Return the refusal of *token*."""
    with pytest.raises(SkygearError) as caught:
        custom_token.verify(token, secrets, NOW, rules)
    return caught.value
