"""What is sent: requests and tokens as scenarios describe them."""

from dataclasses import replace
from typing import Any

import pytest

from tests.golden.fake_answers import (
    NOW,
    answer,
    mismatches_of,
    scenario_of,
    sent_by,
)
from tests.golden.json_values import MISSING, find
from tests.golden.json_values import replace as replace_at
from tests.golden.scenarios import ScenarioError, read_scenario
from tests.golden.tokens import make_token

REQUESTS = {
    "path and method": ({"method": "GET", "path": "/me"}, {"method": "GET", "path": "/me"}),
    "JSON": ({"json": {"a": "é"}}, {"body": '{"a": "é"}'.encode()}),
    "null": ({"json": None}, {"body": b"null"}),
    "text": ({"body": "é", "encoding": "latin-1"}, {"body": b"\xe9"}),
    "no body": ({}, {"body": None}),
    "now": ({"json": {"$now": -1}}, {"body": b"1799999999"}),
    "a time": ({"json": {"$iso": 60}}, {"body": b'"2027-01-15T08:01:00Z"'}),
    "a time in another zone": (
        {"json": {"$iso": 60, "utc_offset_hours": 8}},
        {"body": b'"2027-01-15T16:01:00+08:00"'},
    ),
    "repeated text": ({"json": {"$repeat": ["ab", 2]}}, {"body": b'"abab"'}),
    "a typed value": (
        {"json": {"$type": "date", "$date": "${run}"}},
        {"body": b'{"$type": "date", "$date": "ghjkmnpq"}'},
    ),
    "a variable keeps its type": ({"json": ["${v}", "x${v}"]}, {"body": b'[5, "x5"]'}),
}


@pytest.mark.parametrize(("request_", "expected"), REQUESTS.values(), ids=REQUESTS)
def test_requests_are_filled_in(request_: dict[str, Any], expected: dict[str, Any]) -> None:
    """Variables and operators become values."""
    scenario = replace(scenario_of({}, request=request_), variables={"v": {"$now": 5 - int(NOW)}})
    [message] = sent_by(scenario, answer({}))

    assert {name: getattr(message, name) for name in expected} == expected


KEYS = {
    "API key": ({}, "changeme"),
    "master key": ({"key": "master"}, "secret"),
    "no key": ({"key": "none"}, None),
    "another key": ({"headers": {"X-Skygear-Api-Key": "other"}}, "other"),
    "left out": ({"headers": {"X-Skygear-Api-Key": None}}, None),
}


@pytest.mark.parametrize(("request_", "key"), KEYS.values(), ids=KEYS)
def test_keys_are_sent(request_: dict[str, Any], key: str | None) -> None:
    """The API key of the profile is sent unless the request says otherwise."""
    [message] = sent_by(scenario_of({}, request=request_), answer({}))

    assert message.headers.get("X-Skygear-Api-Key") == key


def test_captured_values_are_sent() -> None:
    """A request can use the values of earlier answers."""
    first, second = scenario_of("t1", "t1", capture={"token": ""}).steps
    second = {**second, "request": {"access_token": "${token}"}}
    sent = sent_by(replace(scenario_of(), steps=(first, second)), answer("t1"), answer("t1"))

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
def test_tokens_are_made_as_wanted(wanted: dict[str, Any], part: str) -> None:
    """Every detail of a token can be right or wrong on purpose."""
    assert part in make_token(wanted, "secret", 5)


def test_the_signature_of_a_token_is_that_of_rfc_7515() -> None:
    """HS256 over header and claims; without an algorithm it is empty."""
    known = "eyJhbGciOiJIUzI1NiIsInR5cCI6IkpXVCJ9.e30.t-IDcSemACt8x4iTMCda8Yhe3iZaWbvV5XKSTbuAn0M"

    assert make_token({"claims_text": "{}"}, "secret", 5) == known
    assert make_token({"alg": "none"}, "secret", 5).endswith(".")
    assert make_token({"secret": "secret", "claims_text": "{}"}, "other", 5) == known


UNKNOWN: dict[str, dict[str, Any]] = {
    "in a scenario": {"color": "red"},
    "in a step": {"steps": [{"request": {}, "golden": {}, "color": "red"}]},
    "in a request": {"steps": [{"request": {"color": "red"}, "golden": {}}]},
    "in a clean-up": {"cleanup": [{"color": "red"}]},
    "as a key": {"steps": [{"request": {"key": "red"}, "golden": {}}]},
    "two bodies": {"steps": [{"request": {"json": 1, "body": "1"}, "golden": {}}]},
}


@pytest.mark.parametrize("changed", UNKNOWN.values(), ids=UNKNOWN)
def test_unknown_words_of_a_scenario_are_refused(changed: dict[str, Any]) -> None:
    """No rule of a scenario is ignored."""
    with pytest.raises(ScenarioError):
        read_scenario("theme", {"name": "n", "why": "w", "steps": [], **changed})


def test_unknown_words_of_a_token_and_unknown_checks_are_refused() -> None:
    """They are read only while playing."""
    with pytest.raises(ScenarioError):
        make_token({"color": "red"}, "", 5)
    with pytest.raises(ScenarioError):
        mismatches_of(scenario_of({}, checks=["/a is /b"]), answer({}))


def test_pointers_reach_items_and_picked_items() -> None:
    """For reading and for replacing."""
    document = {"a": [{"n": "x", "v": 1}, {"n": "y", "v": 2}], "b/c": None}

    assert find(document, "/a[n=y]") == {"n": "y", "v": 2}
    assert find(document, "/a[n=z]") is MISSING
    assert find(document, "/a/*/v") == [1, 2]
    assert find(document, "/b~1c") is None
    assert find(document, "/a/2") is MISSING
    assert find(document, "/a/0/n/0") is MISSING
    assert find(document, "") == document
    assert find(document, "/*") == [document["a"], None]
    assert replace_at(document, "/a[n=y]/v", str)["a"] == [{"n": "x", "v": 1}, {"n": "y", "v": "2"}]
