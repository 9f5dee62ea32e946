"""Reading signed tokens."""

from typing import Any

import pytest
from skylogin.errors import Reason
from skylogin.tokens import jws
from skylogin.tokens.jws import ClaimSet, TokenError

from tests.factories import SECONDS, encoded, make_token

HEADER = encoded(b'{"alg":"HS256","typ":"JWT"}')
CLAIMS = encoded(b'{"sub":"a"}')
# Bytes whose base64url has the letters that differ from base64.
ODD = encoded(bytes.fromhex("fbefbe"))

SPLIT = {
    "plain": f"{HEADER}.{CLAIMS}.AAAA",
    "no signature": f"{HEADER}.{CLAIMS}.",
    "no claims": f"{HEADER}..AAAA",
    "correct padding": f"{HEADER}.{CLAIMS}.AA==",
    "correct padding of one": f"{HEADER}.{CLAIMS}.AAA=",
    "half of the padding": f"{HEADER}.{CLAIMS}.AA=",
    "padding left out": f"{HEADER}.{CLAIMS}.AA",
    "trailing bits": f"{HEADER}.{CLAIMS}.AB",
    "other letters": f"{HEADER}.{ODD}.-_-_",
    "four line breaks": f"{HEADER}.{CLAIMS}.AAAA\r\n\r\n",
    "blanks in the header": f"{encoded(b' {} ')}.{CLAIMS}.AAAA",
}
NOT_SPLIT = {
    "nothing": "",
    "one part": "abc",
    "two parts": f"{HEADER}.{CLAIMS}",
    "four parts": f"{HEADER}.{CLAIMS}.AAAA.AAAA",
    "with Bearer": f"Bearer {HEADER}.{CLAIMS}.AAAA",
    "a trailing blank": f"{HEADER}.{CLAIMS}.AAAA ",
    "a trailing line break": f"{HEADER}.{CLAIMS}.AAAA\n",
    "too much padding": f"{HEADER}.{CLAIMS}.AAAA====",
    "wrong padding": f"{HEADER}.{CLAIMS}.AAA==",
    "padding in the middle": f"{HEADER}.{CLAIMS}.AA==AAAA",
    "one letter too many": f"{HEADER}.{CLAIMS}.AAAAA",
    "the other alphabet": f"{HEADER}.{CLAIMS}.+/+/",
    "other letters": f"{HEADER}.{CLAIMS}.éééé",
    "a lone surrogate": f"{HEADER}.{CLAIMS}.\ud800AAA",
    "no header": f".{CLAIMS}.AAAA",
    "a header that is not JSON": f"{encoded(b'{')}.{CLAIMS}.AAAA",
    "a header that is a list": f"{encoded(b'[]')}.{CLAIMS}.AAAA",
    "a header that is null": f"{encoded(b'null')}.{CLAIMS}.AAAA",
    "a header with trailing text": f"{encoded(b'{} x')}.{CLAIMS}.AAAA",
    "a header with too large a number": f"{encoded(b'[1e999]')}.{CLAIMS}.AAAA",
    "a header object with too large a number": f"""{encoded(b'{"a":1e999}')}.{CLAIMS}.AAAA""",
}


@pytest.mark.parametrize("token", SPLIT.values(), ids=SPLIT)
def test_a_token_is_split(token: str) -> None:
    """Padding may be missing, and unused bits are ignored."""
    assert jws.split(token).signing_input == token.rpartition(".")[0].encode()


@pytest.mark.parametrize("token", NOT_SPLIT.values(), ids=NOT_SPLIT)
def test_an_invalid_token_is_refused(token: str) -> None:
    """Twice: the cache of headers does not make it valid."""
    for _ in range(2):
        with pytest.raises(TokenError) as caught:
            jws.split(token)
        assert caught.value.reason in (Reason.TOKEN_MALFORMED, Reason.HEADER_MALFORMED)


ALGORITHMS: dict[str, tuple[Any, bool]] = {
    "HS256": ({"alg": "HS256"}, True),
    "HS384": ({"alg": "HS384"}, True),
    "HS512": ({"alg": "HS512"}, True),
    "with more": ({"alg": "HS256", "typ": 5, "crit": ["x"], "kid": {}}, True),
    "none": ({"alg": "none"}, False),
    "small letters": ({"alg": "hs256"}, False),
    "asymmetric": ({"alg": "RS256"}, False),
    "missing": ({"typ": "JWT"}, False),
    "null": ({"alg": None}, False),
    "a number": ({"alg": 256}, False),
    "a list": ({"alg": ["HS256"]}, False),
    "another name": ({"Alg": "HS256"}, False),
    "a blank": ({"alg": "HS256 "}, False),
}


