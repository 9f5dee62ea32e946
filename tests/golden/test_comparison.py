"""Which answers are equal to the recorded ones."""

import random
from typing import Any

import pytest

from tests.golden.fake_answers import (
    ALICE,
    BOB,
    CLAIMS,
    HEADER,
    NOW,
    RUN,
    SECRET,
    TOKEN_LINE,
    answer,
    mismatches_of,
    scenario_of,
    signed_token,
)
from tests.golden.json_values import find
from tests.golden.json_values import replace as replace_at
from tests.golden.play import DATABASE_MESSAGE, compare
from tests.golden.scenarios import load_scenarios

EQUAL = {
    "other order of keys": ({"a": 1, "b": 2}, {"b": 2, "a": 1}),
    "another spelling of a number": ({"a": 1}, {"a": 1.0}),
    "an identifier": ({"a": "<uuid:1>", "b": "user/<uuid:1>"}, {"a": ALICE, "b": f"user/{ALICE}"}),
    "two identifiers": ({"a": "<uuid:1>", "b": "<uuid:2>"}, {"a": BOB, "b": ALICE}),
    "an identifier as a key": ({"<uuid:1>": 1}, {ALICE: 1}),
    "a time": ({"a": "<time>"}, {"a": "2027-01-15T08:00:00.123456Z"}),
    "a time without fraction": ({"a": "<time>"}, {"a": "2027-01-15T08:00:00Z"}),
    "a time long ago": ({"a": "1990-01-02T00:00:00Z"}, {"a": "1990-01-02T00:00:00Z"}),
    "the random word": ({"a": "x-${run}@y", "${run}": 1}, {"a": f"x-{RUN}@y", RUN: 1}),
    "a message of a database": ({"a": "1: <database message>"}, {"a": "1: no such\ntable"}),
    "a token": (TOKEN_LINE, signed_token(HEADER, CLAIMS, SECRET)),
    "text that only looks like a token": ("a.b.c", "a.b.c"),
    "a long text": (
        "<text of 301 characters, sha256 e4c11e4fa5423893>",
        "x" * 301,
    ),
}


@pytest.mark.parametrize(("golden", "body"), EQUAL.values(), ids=EQUAL)
def test_equal_answers_pass(golden, body):
    """What differs from play to play is not a mismatch."""
    assert mismatches_of(scenario_of(golden), answer(body)) == []


DIFFERENT = {
    "another value": ({"a": 1}, {"a": 2}),
    "another type": ({"a": 1}, {"a": "1"}),
    "an additional key": ({"a": 1}, {"a": 1, "b": None}),
    "a missing key": ({"a": 1, "b": None}, {"a": 1}),
    "null for a missing key": ({}, {"a": None}),
    "null for an empty text": ({"a": ""}, {"a": None}),
    "false for null": ({"a": None}, {"a": False}),
    "true for 1": ({"a": 1}, {"a": True}),
    "1 for true": ({"a": True}, {"a": 1}),
    "0 for false": ({"a": False}, {"a": 0}),
    "an empty list for an empty object": ({"a": {}}, {"a": []}),
    "another order of a list": ({"a": [1, 2]}, {"a": [2, 1]}),
    "a longer list": ({"a": [1]}, {"a": [1, 1]}),
    "a shorter list": ({"a": [1, None]}, {"a": [1]}),
    "a text for a list": ({"a": ["b"]}, {"a": "b"}),
    "swapped identifiers": (
        {"a": "<uuid:1>", "b": "<uuid:2>", "c": "<uuid:1>"},
        {"a": ALICE, "b": BOB, "c": BOB},
    ),
    "one identifier for two": ({"a": "<uuid:1>", "b": "<uuid:2>"}, {"a": ALICE, "b": ALICE}),
    "two identifiers for one": ({"a": "<uuid:1>", "b": "<uuid:1>"}, {"a": ALICE, "b": BOB}),
    "an identifier in capitals": ({"a": "<uuid:1>"}, {"a": ALICE.upper()}),
    "text for an identifier": ({"a": "<uuid:1>"}, {"a": "alice"}),
    "a time of another zone": ({"a": "<time>"}, {"a": "2027-01-15T08:00:00+00:00"}),
    "a time of last week": ({"a": "<time>"}, {"a": "2027-01-08T08:00:00Z"}),
    "a time with trailing zeros": ({"a": "<time>"}, {"a": "2027-01-15T08:00:00.120Z"}),
    "a time with nanoseconds": ({"a": "<time>"}, {"a": "2027-01-15T08:00:00.123456789Z"}),
    "a time without zone": ({"a": "<time>"}, {"a": "2027-01-15T08:00:00"}),
    "another time long ago": ({"a": "1990-01-02T00:00:00Z"}, {"a": "1990-01-02T00:00:01Z"}),
    "another word for the random word": ({"a": "x-${run}"}, {"a": "x-other"}),
    "an empty message of a database": ({"a": "<database message>"}, {"a": ""}),
    "a number for a message of a database": ({"a": "<database message>"}, {"a": 1}),
    "other text before the message": ({"a": "1: <database message>"}, {"a": "2: no table"}),
    "another long text": ("<text of 301 characters, sha256 e4c11e4fa5423893>", "y" * 301),
    "a longer text": ("<text of 301 characters, sha256 e4c11e4fa5423893>", "x" * 302),
}


@pytest.mark.parametrize(("golden", "body"), DIFFERENT.values(), ids=DIFFERENT)
def test_different_answers_are_found(golden, body):
    """What the original would not answer is a mismatch."""
    assert len(mismatches_of(scenario_of(golden), answer(body))) == 1


