"""Answering as the goldens say: a stand-in for the original, to test the replayer with.

The stable names of a golden become identifiers, times and tokens again, so that what a replayer
sees has the shape of a real answer.
"""

import base64
import json
import re
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

from tests.golden.filling import Message
from tests.golden.replayer import Answer
from tests.golden.scenarios import Profile, Scenario, Step
from tests.golden.tokens import sign

NAME = re.compile(
    r"<jwt (?P<token>.*?) signature=good>|<(?P<kind>uuid|time|iso|text|database)(?P<rest>[^>]*)>"
)
WORD = re.compile(r"(\w+)=(\S+)")
TOKEN_ID = "11111111-1111-4111-8111-111111111111"
REQUEST_ID = "22222222-2222-4222-8222-222222222222"
# The only text of the goldens that is too long to be written out.
LONG_TEXT = "0123456789" * 10_000


def without_checks(scenario: Scenario) -> Scenario:
    """Return *scenario* without what a played back answer cannot hold: relations of times."""
    return replace(scenario, steps=tuple(replace(step, checks=()) for step in scenario.steps))


class Playback:
    """Gives the recorded answers of one scenario in order, changed by *change* on the way."""

    def __init__(self, scenario: Scenario, profile: Profile, run: str, now: float) -> None:
        self.change: Callable[[int, Answer], Answer] = lambda _number, answer: answer
        self._steps = scenario.steps
        self._profile = profile
        self._run = run
        self._now = int(now)
        self._sent = 0

    def send(self, _message: Message) -> Answer:
        """Answer the next step; what is sent after the last one cleans up."""
        number, self._sent = self._sent, self._sent + 1
        if number >= len(self._steps):
            return Answer(200, {}, b"{}")
        return self.change(number, self._recorded(self._steps[number]))

    def spelled(self, value: Any) -> Any:
        """Return *value* with real values for all stable names."""
        if isinstance(value, dict):
            return {self.spelled(key): self.spelled(item) for key, item in value.items()}
        if isinstance(value, list):
            return [self.spelled(item) for item in value]
        if not isinstance(value, str):
            return value
        return NAME.sub(self._real_value, value).replace("${run}", self._run)

    def _recorded(self, step: Step) -> Answer:
        named = step.golden["headers"]
        headers = self._profile.standard_headers if named == "standard" else named
        spelled = {name.lower(): self.spelled(value) for name, value in headers.items()}
        if "text" in step.golden:
            return Answer(step.golden["status"], spelled, step.golden["text"].encode())
        body = json.dumps(self.spelled(step.golden["body"])).encode()
        return Answer(step.golden["status"], spelled, body)

    def _real_value(self, match: re.Match[str]) -> str:
        if match["token"]:
            return self._token(dict(WORD.findall(match["token"])))
        rest = match["rest"]
        match match["kind"]:
            case "uuid":
                return f"aaaaaaaa-0000-4000-8000-{int(rest[1:]):012}" if rest else REQUEST_ID
            case "time":
                return f"{self._time(0)}.25Z"
            case "iso":
                return f"{self._time(int(rest[1:]))}Z"
            case "text":
                return LONG_TEXT
        return "what a database says"

    def _time(self, seconds: int) -> str:
        return f"{datetime.fromtimestamp(self._now + seconds, UTC):%Y-%m-%dT%H:%M:%S}"

    def _token(self, words: dict[str, str]) -> str:
        header = {"alg": words["alg"], "typ": words["typ"]}
        claims = {"iat": self._now, "iss": words["iss"], "jti": TOKEN_ID}
        claims["sub"] = self.spelled(words["sub"])
        if "exp" in words:
            claims["exp"] = self._now + int(words["exp"].removeprefix("iat"))
        return signed_token(header, claims, self._profile.environment["TOKEN_STORE_SECRET"])


def signed_token(header: dict[str, Any], claims: dict[str, Any], secret: str) -> str:
    """Return a token with exactly this header and these claims."""
    head, body = (
        base64.urlsafe_b64encode(json.dumps(part).encode()).decode().rstrip("=")
        for part in (header, claims)
    )
    return f"{head}.{body}.{sign(header['alg'], secret, f'{head}.{body}')}"
