"""Scenarios and answers made up to test the replay."""

import json
from collections.abc import Callable
from typing import Any

from tests.factories import encoded
from tests.golden.play import Answer, Mismatch, Play
from tests.golden.requests import Message
from tests.golden.scenarios import Scenario, load_profiles, read_scenario
from tests.golden.tokens import compact, sign

RUN = "ghjkmnpq"
NOW = 1_800_000_000.5
PROFILE = load_profiles()["default"]

ALICE = "aaaaaaaa-aaaa-4aaa-8aaa-aaaaaaaaaaaa"
BOB = "bbbbbbbb-bbbb-4bbb-8bbb-bbbbbbbbbbbb"
CLAIMS = {"iat": int(NOW), "iss": "_", "jti": BOB, "sub": ALICE}
HEADER = {"alg": "HS256", "typ": "JWT"}
SECRET = PROFILE.environment["TOKEN_STORE_SECRET"]
TOKEN_LINE = "<jwt alg=HS256 typ=JWT iat=now iss=_ jti=uuid sub=<uuid:1> signature=good>"


def answer(body: Any, status: int = 200, **changed: str | None) -> Answer:
    """An answer with the standard headers, some of them changed, or left out by None."""
    headers: dict[str, Any] = {
        name.lower(): value for name, value in PROFILE.standard_headers.items()
    }
    headers["x-skygear-request-id"] = BOB
    headers |= {name.replace("_", "-"): value for name, value in changed.items()}
    kept = {name: value for name, value in headers.items() if value is not None}
    return Answer(status, kept, json.dumps(body).encode())


def scenario_of(*goldens: Any, **more: Any) -> Scenario:
    """A scenario of one step per recorded body; *more* goes into every step."""
    steps = [
        {
            "request": {"json": {}},
            "golden": {"status": 200, "headers": "standard", "body": golden},
            **more,
        }
        for golden in goldens
    ]
    return read_scenario("theme", {"name": "name", "why": "why", "steps": steps})


def play(
    scenario: Scenario,
    send: Callable[[Message], Answer],
    sleep: Callable[[float], None] = lambda _seconds: None,
) -> list[Mismatch]:
    """Play *scenario* at a known time, without waiting."""
    return Play(scenario, PROFILE, send, run=RUN, now=lambda: NOW, sleep=sleep).run()


def mismatches_of(scenario: Scenario, *answers: Answer) -> list[Mismatch]:
    """Return what differs if a server gives these answers."""
    remaining = list(answers)
    return play(scenario, lambda _message: remaining.pop(0))


def sent_by(scenario: Scenario, *answers: Answer) -> list[Message]:
    """Return the messages of a play that gets these answers."""
    sent: list[Message] = []
    remaining = list(answers)

    def send(message: Message) -> Answer:
        sent.append(message)
        return remaining.pop(0)

    play(scenario, send)
    return sent


def signed_token(header: dict[str, Any], claims: dict[str, Any], secret: str) -> str:
    """Return a token with exactly this header and these claims."""
    signed = ".".join(encoded(compact(part).encode()) for part in (header, claims))
    return f"{signed}.{sign(header['alg'], secret, signed)}"
