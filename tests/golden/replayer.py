"""Playing one scenario against a server, and saying where its answers differ from the goldens.

The clock, the random word and the way to the server are arguments, so that the replayer can be
tested without any of them.
"""

import http.client
import random
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlsplit

from tests.golden.compare import (
    Difference,
    answer_differences,
    check_difference,
    in_order,
    type_name,
)
from tests.golden.filling import Filler, Message, NotCapturedError
from tests.golden.normalise import Normaliser
from tests.golden.pointers import MISSING, find, replaced
from tests.golden.scenarios import Profile, Scenario, Step
from tests.golden.strict_json import read_json

TIMEOUT_SECONDS = 20
SECOND_START = 0.02
CRASH = 500

# No digit of an identifier is among them, so the word is never found inside one.
RUN_LETTERS = "ghjkmnpqrstvwxyz"
RUN_LENGTH = 8

# What can go wrong with sending: no server, no answer, or a captured value that no header can hold.
SENDING_ERRORS = (NotCapturedError, OSError, http.client.HTTPException, TypeError, ValueError)


@dataclass(frozen=True, slots=True)
class Answer:
    """An answer as it came; names of headers are in small letters."""

    status: int
    headers: Mapping[str, str]
    body: bytes


Send = Callable[[Message], Answer]


def random_word() -> str:
    """Return a word that is new in each play."""
    return "".join(random.choices(RUN_LETTERS, k=RUN_LENGTH))


@dataclass(frozen=True, slots=True)
class Surroundings:
    """What a play depends on besides the scenario and the server."""

    run: str = field(default_factory=random_word)
    now: Callable[[], float] = time.time
    sleep: Callable[[float], None] = time.sleep


@dataclass(frozen=True, slots=True)
class Fault:
    """A step that did not go as recorded."""

    step: int
    name: str
    differences: tuple[Difference, ...]

    def __str__(self) -> str:
        told = "\n".join(f"    {difference}" for difference in self.differences)
        return f"  step {self.step} ({self.name})\n{told}"


@contextmanager
def connection(base_url: str) -> Iterator[Send]:
    """Give a way to send messages to the server at *base_url*, over one connection."""
    parts = urlsplit(base_url)
    assert parts.hostname, base_url
    link = http.client.HTTPConnection(parts.hostname, parts.port, timeout=TIMEOUT_SECONDS)
    prefix = parts.path.rstrip("/")

    def send(message: Message) -> Answer:
        path = prefix + message.path
        try:
            link.request(message.method, path, body=message.body, headers=message.headers)
            response = link.getresponse()
            body = response.read()
        except BaseException:
            # A broken exchange must not spoil the next one.
            link.close()
            raise
        headers: dict[str, str] = {}
        for name, value in response.getheaders():
            key = name.lower()
            # A header that is there twice shows as a longer one, which no golden has.
            headers[key] = f"{headers[key]}, {value}" if key in headers else value
        return Answer(response.status, headers, body)

    try:
        yield send
    finally:
        link.close()


def play(
    scenario: Scenario, profile: Profile, send: Send, surroundings: Surroundings | None = None
) -> list[Fault]:
    """Play all steps of *scenario* in order and return those that differ from their goldens."""
    around = surroundings or Surroundings()
    normaliser = Normaliser(profile, scenario, around.run, around.now)
    filler = Filler(profile, around.run, around.now, normaliser)
    for name, value in scenario.variables.items():
        filler.variables[name] = filler.filled(value)
    try:
        return _played(scenario, _Play(profile, send, around, normaliser, filler))
    finally:
        for request in scenario.cleanup:
            with suppress(*SENDING_ERRORS):
                send(filler.message(request))


@dataclass(frozen=True, slots=True)
class _Play:
    profile: Profile
    send: Send
    around: Surroundings
    normaliser: Normaliser
    filler: Filler


def _played(scenario: Scenario, play: _Play) -> list[Fault]:
    faults: list[Fault] = []
    crashed = False
    for number, step in enumerate(scenario.steps, 1):
        _wait(step, play.around)
        try:
            answer = play.send(play.filler.message(step.request))
        except SENDING_ERRORS as error:
            problem = Difference("answer", "an answer", f"{type(error).__name__}: {error}")
            return [*faults, Fault(number, step.name, (problem,))]
        found = _step_differences(step, answer, play)
        # Before its crash the original was sane; after it, what it knows may differ from what a
        # server without the crash knows.
        crashed = crashed or step.golden["status"] >= CRASH
        excused = bool(scenario.defect) and crashed and _is_clean(answer)
        if found and not excused:
            faults.append(Fault(number, step.name, tuple(found)))
    return faults


def _wait(step: Step, around: Surroundings) -> None:
    if step.wait:
        around.sleep(step.wait)
    if step.at_second_start:
        around.sleep(1 + SECOND_START - around.now() % 1)


def _step_differences(step: Step, answer: Answer, play: _Play) -> list[Difference]:
    body = _body_of(answer)
    found = []
    for name, pointer in step.capture.items():
        value = find(body, pointer)
        if value is MISSING:
            found.append(Difference(f"capture {name}", pointer, MISSING))
        else:
            play.filler.variables[name] = value
    seen = _observed(step, answer, body, play.normaliser)
    found += answer_differences(step, step.golden, seen, play.profile)
    failed = (check_difference(check, body, play.filler.variables) for check in step.checks)
    return found + [difference for difference in failed if difference]


def _observed(step: Step, answer: Answer, body: Any, normaliser: Normaliser) -> dict[str, Any]:
    content: dict[str, Any]
    if body is MISSING:
        content = {"text": normaliser.value(answer.body.decode("utf-8", "backslashreplace"))}
    else:
        named = normaliser.value(body)
        for pointer in step.mask:
            named = replaced(named, pointer, type_name)
        content = {"focus": _focused(named, step)} if step.focus else {"body": named}
    headers = normaliser.headers(answer.headers)
    if not answer.body:
        headers.pop("content-type", None)
    return {"status": answer.status, "headers": headers, **content}


def _focused(body: Any, step: Step) -> dict[str, Any]:
    for pointer in step.unordered:
        body = replaced(body, pointer, in_order)
    found = {pointer: find(body, pointer) for pointer in step.focus}
    return {pointer: value for pointer, value in found.items() if value is not MISSING}


def _body_of(answer: Answer) -> Any:
    try:
        return read_json(answer.body)
    except ValueError:
        return MISSING


def _is_clean(answer: Answer) -> bool:
    body = _body_of(answer)
    is_told = isinstance(body, dict) and ("result" in body or "error" in body)
    return answer.status < CRASH and is_told