@pytest.mark.parametrize(("header", "good"), ALGORITHMS.values(), ids=ALGORITHMS)
def test_only_three_algorithms_are_accepted(header: dict[str, Any], good: bool) -> None:
    """Other members of the header are ignored."""
    token = jws.split(make_token(header=header))
    accepted = frozenset(jws.ALGORITHMS)
    if good:
        jws.check_algorithm(token, accepted)
        return
    with pytest.raises(TokenError) as caught:
        jws.check_algorithm(token, accepted)
    assert caught.value.reason is Reason.ALGORITHM_NOT_ACCEPTED
    assert "accepted are HS256, HS384, HS512" in caught.value.explanation


READ: dict[str, tuple[str, ClaimSet]] = {
    "null": ("null", ClaimSet()),
    "nothing": ("{}", ClaimSet()),
    "trailing text": ('{"sub":"a"} x', ClaimSet({"sub": "a"}, names=["sub"])),
    "other case": ('{"SUB":"a"}', ClaimSet({"sub": "a"}, names=["SUB"])),
    "letters that fold": (
        '{"\u017fub":"a","\u017f\u212ayprofile":{}}',
        ClaimSet(
            {"sub": "a"}, objects={"skyprofile": {}}, names=["\u017fub", "\u017f\u212ayprofile"]
        ),
    ),
    "the last one counts": ('{"sub":"a","Sub":"b"}', ClaimSet({"sub": "b"}, names=["sub", "Sub"])),
    "null changes nothing": (
        '{"sub":"a","exp":1,"sub":null,"exp":null}',
        ClaimSet({"sub": "a"}, {"exp": 1}, names=["sub", "exp", "sub", "exp"]),
    ),
    "objects are merged": (
        '{"skyprofile":{"a":1,"b":{"c":1}},"skyprofile":{"b":{"d":2}}}',
        ClaimSet(objects={"skyprofile": {"a": 1, "b": {"d": 2}}}, names=["skyprofile"] * 2),
    ),
    "null clears an object": (
        '{"skyprofile":{"a":1},"skyprofile":null}',
        ClaimSet(names=["skyprofile"] * 2),
    ),
    "times": (
        f'{{"iat":0,"exp":{2**63 - 1},"nbf":{-(2**63)}}}',
        ClaimSet(times={"iat": 0, "exp": 2**63 - 1, "nbf": -(2**63)}, names=["iat", "exp", "nbf"]),
    ),
    "a profile of OpenID Connect, as an object": (
        '{"profile":{"a":1}}',
        ClaimSet(objects={"profile": {"a": 1}}, names=["profile"]),
    ),
    "any value in other claims": ('{"x":1e999,"y":[1]}', ClaimSet(names=["x", "y"])),
    "bad bytes": ('{"sub":"\udcff"}', ClaimSet({"sub": "\ufffd"}, names=["sub"])),
}


@pytest.mark.parametrize(("text", "claims"), READ.values(), ids=READ)
def test_claims_are_read_by_the_rules_of_go(text: str, claims: ClaimSet) -> None:
    """Names in any case, repeated claims merged, other claims ignored."""
    assert jws.read_claims(text.encode("utf-8", "surrogateescape")) == claims


WRONG_TYPES = {
    **{f"sub {v}": f'{{"sub":{v}}}' for v in ("1", "true", "[]", "{}")},
    **{
        f"exp {v}": f'{{"exp":{v}}}'
        for v in ('"1"', "1.5", "1700000000.0", "1.7e9", str(2**63), "true", "[1]", "{}", "1e999")
    },
    **{f"{n} number": f'{{"{n}":1}}' for n in ("iss", "jti", "aud")},
    "aud list": '{"aud":["a"]}',
    **{f"skyprofile {v}": f'{{"skyprofile":{v}}}' for v in ('"a"', "1", "true", "[]")},
    **{f"profile {v}": f'{{"profile":{v}}}' for v in ('"http://a"', "1", "true", "[]")},
    "iat below": f'{{"iat":{-(2**63) - 1}}}',
    "nbf text": '{"nbf":"1"}',
    "in other case": '{"EXP":"1"}',
    "a repeated claim": '{"exp":"1","exp":1}',
    "too large a number": '{"skyprofile":{"a":[1e999]}}',
    "too large a number of digits": '{"skyprofile":{"a":1' + "0" * 250 + "e99}}",
}


@pytest.mark.parametrize("text", WRONG_TYPES.values(), ids=WRONG_TYPES)
def test_a_claim_of_another_type_fails_the_token(text: str) -> None:
    """Whether or not it is used."""
    with pytest.raises(TokenError) as caught:
        jws.read_claims(text.encode())

    assert caught.value.reason is Reason.CLAIM_OF_WRONG_TYPE


