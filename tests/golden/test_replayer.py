"""How a scenario is played, and what of an answer counts."""

import http.server
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace

import pytest

from tests.golden.answers import BOB, PROFILE, answer, faults_of, headers, scenario_of, surroundings
from tests.golden.filling import Message
from tests.golden.replayer import Answer, connection, play

WRONG_ANSWERS = {
    "status": answer({}, status=201),
    "a header more": answer({}, access_control_max_age="5"),
    "a header less": answer({}, server=None),
    "another header": answer({}, server="other"),
    "a type with a charset": answer({}, content_type="application/json; charset=utf-8"),
    "no request id": answer({}, x_skygear_request_id="1"),
    "a request id in capitals": answer({}, x_skygear_request_id=BOB.upper()),
    "a request id that is not random": answer({}, x_skygear_request_id=BOB.replace("-4", "-1")),
    "no JSON": replace(answer({}), body=b"{} {}"),
    "a repeated key": replace(answer({}), body=b'{"a": 1, "a": 1}'),
    "bytes that are no text": replace(answer({}), body=b'"\xff"'),
    "nothing": replace(answer({}), body=b""),
}


@pytest.mark.parametrize("wrong", WRONG_ANSWERS.values(), ids=WRONG_ANSWERS)
def test_status_headers_and_form_count(wrong):
    """An answer is more than its body."""
    assert faults_of(scenario_of({}), wrong)


def test_headers_of_no_interest_do_not_count():
    """The date and the length are the business of HTTP."""
    assert faults_of(scenario_of({}), answer({}, date="today", content_length="2")) == []


def test_the_type_of_an_empty_answer_does_not_count():
    """An answer without body has nothing that could have a type."""
    golden = {"status": 200, "headers": {"Server": "s"}, "text": ""}
    scenario = scenario_of({}, golden=golden)

    assert faults_of(scenario, Answer(200, {"server": "s", "content-type": "x"}, b"")) == []


def test_masked_values_are_compared_by_type():
    """Any number will do for a number, but no text."""
    scenario = scenario_of({"a": [{"b": "<number>"}]}, mask=["/a/*/b"])

    assert faults_of(scenario, answer({"a": [{"b": 7}]})) == []
    assert faults_of(scenario, answer({"a": [{"b": "7"}]}))
    assert faults_of(scenario, answer({"a": [{"b": True}]}))


def test_unordered_lists_are_compared_without_regard_to_order():
    """The order is free, the items are not."""
    scenario = scenario_of({"a": [1, 2, 2]}, unordered=["/a"])

    assert faults_of(scenario, answer({"a": [2, 1, 2]})) == []
    assert faults_of(scenario, answer({"a": [2, 1, 1]}))


def test_focus_leaves_the_rest_aside():
    """Only the values at the pointers count, missing ones included."""
    golden = {
        "status": 200,
        "headers": "standard",
        "focus": {"/a/f[name=x]": {"name": "x", "n": 1}},
    }
    scenario = scenario_of({}, golden=golden, focus=["/a/f[name=x]", "/b"])
    fields = [{"name": "w"}, {"name": "x", "n": 1}]

    assert faults_of(scenario, answer({"a": {"f": fields}, "c": 1})) == []
    assert faults_of(scenario, answer({"a": {"f": fields}, "b": None}))
    assert faults_of(scenario, answer({"a": {"f": fields[:1]}}))


def test_a_value_that_cannot_be_captured_is_a_difference():
    """The step after it would have nothing to send."""
    assert faults_of(scenario_of({}, capture={"id": "/result/id"}), answer({}))


def test_a_crash_of_the_original_is_excused_but_not_asked_for():
    """A defect passes with the recorded crash and with any sane answer, but no other crash."""
    crash = {"status": 500, "headers": "standard", "body": {"error": "panic"}}
    scenario = replace(scenario_of({}, golden=crash), defect="a panic")

    assert faults_of(scenario, answer({"error": "panic"}, status=500)) == []
    assert faults_of(scenario, answer({"error": "refused"}, status=400)) == []
    assert faults_of(scenario, answer({"error": "other"}, status=500))
    assert faults_of(scenario, answer({"other": 1}))
    assert faults_of(replace(scenario, defect=""), answer({"error": "refused"}, status=400))


def test_a_defect_excuses_nothing_before_the_crash():
    """What the original did before it crashed was right."""
    scenario = replace(scenario_of({"result": 1}), defect="a panic, later")

    assert faults_of(scenario, answer({"result": 2}))


def test_the_rest_is_not_played_without_an_answer():
    """A server that is gone is told once, and the clean-up is still tried."""
    sent = []

    def send(message: Message) -> Answer:
        sent.append(message)
        raise ConnectionResetError("gone")

    scenario = scenario_of({}, {})
    scenario = replace(scenario, cleanup=(scenario.steps[0].request,))
    faults = play(scenario, PROFILE, send, surroundings())

    assert [fault.step for fault in faults] == [1]
    assert "gone" in str(faults[0])
    assert sent == [sent[0]] * 2


def test_waiting():
    """A step waits for its seconds, and for the start of the next one where it must."""
    slept: list[float] = []
    scenario = scenario_of({}, wait=3.2, at_second_start=True)

    play(scenario, PROFILE, lambda _message: answer({}), surroundings(slept.append))

    assert slept == pytest.approx([3.2, 0.52])


@contextmanager
def answering(status: int, fields: list[tuple[str, str]], body: bytes) -> Iterator[str]:
    """Run a server that always gives one answer."""

    class Handler(http.server.BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self) -> None:
            self.rfile.read(int(self.headers["Content-Length"]))
            self.send_response_only(status)
            for name, value in [*fields, ("Content-Length", str(len(body)))]:
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(body)

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_port}"
        finally:
            server.shutdown()
            thread.join()


def test_a_play_over_http():
    """Answers of a real server are read whole, headers that are there twice included."""
    fields = [(name, value) for name, value in headers().items()]
    scenario = scenario_of({"a": 1}, {"a": 1})

    with answering(200, fields, b'{"a": 1}') as url, connection(url) as send:
        assert play(scenario, PROFILE, send, surroundings()) == []
    twice = [*fields, ("Server", "Skygear Server/1.7.3")]
    with answering(200, twice, b'{"a": 1}') as url, connection(url) as send:
        assert [fault.step for fault in play(scenario, PROFILE, send, surroundings())] == [1, 2]
