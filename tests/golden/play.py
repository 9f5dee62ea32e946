"""Playing a scenario against a server, and telling where its answers differ from the recorded.

The clock, the random word and the connection are arguments, so that this can be tested alone.
"""

import difflib
import http.client
import json
import random
import re
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from urllib.parse import urlsplit

from tests.golden.json_values import (
    MISSING,
    as_text,
    find,
    in_order,
    read_json,
    replace,
    type_name,
)
from tests.golden.normalise import Normaliser, read_timestamp
from tests.golden.requests import Message, NotCapturedError, Requests
from tests.golden.scenarios import Profile, Scenario, ScenarioError
from tests.golden.tokens import UUID

TIMEOUT_SECONDS = 20
SECOND_START = 0.02
CRASH = 500
# No hexadecimal digits, so that the random word is never found in an identifier.
RUN_LETTERS = "ghjkmnpqrstvwxyz"
RUN_LENGTH = 8
CHECK = re.compile(r"(?P<left>\S.*?) (?P<operator>==|!=|<=|>=|<|>) (?P<right>\S.*)")
# In place of a message of the database engine, any text of a JSON string is accepted.
DATABASE_MESSAGE, ANY_MESSAGE = "<database message>", r'(?:[^"\\]|\\.)+'
# No server, no answer, or a captured value that cannot be sent.
SENDING_ERRORS = (NotCapturedError, OSError, http.client.HTTPException, TypeError, ValueError)


@dataclass(frozen=True, slots=True)
class Answer:
    """An answer as it was received; names of headers are in lower case."""

    status: int
    headers: Mapping[str, str]
    body: bytes

    def json(self) -> Any:
        """Return the value of the body, MISSING if it is not strict JSON."""
        try:
            return read_json(self.body)
        except ValueError:
            return MISSING


Send = Callable[[Message], Answer]


@dataclass(frozen=True, slots=True)
class Mismatch:
    """A step whose answer is not the recorded one."""

    step: int
    text: str


@contextmanager
def connection(base_url: str) -> Iterator[Send]:
    """Give a function that sends messages to the server at *base_url*, over one connection."""
    parts = urlsplit(base_url)
    assert parts.hostname, base_url
    link = http.client.HTTPConnection(parts.hostname, parts.port, timeout=TIMEOUT_SECONDS)

    def send(message: Message) -> Answer:
        path = parts.path.rstrip("/") + message.path
        try:
            link.request(message.method, path, body=message.body, headers=message.headers)
            response = link.getresponse()
            body = response.read()
        except BaseException:
            # The next message needs a new connection.
            link.close()
            raise
        return Answer(response.status, join_headers(response.getheaders()), body)

    try:
        yield send
    finally:
        link.close()


def join_headers(headers: Iterable[tuple[str, str]]) -> dict[str, str]:
    """Return headers by their names in lower case; a repeated one differs from any recorded."""
    joined: dict[str, str] = {}
    for name, value in headers:
        key = name.lower()
        joined[key] = f"{joined[key]}, {value}" if key in joined else value
    return joined


def random_word() -> str:
    """Return a word that is new in each play."""
    return "".join(random.choices(RUN_LETTERS, k=RUN_LENGTH))


