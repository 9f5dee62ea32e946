"""The recorded answers pass when they are played back, and each change of them is found."""

import json
import random
from dataclasses import replace
from typing import Any

import pytest

from tests.golden.answers import NOW, RUN, surroundings
from tests.golden.playback import Playback, without_checks
from tests.golden.pointers import Place, value_at, with_value
from tests.golden.replayer import Answer, Fault, play
from tests.golden.scenarios import CASES, Scenario, load_profiles, load_scenarios
from tests.golden.strict_json import read_json

PROFILES = load_profiles()
THEMES = sorted(path.stem for path in CASES.glob("*.json"))
OTHER_VALUES: tuple[Any, ...] = (
    None,
    True,
    False,
    0,
    1,
    -1.5,
    "",
    "other",
    [],
    ["other"],
    {},
    {"other": 1},
)
MISSING_SHARE = 0.3

# What a step with a focus leaves aside is not recorded, so it cannot be played back.
PLAYABLE = [
    without_checks(scenario)
    for scenario in load_scenarios()
    if not any(step.focus for step in scenario.steps)
]


@pytest.mark.parametrize("theme", THEMES)
def test_the_recorded_answers_pass(theme):
    """What the original answered is equal to itself."""
    faults = {one.name: played(one) for one in PLAYABLE if one.theme == theme}

    assert {name: found for name, found in faults.items() if found} == {}


@pytest.mark.parametrize("theme", THEMES)
def test_a_change_in_one_place_is_found(theme):
    """Whatever a step answers otherwise than the original, it is seen at that step."""
    unseen = []
    # A defect excuses every answer that is sane.
    for scenario in (one for one in PLAYABLE if one.theme == theme and not one.defect):
        draw = random.Random(scenario.name)
        changed = draw.randrange(len(scenario.steps))
        first = [fault.step for fault in played(scenario, changed, draw)][:1]
        if first != [changed + 1]:
            unseen.append(scenario.name)

    assert unseen == []


def played(
    scenario: Scenario, changed: int | None = None, draw: random.Random | None = None
) -> list[Fault]:
    """Play the recorded answers back, the one of step *changed* not as it was."""
    profile = PROFILES[scenario.profile]
    playback = Playback(scenario, profile, RUN, NOW)
    if draw:
        playback.change = lambda number, recorded: (
            changed_in_one_place(recorded, draw) if number == changed else recorded
        )
    return play(scenario, profile, playback.send, surroundings())


def changed_in_one_place(recorded: Answer, draw: random.Random) -> Answer:
    """Return an answer in which the status, a header, or one value of the body is another."""
    kinds = ["status", "header"] + ["body"] * 8 * bool(recorded.body)
    match draw.choice(kinds):
        case "status":
            return replace(recorded, status=recorded.status + 1)
        case "header":
            name = draw.choice(sorted(set(recorded.headers) - {"content-type"}))
            return replace(recorded, headers={**recorded.headers, name: "other"})
    body = read_json(recorded.body)
    place = draw.choice(all_places(body))
    if place and draw.random() < MISSING_SHARE:
        changed = without(body, place)
    else:
        changed = with_value(body, place, draw.choice(others_than(value_at(body, place))))
    return replace(recorded, body=json.dumps(changed).encode())


def others_than(value: Any) -> list[Any]:
    """Return values that are not equal to *value* as JSON."""
    is_truth = isinstance(value, bool)
    return [
        other for other in OTHER_VALUES if isinstance(other, bool) != is_truth or other != value
    ]


def all_places(value: Any, place: Place = ()) -> list[Place]:
    """Return every place of a JSON value, the whole included."""
    inside: list[tuple[str | int, Any]] = []
    if isinstance(value, dict):
        inside = list(value.items())
    elif isinstance(value, list):
        inside = list(enumerate(value))
    return [place, *(found for key, item in inside for found in all_places(item, (*place, key)))]


def without(body: Any, place: Place) -> Any:
    """Return *body* without the value at *place*."""
    copy = json.loads(json.dumps(body))
    del value_at(copy, place[:-1])[place[-1]]
    return copy
