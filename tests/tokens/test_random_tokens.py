"""Any text as a token is accepted or refused; nothing crashes."""

import json

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from skylogin.tokens.custom_token import DOCUMENTED, ORIGINAL

from tests.factories import HASHES, encoded, signature
from tests.golden.verdicts import SECRET, Verdict, verdict

CONTRACTS = (ORIGINAL, DOCUMENTED)
ACCEPTED = 200
REFUSED = {400, 401}
FAR = 4_102_444_800
GOOD_HEADER = '{"alg":"HS256","typ":"JWT"}'

NAMES = ("sub", "iat", "exp", "nbf", "aud", "iss", "jti", "profile", "skyprofile")
# Letters that only some case foldings treat as s and k.
SPELLINGS = (
    str,
    str.upper,
    str.title,
    lambda name: name.replace("s", "\u017f").replace("k", "\u212a"),
    lambda name: f"{name} ",
    lambda name: f"{name}\0",
)
LITERALS = (
    *("null", "true", "0", "-0", "-1", "1.5", "1e9", "1E400", "-1e-400", "01", "+1", ".5", "1."),
    *("9223372036854775807", "9223372036854775808", "-9223372036854775809", "9" * 5000),
    *("NaN", "Infinity", "-", "", "nul", "'x'", '"', '"\\', '"\\u', '"\\u12', '"\\x41"', "{", "["),
    *('"\\ud800"', '"\\udc00\\ud800"', '"\\ud83d\\ude00"', '"\\u0000"', '"\0"', '"\n"', '"\ufeff"'),
    *("[" * 200, "[" * 20_000 + "]" * 20_000, '{"a":' * 20_000 + "1" + "}" * 20_000),
    *(f'{{"$type":"{kind}"}}' for kind in ("date", "geo", "ref", "asset", "unknown", "x\0", "")),
    '{"$type":"date","$date":"9999-99-99T99:99:99Z"}',
    '{"$type":"date","$date":"0000-01-01T00:00:00+23:59"}',
    '{"$type":"geo","$lng":1e308,"$lat":-1e308}',
    '{"$type":"ref","$id":"/"}',
    '{"$type":{"$type":[]}}',
)


def texts() -> st.SearchStrategy[str]:
    """Any text, lone surrogates included."""
    return st.text(st.characters(), max_size=12)


def written(text: str) -> str:
    """A text as JSON, with escapes for lone surrogates."""
    plain = json.dumps(text, ensure_ascii=False)
    return "".join(f"\\u{ord(c):04x}" if "\ud800" <= c <= "\udfff" else c for c in plain)


values = st.one_of(
    st.sampled_from(LITERALS),
    st.integers().map(str),
    st.floats().map(repr),
    texts().map(written),
    st.recursive(
        st.one_of(st.none(), st.booleans(), st.floats(), st.integers(), st.text(max_size=5)),
        lambda inside: st.one_of(
            st.lists(inside, max_size=3),
            st.dictionaries(
                st.one_of(st.sampled_from(["$type", "$date", "$id", "$val"]), st.text(max_size=3)),
                inside,
                max_size=3,
            ),
        ),
        max_leaves=8,
    ).map(json.dumps),
)


@st.composite
def names(draw: st.DrawFn) -> str:
    """The name of a claim, in one of many spellings."""
    spelling = draw(st.sampled_from(SPELLINGS))
    return written(spelling(draw(st.one_of(st.sampled_from(NAMES), texts()))))


@st.composite
def claims(draw: st.DrawFn) -> bytes:
    """Claims of which most are good, some unusual and some repeated, perhaps with noise."""
    good = [("sub", '"alice"'), ("iat", "1"), ("exp", str(FAR))]
    pairs = [(f'"{name}"', value) for name, value in good if draw(st.integers(0, 9))]
    pairs += draw(st.lists(st.tuples(names(), values), max_size=4))
    profile = draw(st.lists(st.tuples(texts().map(written), values), max_size=2))
    pairs.append(('"skyprofile"', as_object(profile)))
    data = as_object(draw(st.permutations(pairs))).encode("utf-8", "surrogatepass")
    odd = draw(st.one_of(noisy(data), st.binary(max_size=20)))
    return draw(st.sampled_from([data, data, data, odd]))


