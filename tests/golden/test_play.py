"""How a scenario is played, and which parts of an answer are compared."""

from dataclasses import replace

import pytest

from tests.golden.fake_answers import (
    BOB,
    answer,
    mismatches_of,
    play,
    scenario_of,
)
from tests.golden.play import Answer, join_headers
from tests.golden.requests import Message

WRONG_ANSWERS = {
    "status": answer({}, status=201),
    "an additional header": answer({}, access_control_max_age="5"),
    "a missing header": answer({}, server=None),
    "another header": answer({}, server="other"),
    "a type with a charset": answer({}, content_type="application/json; charset=utf-8"),
    "no request id": answer({}, x_skygear_request_id="1"),
    "a request id in capitals": answer({}, x_skygear_request_id=BOB.upper()),
    "a request id that is not random": answer({}, x_skygear_request_id=BOB.replace("-4", "-1")),
    "text after the JSON": replace(answer({}), body=b"{} {}"),
    "a repeated key": replace(answer({}), body=b'{"a": 1, "a": 1}'),
    "bytes that are not UTF-8": replace(answer({}), body=b'"\xff"'),
    "an empty body": replace(answer({}), body=b""),
}


@pytest.mark.parametrize("wrong", WRONG_ANSWERS.values(), ids=WRONG_ANSWERS)
def test_status_headers_and_form_count(wrong: Answer) -> None:
    """An answer is more than its body."""
    assert mismatches_of(scenario_of({}), wrong)


def test_other_headers_do_not_count() -> None:
    """The date and the length are left to HTTP."""
    assert mismatches_of(scenario_of({}), answer({}, date="today", content_length="2")) == []


def test_the_type_of_an_empty_answer_does_not_count() -> None:
    """Without a body it has no meaning."""
    golden = {"status": 200, "headers": {"Server": "s"}, "text": ""}
    scenario = scenario_of({}, golden=golden)

    assert mismatches_of(scenario, Answer(200, {"server": "s", "content-type": "x"}, b"")) == []


def test_masked_values_are_compared_by_type() -> None:
    """Any number equals a number, but text does not."""
    scenario = scenario_of({"a": [{"b": "<number>"}]}, mask=["/a/*/b"])

    assert mismatches_of(scenario, answer({"a": [{"b": 7}]})) == []
    assert mismatches_of(scenario, answer({"a": [{"b": "7"}]}))
    assert mismatches_of(scenario, answer({"a": [{"b": True}]}))


def test_unordered_lists_are_compared_without_their_order() -> None:
    """Their items still count."""
    scenario = scenario_of({"a": [1, 2, 2]}, unordered=["/a"])

    assert mismatches_of(scenario, answer({"a": [2, 1, 2]})) == []
    assert mismatches_of(scenario, answer({"a": [2, 1, 1]}))


def test_with_a_focus_only_some_values_count() -> None:
    """Those at the pointers, missing ones included."""
    golden = {
        "status": 200,
        "headers": "standard",
        "focus": {"/a/f[name=x]": {"name": "x", "n": 1}},
    }
    scenario = scenario_of({}, golden=golden, focus=["/a/f[name=x]", "/b"])
    fields = [{"name": "w"}, {"name": "x", "n": 1}]

    assert mismatches_of(scenario, answer({"a": {"f": fields}, "c": 1})) == []
    assert mismatches_of(scenario, answer({"a": {"f": fields}, "b": None}))
    assert mismatches_of(scenario, answer({"a": {"f": fields[:1]}}))


def test_a_value_that_cannot_be_captured_is_a_mismatch() -> None:
    """The next step would have nothing to send."""
    assert mismatches_of(scenario_of({}, capture={"id": "/result/id"}), answer({}))


def test_a_crash_of_the_original_is_excused_but_not_required() -> None:
    """A defect passes with the recorded crash and with any clean answer, but not another crash."""
    crash = {"status": 500, "headers": "standard", "body": {"error": "panic"}}
    scenario = replace(scenario_of({}, golden=crash), defect="a panic")

    assert mismatches_of(scenario, answer({"error": "panic"}, status=500)) == []
    assert mismatches_of(scenario, answer({"error": "refused"}, status=400)) == []
    assert mismatches_of(scenario, answer({"error": "other"}, status=500))
    assert mismatches_of(scenario, answer({"other": 1}))
    assert mismatches_of(replace(scenario, defect=""), answer({"error": "refused"}, status=400))


def test_a_defect_excuses_nothing_before_the_crash() -> None:
    """What the original answered before it crashed was right."""
    scenario = replace(scenario_of({"result": 1}), defect="a panic, later")

    assert mismatches_of(scenario, answer({"result": 2}))


def test_a_play_ends_with_an_answer_that_does_not_come() -> None:
    """The clean-up is still tried."""
    sent = []

    def send(message: Message) -> Answer:
        sent.append(message)
        raise ConnectionResetError("gone")

    scenario = scenario_of({}, {})
    scenario = replace(scenario, cleanup=(scenario.steps[0]["request"],))
    mismatches = play(scenario, send)

    assert [one.step for one in mismatches] == [1]
    assert "gone" in mismatches[0].text
    assert sent == [sent[0]] * 2


def test_a_step_may_wait() -> None:
    """For some seconds, and for the start of the next second."""
    slept: list[float] = []
    scenario = scenario_of({}, wait=3.2, at_second_start=True)

    play(scenario, lambda _message: answer({}), slept.append)

    assert slept == pytest.approx([3.2, 0.52])


def test_a_repeated_header_is_a_mismatch() -> None:
    """Its values are joined, whatever the case of its name."""
    headers = join_headers([*answer({}).headers.items(), ("Server", "Skygear Server/1.7.3")])

    assert headers["server"] == "Skygear Server/1.7.3, Skygear Server/1.7.3"
    assert mismatches_of(scenario_of({}), Answer(200, headers, b"{}"))
