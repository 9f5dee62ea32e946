"""What the replayer sends: requests, tokens and pointers as scenarios write them down."""

from dataclasses import replace
from typing import Any

import pytest

from tests.golden.answers import NOW, PROFILE, answer, faults_of, scenario_of, surroundings
from tests.golden.filling import Message
from tests.golden.pointers import MISSING, find, places, replaced
from tests.golden.replayer import Answer, play
from tests.golden.scenarios import ScenarioError, read_scenario
from tests.golden.tokens import make_token


def sent_by(request: dict[str, Any], **more: Any) -> Message:
    """The message that a request becomes."""
    sent: list[Message] = []
    scenario = scenario_of({}, request=request)
    scenario = replace(scenario, **more)

    def send(message: Message) -> Answer:
        sent.append(message)
        return answer({})

    play(scenario, PROFILE, send, surroundings())
    return sent[0]


REQUESTS = {
    "path and method": ({"method": "GET", "path": "/me"}, {"method": "GET", "path": "/me"}),
    "JSON": ({"json": {"a": "é"}}, {"body": '{"a": "é"}'.encode()}),
    "null": ({"json": None}, {"body": b"null"}),
    "text": ({"body": "é", "encoding": "latin-1"}, {"body": b"\xe9"}),
    "nothing": ({}, {"body": None}),
    "now": ({"json": {"$now": -1}}, {"body": b"1799999999"}),
    "a time": ({"json": {"$iso": 60}}, {"body": b'"2027-01-15T08:01:00Z"'}),
    "a time elsewhere": (
        {"json": {"$iso": 60, "utc_offset_hours": 8}},
        {"body": b'"2027-01-15T16:01:00+08:00"'},
    ),
    "repeated": ({"json": {"$repeat": ["ab", 2]}}, {"body": b'"abab"'}),
    "a typed value": (
        {"json": {"$type": "date", "$date": "${run}"}},
        {"body": b'{"$type": "date", "$date": "ghjkmnpq"}'},
    ),
    "a variable keeps its type": ({"json": ["${v}", "x${v}"]}, {"body": b'[5, "x5"]'}),
}


@pytest.mark.parametrize(("request_", "expected"), REQUESTS.values(), ids=REQUESTS)
def test_requests_are_filled_in(request_, expected):
    """What a scenario writes down is what is sent."""
    message = sent_by(request_, variables={"v": {"$now": 5 - int(NOW)}})

    assert {name: getattr(message, name) for name in expected} == expected


KEYS = {
    "API key": ({}, "changeme"),
    "master key": ({"key": "master"}, "secret"),
    "no key": ({"key": "none"}, None),
    "another key": ({"headers": {"X-Skygear-Api-Key": "other"}}, "other"),
    "left out": ({"headers": {"X-Skygear-Api-Key": None}}, None),
}


@pytest.mark.parametrize(("request_", "key"), KEYS.values(), ids=KEYS)
def test_keys_are_sent(request_, key):
    """The key of the profile is sent unless the request says otherwise."""
    assert sent_by(request_).headers.get("X-Skygear-Api-Key") == key


def test_captured_values_are_sent():
    """What one answer gives, the next request can use."""
    scenario = scenario_of("t1", "t1", capture={"token": ""})
    second = replace(scenario.steps[1].request, access_token="${token}")
    scenario = replace(
        scenario, steps=(scenario.steps[0], replace(scenario.steps[1], request=second))
    )
    sent: list[Message] = []

    def send(message: Message) -> Answer:
        sent.append(message)
        return answer("t1")

    play(scenario, PROFILE, send, surroundings())

    assert [message.headers.get("X-Skygear-Access-Token") for message in sent] == [None, "t1"]


TOKENS = {
    "plain": ({}, "eyJhbGciOiJIUzI1NiIsInR5cCI6IkpXVCJ9.eyJpYXQiOjUsImV4cCI6MzYwNX0."),
    "other claims": ({"claims": {"iat": 1}, "drop": ["exp"]}, ".eyJpYXQiOjF9."),
    "another algorithm": ({"alg": "HS512"}, "eyJhbGciOiJIUzUxMiIsInR5cCI6IkpXVCJ9."),
    "a header": (
        {"header": {"typ": None, "kid": "é"}},
        "eyJhbGciOiJIUzI1NiIsImtpZCI6Ilx1MDBlOSJ9.",
    ),
    "texts": ({"header_text": "x", "claims_text": "é"}, "eA.w6k."),
    "an encoding": ({"header_text": "x", "claims_text": "é", "encoding": "latin-1"}, "eA.6Q."),
    "padding": ({"header_text": "x", "padding": True}, "eA==."),
    "standard base64": ({"claims_text": "??>", "standard_base64": True}, ".Pz8+."),
    "a layout": ({"header_text": "x", "layout": "Bearer {header}"}, "Bearer eA"),
    "a signature": ({"signature": "{header}"}, ".{header}"),
    "changed after signing": ({"carry_claims": {"exp": 1}}, ".eyJpYXQiOjUsImV4cCI6MX0."),
}


@pytest.mark.parametrize(("wanted", "part"), TOKENS.values(), ids=TOKENS)
def test_tokens_are_made_as_wanted(wanted, part):
    """Every detail of a token can be right or wrong on purpose."""
    assert part in make_token(wanted, "secret", 5)


def test_the_signature_of_a_token_is_that_of_rfc_7515():
    """HS256 over header and claims; nothing at all without an algorithm."""
    known = "eyJhbGciOiJIUzI1NiIsInR5cCI6IkpXVCJ9.e30.t-IDcSemACt8x4iTMCda8Yhe3iZaWbvV5XKSTbuAn0M"

    assert make_token({"claims_text": "{}"}, "secret", 5) == known
    assert make_token({"alg": "none"}, "secret", 5).endswith(".")
    assert make_token({"secret": "secret", "claims_text": "{}"}, "other", 5) == known


REFUSED: dict[str, dict[str, Any]] = {
    "in a scenario": {"color": "red"},
    "in a step": {"steps": [{"request": {}, "golden": {}, "color": "red"}]},
    "in a request": {"steps": [{"request": {"color": "red"}, "golden": {}}]},
    "among the keys": {"steps": [{"request": {"key": "red"}, "golden": {}}]},
}


@pytest.mark.parametrize("changed", REFUSED.values(), ids=REFUSED)
def test_unknown_words_are_refused(changed):
    """A rule this replayer does not know is not passed over in silence."""
    with pytest.raises(ScenarioError):
        read_scenario("theme", {"name": "n", "why": "w", "steps": [], **changed})


def test_unknown_words_in_a_token_and_odd_checks_are_refused():
    """The same holds for what is only read while playing."""
    with pytest.raises(ScenarioError):
        make_token({"color": "red"}, "", 5)
    with pytest.raises(ScenarioError):
        faults_of(scenario_of({}, checks=["/a is /b"]), answer({}))


def test_pointers():
    """The two additions work for reading and for replacing."""
    document = {"a": [{"n": "x", "v": 1}, {"n": "y", "v": 2}], "b/c": None}

    assert find(document, "/a[n=y]") == {"n": "y", "v": 2}
    assert find(document, "/a/*/v") == [1, 2]
    assert find(document, "/b~1c") is None
    assert find(document, "/a/2") is MISSING
    assert find(document, "/a/0/n/0") is MISSING
    assert find(document, "") == document
    assert places(document, "/*") == [("a",), ("b/c",)]
    assert replaced(document, "/a[n=y]/v", str)["a"][1] == {"n": "y", "v": "2"}