@st.composite
def headers(draw: st.DrawFn) -> tuple[bytes, str]:
    """A header, and the algorithm to sign with."""
    alg = draw(st.sampled_from([*HASHES, "none", "hs256", "RS256", ""]))
    pairs = [('"alg"', json.dumps(alg))]
    fields = st.sampled_from(['"kid"', '"typ"', '"crit"', '"alg"'])
    pairs += draw(st.lists(st.tuples(fields, values), max_size=3))
    data = as_object(pairs).encode("utf-8", "surrogatepass")
    return draw(st.one_of(*[st.just(data)] * 4, noisy(data))), alg


def as_object(pairs: list[tuple[str, str]]) -> str:
    """An object as JSON, in which names may be repeated."""
    return "{" + ",".join(f"{name}:{value}" for name, value in pairs) + "}"


def noisy(data: bytes) -> st.SearchStrategy[bytes]:
    """The same bytes with some added, removed or replaced."""
    cuts = st.integers(0, len(data))
    return st.builds(
        lambda at, skip, more: data[:at] + more + data[at + skip :],
        cuts,
        st.integers(0, 2),
        st.binary(max_size=2),
    )


@st.composite
def tokens(draw: st.DrawFn) -> str:
    """A signed token that may be unusual in its header, claims, base64 or layout."""
    header, alg = draw(st.one_of(*[st.just((GOOD_HEADER.encode(), "HS256"))] * 3, headers()))
    parts = [encoded(header), encoded(draw(claims()))]
    if not draw(st.integers(0, 9)):
        parts = [draw(noisy(part.encode())).decode("latin-1") for part in parts]
    signed = ".".join(parts)
    signed_by = signature(signed, SECRET.decode(), alg if alg in HASHES else "HS256")
    layouts = ["{0}.{1}"] * 9 + ["{0}.{1}=", "{0}", "{0}.", ".{0}.{1}", " {0}.{1}", "{0}.{1}.{1}"]
    return draw(st.sampled_from(layouts)).format(signed, signed_by)


def signed(claims_text: str) -> str:
    """A token in which only the claims may be unusual."""
    text = f"{encoded(GOOD_HEADER.encode())}.{encoded(claims_text.encode())}"
    return f"{text}.{signature(text, SECRET.decode())}"


@pytest.mark.parametrize("contract", CONTRACTS)
@given(token=tokens())
# The same tokens each time, so that the quick tests do not fail by chance.
@pytest.mark.slow
@settings(max_examples=50, deadline=None, derandomize=True)
def test_a_signed_token_is_accepted_or_refused(contract: str, token: str) -> None:
    """Odd headers, claims, base64 and layouts end in a verdict."""
    assert is_verdict(verdict(token, contract))


@pytest.mark.long
@pytest.mark.parametrize("contract", CONTRACTS)
@given(token=tokens())
@settings(max_examples=2000, deadline=None)
def test_many_signed_tokens_are_accepted_or_refused(contract: str, token: str) -> None:
    """The same for many more tokens, different ones each time."""
    assert is_verdict(verdict(token, contract))


@pytest.mark.parametrize("contract", CONTRACTS)
@given(token=st.one_of(texts(), st.lists(texts(), min_size=3, max_size=3).map(".".join)))
@example(token="\ud800.\udc00.\0")
@example(token="." * 100_000)
@settings(max_examples=50, deadline=None, derandomize=True)
def test_text_that_is_not_a_token_is_refused(contract: str, token: str) -> None:
    """A client may send any text."""
    assert verdict(token, contract) == (400, 107)


@pytest.mark.parametrize("contract", CONTRACTS)
@pytest.mark.parametrize("name", NAMES)
def test_each_unusual_value_of_each_claim_gets_a_verdict(name: str, contract: str) -> None:
    """Even numbers out of range, invalid escapes and deep nesting."""
    for value in LITERALS:
        token = signed(f'{{"sub":"a","iat":1,"exp":{FAR},"{name}":{value}}}')

        assert is_verdict(verdict(token, contract)), value[:100]


def is_verdict(found: Verdict) -> bool:
    """Return whether a token was accepted, or refused as an error of the client."""
    status, code = found
    return (status == ACCEPTED and code is None) or status in REFUSED
