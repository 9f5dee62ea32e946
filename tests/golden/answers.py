"""Scenarios and answers made up for testing the replayer."""

import json
from collections.abc import Callable
from typing import Any

from tests.golden.replayer import Answer, Fault, Surroundings, play
from tests.golden.scenarios import Scenario, load_profiles, read_scenario

RUN = "ghjkmnpq"
NOW = 1_800_000_000.5
PROFILE = load_profiles()["default"]

ALICE = "aaaaaaaa-aaaa-4aaa-8aaa-aaaaaaaaaaaa"
BOB = "bbbbbbbb-bbbb-4bbb-8bbb-bbbbbbbbbbbb"
CLAIMS = {"iat": int(NOW), "iss": "_", "jti": BOB, "sub": ALICE}
HEADER = {"alg": "HS256", "typ": "JWT"}
SECRET = PROFILE.environment["TOKEN_STORE_SECRET"]


def surroundings(sleep: Callable[[float], None] = lambda _seconds: None) -> Surroundings:
    """A play at a known time that does not wait."""
    return Surroundings(run=RUN, now=lambda: NOW, sleep=sleep)


def headers(**changed: str | None) -> dict[str, str]:
    """The standard headers with some changed, or left out by None."""
    named = {name.lower(): value for name, value in PROFILE.standard_headers.items()}
    named["x-skygear-request-id"] = BOB
    named |= {name.replace("_", "-"): value for name, value in changed.items()}  # type: ignore[misc]
    return {name: value for name, value in named.items() if value is not None}


def answer(body: Any, status: int = 200, **changed: str | None) -> Answer:
    """An answer as the server would give it."""
    return Answer(status, headers(**changed), json.dumps(body).encode())


def scenario_of(*goldens: Any, **more: Any) -> Scenario:
    """A scenario of one step per golden body; *more* goes into every step."""
    return read_scenario(
        "theme",
        {
            "name": "name",
            "why": "why",
            "steps": [
                {
                    "request": {"json": {}},
                    "golden": {"status": 200, "headers": "standard", "body": golden},
                    **more,
                }
                for golden in goldens
            ],
        },
    )


def faults_of(scenario: Scenario, *answers: Answer) -> list[Fault]:
    """What the replayer finds when a server gives these answers."""
    remaining = list(answers)
    return play(scenario, PROFILE, lambda _message: remaining.pop(0), surroundings())