class Play:
    """One play of a scenario: its requests, and the names of what its answers hold."""

    def __init__(  # noqa: PLR0913
        self,
        scenario: Scenario,
        profile: Profile,
        send: Send,
        *,
        run: str = "",
        now: Callable[[], float] = time.time,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self._scenario = scenario
        self._profile = profile
        self._send = send
        self._now = now
        self._sleep = sleep
        run = run or random_word()
        steps = [{**step, "golden": None} for step in scenario.steps]
        secret = profile.environment.get("TOKEN_STORE_SECRET", "")
        self._normaliser = Normaliser(secret, UUID.findall(json.dumps(steps)), run, now)
        self._requests = Requests(profile, run, now, self._normaliser)

    def run(self) -> list[Mismatch]:
        """Play the steps in order, until an answer fails to come, and return the mismatches."""
        variables = self._requests.variables
        for name, value in self._scenario.variables.items():
            variables[name] = self._requests.fill(value)
        try:
            return list(self._mismatches())
        finally:
            for request in self._scenario.cleanup:
                with suppress(*SENDING_ERRORS):
                    self._send(self._requests.message(request))

    def _mismatches(self) -> Iterator[Mismatch]:
        crashed = False
        for number, step in enumerate(self._scenario.steps, 1):
            self._wait(step)
            try:
                answer = self._send(self._requests.message(step["request"]))
            except SENDING_ERRORS as error:
                yield Mismatch(number, f"no answer: {type(error).__name__}: {error}")
                return
            problems = list(self._problems(step, answer))
            # After a crash of the original, any clean answer passes: what a server stores
            # without the crash may differ.
            crashed = crashed or step["golden"]["status"] >= CRASH
            excused = bool(self._scenario.defect) and crashed and _is_clean(answer)
            if problems and not excused:
                title = f"{self._scenario.title}, step {number} {step.get('name', '')}"
                yield Mismatch(number, "\n".join([title, *problems]))

    def _wait(self, step: Mapping[str, Any]) -> None:
        if step.get("wait"):
            self._sleep(step["wait"])
        if step.get("at_second_start"):
            self._sleep(1 + SECOND_START - self._now() % 1)

    def _problems(self, step: Mapping[str, Any], answer: Answer) -> Iterator[str]:
        body, variables = answer.json(), self._requests.variables
        for name, pointer in step.get("capture", {}).items():
            value = find(body, pointer)
            if value is MISSING:
                yield f"nothing to capture as {name} at {pointer}"
            else:
                variables[name] = value
        golden = _golden(step, self._profile)
        yield from compare(golden, self._observed(step, answer, body))
        for check in step.get("checks", ()):
            if not check_holds(check, body, variables):
                yield f"not true: {check}"

    def _observed(self, step: Mapping[str, Any], answer: Answer, body: Any) -> dict[str, Any]:
        seen: dict[str, Any] = {"status": answer.status}
        if body is MISSING:
            seen["text"] = self._normaliser.value(answer.body.decode("utf-8", "backslashreplace"))
        else:
            named = self._normaliser.value(body)
            for pointer in step.get("mask", ()):
                named = replace(named, pointer, type_name)
            named = _sorted(named, step)
            found = {pointer: find(named, pointer) for pointer in step.get("focus", ())}
            found = {pointer: value for pointer, value in found.items() if value is not MISSING}
            seen |= {"focus": found} if step.get("focus") else {"body": named}
        seen["headers"] = self._normaliser.headers(answer.headers)
        if not answer.body:
            seen["headers"].pop("content-type", None)
        return seen


def _golden(step: Mapping[str, Any], profile: Profile) -> dict[str, Any]:
    golden = dict(step["golden"])
    if golden["headers"] == "standard":
        golden["headers"] = profile.standard_headers
    golden["headers"] = {name.lower(): value for name, value in golden["headers"].items()}
    if "body" in golden:
        golden["body"] = _sorted(golden["body"], step)
    return golden


def _sorted(body: Any, step: Mapping[str, Any]) -> Any:
    for pointer in step.get("unordered", ()):
        body = replace(body, pointer, in_order)
    return body


def _is_clean(answer: Answer) -> bool:
    body = answer.json()
    return (
        answer.status < CRASH and isinstance(body, dict) and ("result" in body or "error" in body)
    )


def compare(golden: Any, observed: Any) -> list[str]:
    """Return the lines in which two JSON values differ; a database message may be any text."""
    expected, got = as_text(golden), as_text(observed)
    if expected == got:
        return []
    if DATABASE_MESSAGE in expected:
        pattern = ANY_MESSAGE.join(map(re.escape, expected.split(DATABASE_MESSAGE)))
        if re.fullmatch(pattern, got):
            return []
    lines = difflib.unified_diff(
        expected.splitlines(), got.splitlines(), "recorded", "answered", lineterm=""
    )
    # A lone surrogate cannot be printed.
    return [line.encode("utf-8", "backslashreplace").decode() for line in lines]


def check_holds(check: str, body: Any, variables: Mapping[str, Any]) -> bool:
    """Return whether the relation in *check* is true. Times compare as times."""
    match = CHECK.fullmatch(check)
    if not match:
        raise ScenarioError(f"not a check: {check}")
    left, right = (_side(match[name], body, variables) for name in ("left", "right"))
    if left is MISSING or right is MISSING:
        return False
    if match["operator"] in {"==", "!="}:
        return _equal(left, right) == (match["operator"] == "==")
    try:
        below, above = left < right, left > right
    except TypeError:
        return False
    return bool({"<": below, ">": above, "<=": not above, ">=": not below}[match["operator"]])


def _side(text: str, body: Any, variables: Mapping[str, Any]) -> Any:
    if text.startswith("/"):
        value = find(body, text)
    elif text.startswith("${"):
        value = variables.get(text.removeprefix("${").removesuffix("}"), MISSING)
    else:
        value = json.loads(text)
    return read_timestamp(value) or value


def _equal(left: Any, right: Any) -> bool:
    if isinstance(left, datetime) or isinstance(right, datetime):
        return bool(left == right)
    return as_text(left) == as_text(right)