@pytest.mark.parametrize("text", ["", "[]", '"a"', "1", "{", "\ufeff{}", "{'a':1}"])
def test_claims_that_are_not_an_object_are_refused(text: str) -> None:
    """Only null counts as an empty object."""
    with pytest.raises(TokenError) as caught:
        jws.read_claims(text.encode())

    assert caught.value.reason is Reason.CLAIMS_MALFORMED


NOW = SECONDS
# The claims, whether the original's code accepts them, and whether its documentation does.
TIMES: dict[str, tuple[dict[str, int], bool, bool]] = {
    "no times": ({}, True, True),
    "zeros": ({"exp": 0, "iat": 0, "nbf": 0}, True, True),
    "a second left": ({"exp": NOW + 1}, True, True),
    "the last second": ({"exp": NOW}, True, False),
    "a second late": ({"exp": NOW - 1}, False, False),
    "long before 1970": ({"exp": -1}, False, False),
    "issued now": ({"iat": NOW}, True, True),
    "issued in a second": ({"iat": NOW + 1}, False, False),
    "issued before 1970": ({"iat": -1}, True, True),
    "valid from now on": ({"nbf": NOW}, True, True),
    "valid in a second": ({"nbf": NOW + 1}, False, False),
    "far in the future": ({"exp": 2**63 - 1, "iat": -(2**63)}, True, True),
}


@pytest.mark.parametrize(("times", "original", "documented"), TIMES.values(), ids=TIMES)
def test_times_are_compared_in_whole_seconds(
    times: dict[str, int], original: bool, documented: bool
) -> None:
    """The contracts differ in the second of `exp`."""
    for accepted, excluded in ((original, False), (documented, True)):
        if accepted:
            jws.check_times(ClaimSet(times=times), NOW, expiry_excluded=excluded)
        else:
            with pytest.raises(TokenError):
                jws.check_times(ClaimSet(times=times), NOW, expiry_excluded=excluded)


CLOCK = "the server's clock says 2026-01-02T03:04:05Z"
SENTENCES: dict[str, tuple[dict[str, int], Reason, str]] = {
    "expired": (
        {"exp": NOW - 12},
        Reason.EXPIRED,
        f"expired 12 s ago: exp is 2026-01-02T03:03:53Z, {CLOCK}",
    ),
    "expired now": (
        {"exp": NOW},
        Reason.EXPIRED,
        f"expired 0 s ago: exp is 2026-01-02T03:04:05Z, {CLOCK}",
    ),
    "issued in the future": (
        {"iat": NOW + 7},
        Reason.ISSUED_IN_FUTURE,
        f"issued 7 s from now: iat is 2026-01-02T03:04:12Z, {CLOCK}",
    ),
    "not yet": (
        {"nbf": NOW + 60},
        Reason.NOT_YET_VALID,
        f"valid 60 s from now: nbf is 2026-01-02T03:05:05Z, {CLOCK}",
    ),
    "after the year 9999": (
        {"iat": 2**62},
        Reason.ISSUED_IN_FUTURE,
        f"issued {2**62 - NOW} s from now: iat is {2**62}, {CLOCK}",
    ),
    "milliseconds": (
        {"iat": NOW * 1000},
        Reason.ISSUED_IN_FUTURE,
        f"issued {NOW * 999} s from now: iat is {NOW * 1000}, {CLOCK}",
    ),
}


@pytest.mark.parametrize(("times", "reason", "sentence"), SENTENCES.values(), ids=SENTENCES)
def test_the_explanation_says_how_late_or_early_it_is(
    times: dict[str, int], reason: Reason, sentence: str
) -> None:
    """With the times of both clocks, so that a skew shows."""
    with pytest.raises(TokenError) as caught:
        jws.check_times(ClaimSet(times=times), NOW, expiry_excluded=True)

    assert (caught.value.reason, caught.value.explanation) == (reason, sentence)


@pytest.mark.parametrize("excluded", [True, False])
def test_a_leeway_moves_every_bound(excluded: bool) -> None:
    """By exactly its seconds."""
    last = 4 if excluded else 5
    within = ({"exp": NOW - last}, {"iat": NOW + 5}, {"nbf": NOW + 5})
    beyond = ({"exp": NOW - last - 1}, {"iat": NOW + 6}, {"nbf": NOW + 6})
    for times in within:
        jws.check_times(ClaimSet(times=times), NOW, leeway=5, expiry_excluded=excluded)
    for times in beyond:
        with pytest.raises(TokenError):
            jws.check_times(ClaimSet(times=times), NOW, leeway=5, expiry_excluded=excluded)


def test_a_public_key_is_not_accepted_as_a_secret() -> None:
    """Everyone could sign tokens with it."""
    with pytest.raises(ValueError, match="HMAC"):
        jws.prepare_key("-----BEGIN PUBLIC KEY-----\nAAAA\n-----END PUBLIC KEY-----")
    assert jws.prepare_key("é") == "é".encode()