WRONG_TOKENS = {
    "another secret": (HEADER, CLAIMS, "other"),
    "another algorithm": ({**HEADER, "alg": "HS512"}, CLAIMS, SECRET),
    "no typ": ({"alg": "HS256"}, CLAIMS, SECRET),
    "an additional header field": ({**HEADER, "kid": "1"}, CLAIMS, SECRET),
    "an additional claim": (HEADER, {**CLAIMS, "nbf": 0}, SECRET),
    "an expiry": (HEADER, {**CLAIMS, "exp": int(NOW) + 5}, SECRET),
    "no issuer": (HEADER, {k: v for k, v in CLAIMS.items() if k != "iss"}, SECRET),
    "another issuer": (HEADER, {**CLAIMS, "iss": "app"}, SECRET),
    "issued long ago": (HEADER, {**CLAIMS, "iat": int(NOW) - 3600}, SECRET),
    "issued at a fraction": (HEADER, {**CLAIMS, "iat": NOW}, SECRET),
    "issued at a text": (HEADER, {**CLAIMS, "iat": "now"}, SECRET),
    "an id that is not a UUID": (HEADER, {**CLAIMS, "jti": "1"}, SECRET),
    "no subject": (HEADER, {**CLAIMS, "sub": ""}, SECRET),
}


@pytest.mark.parametrize(("header", "claims", "secret"), WRONG_TOKENS.values(), ids=WRONG_TOKENS)
def test_wrong_tokens_are_found(header, claims, secret):
    """Header, claims and signature of an access token all count."""
    token = signed_token(header, claims, secret)

    assert len(mismatches_of(scenario_of(TOKEN_LINE), answer(token))) == 1


def test_a_token_of_another_user_is_found():
    """The subject of a token is compared with the identifiers seen before."""
    scenario = scenario_of({"id": "<uuid:1>", "token": TOKEN_LINE})
    token = signed_token(HEADER, {**CLAIMS, "sub": BOB}, SECRET)

    assert mismatches_of(scenario, answer({"id": ALICE, "token": token}))


def test_identifiers_keep_their_names_in_all_steps():
    """Another identifier in place of an earlier one is a mismatch."""
    scenario = scenario_of("<uuid:1>", "<uuid:1>")

    assert mismatches_of(scenario, answer(ALICE), answer(ALICE)) == []
    assert [one.step for one in mismatches_of(scenario, answer(ALICE), answer(BOB))] == [2]


def test_an_identifier_in_the_scenario_is_compared_literally():
    """The server did not make it, so it gets no name."""
    scenario = scenario_of(ALICE, request={"json": {"id": ALICE}})

    assert mismatches_of(scenario, answer(ALICE)) == []
    assert mismatches_of(scenario, answer(BOB))


CHECKS = {
    "/a == /a": True,
    "/a == /b": False,
    "/a < /b": True,
    "/a >= /b": False,
    "/b > /a": True,
    "/a != /b": True,
    "/a <= /a": True,
    "/n == 1": True,
    "/n == true": False,
    "/n < /a": False,
    "/x == /x": False,
    "/x != /a": False,
    "/n == ${n}": True,
    '/s == "a b"': True,
}


@pytest.mark.parametrize(("check", "holds"), CHECKS.items(), ids=CHECKS)
def test_checks_compare_values_of_the_answer(check, holds):
    """Times compare as times; no relation holds for a missing value."""
    body = {"a": "2027-01-15T08:00:00.9Z", "b": "2027-01-15T08:00:00.91Z", "n": 1, "s": "a b"}
    golden = {**body, "a": "<time>", "b": "<time>"}
    scenario = scenario_of(golden, checks=[check], capture={"n": "/n"})

    assert (mismatches_of(scenario, answer(body)) == []) is holds


def test_a_time_that_was_sent_comes_back_as_it_was_sent():
    """To the second, and in the same spelling."""
    scenario = scenario_of("<iso:+60>", request={"json": {"$iso": 60}})

    assert mismatches_of(scenario, answer("2027-01-15T08:01:00Z")) == []
    assert mismatches_of(scenario, answer("2027-01-15T08:01:01Z"))
    assert mismatches_of(scenario, answer("2027-01-15T08:01:00+00:00"))


OTHERS: tuple[Any, ...] = (None, True, False, 0, 1, -1.5, "", "other", [], ["other"], {}, {"a": 1})
RECORDED = [
    (f"{scenario.title} {number}", step["golden"])
    for scenario in load_scenarios()
    for number, step in enumerate(scenario.steps, 1)
]


@pytest.mark.heavy
def test_every_change_of_a_recorded_answer_is_found() -> None:
    """A recorded answer equals itself, but not itself with one value changed."""
    for name, golden in RECORDED:
        draw = random.Random(name)
        place = draw.choice(places(golden))
        old = find(golden, place)
        changed = [replace_at(golden, place, lambda _, new=new: new) for new in others_than(old)]

        assert compare(golden, golden) == [], name
        assert all(compare(golden, one) for one in changed), (name, place)


def places(value: Any, at: str = "") -> list[str]:
    """Return a pointer to each value in a JSON value that has a plain name."""
    inner: list[tuple[Any, Any]] = []
    if isinstance(value, dict):
        inner = [(key, item) for key, item in value.items() if not set(key) & set("~/[*")]
    elif isinstance(value, list):
        inner = list(enumerate(value))
    return [at, *(place for key, item in inner for place in places(item, f"{at}/{key}"))]


def others_than(old: Any) -> list[Any]:
    """Return values that are not equal to *old* as JSON."""
    if DATABASE_MESSAGE in str(old):
        return [None, 1]
    is_truth = isinstance(old, bool)
    return [one for one in OTHERS if isinstance(one, bool) != is_truth or one != old]
