"""The recorded scenarios, and the profiles of settings that they need.

A key that this module does not know is refused, so that no rule of a scenario is ignored.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

HERE = Path(__file__).parent
# fmt: off
SCENARIO_KEYS = {"name", "why", "profile", "variables", "steps", "cleanup", "defect"}
STEP_KEYS = {
    "name", "wait", "at_second_start", "request", "capture", "checks", "mask", "unordered",
    "focus", "golden",
}
REQUEST_KEYS = {"method", "path", "key", "access_token", "headers", "json", "body", "encoding"}
# fmt: on
KEYS = ("api", "master", "none")


class ScenarioError(Exception):
    """A scenario that is not well formed."""


@dataclass(frozen=True, slots=True)
class Profile:
    """The settings of a server, and the headers that all its answers have."""

    environment: Mapping[str, str]
    standard_headers: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Scenario:
    """Steps that are played in order on one server. A step is a JSON object of its file."""

    title: str
    steps: tuple[Mapping[str, Any], ...]
    profile: str = "default"
    variables: Mapping[str, Any] = field(default_factory=dict)
    cleanup: tuple[Mapping[str, Any], ...] = ()
    # Says how the original crashes, if it does.
    defect: str = ""


def load_profiles() -> dict[str, Profile]:
    """Return the profiles by name; each changes some settings of `default`."""
    document = json.loads((HERE / "profiles.json").read_text("utf-8"))
    default = document["default"]
    profiles = {}
    for name, own in document.items():
        settings = {**default["env"], **own.get("env", {})}
        # A setting that is null is not set.
        environment = {key: value for key, value in settings.items() if value is not None}
        headers = {**default["standard_headers"], **own.get("standard_headers", {})}
        profiles[name] = Profile(environment, headers)
    return profiles


def load_scenarios(replacements: Mapping[str, str] | None = None) -> list[Scenario]:
    """Return all scenarios, in the order of their files, with some texts replaced."""
    scenarios = []
    for path in sorted((HERE / "cases").glob("*.json")):
        text = path.read_text("utf-8")
        for old, new in (replacements or {}).items():
            text = text.replace(old, new)
        scenarios += [read_scenario(path.stem, entry) for entry in json.loads(text)["scenarios"]]
    titles = [scenario.title for scenario in scenarios]
    if repeated := {title for title in titles if titles.count(title) > 1}:
        raise ScenarioError(f"more than one scenario is called {sorted(repeated)}")
    if unknown := {scenario.profile for scenario in scenarios} - set(load_profiles()):
        raise ScenarioError(f"unknown profiles: {sorted(unknown)}")
    return scenarios


def read_scenario(theme: str, entry: Mapping[str, Any]) -> Scenario:
    """Return the scenario that *entry* of the file *theme* describes."""
    check_keys(entry, SCENARIO_KEYS)
    for step in entry["steps"]:
        check_keys(step, STEP_KEYS)
    for request in [*(step["request"] for step in entry["steps"]), *entry.get("cleanup", ())]:
        check_keys(request, REQUEST_KEYS)
        if request.get("key", "api") not in KEYS:
            raise ScenarioError(f"unknown key: {request['key']}")
        if "json" in request and "body" in request:
            raise ScenarioError("a request has json or a body, not both")
    return Scenario(
        title=f"{theme}/{entry['name']}",
        steps=tuple(entry["steps"]),
        profile=entry.get("profile", "default"),
        variables=entry.get("variables", {}),
        cleanup=tuple(entry.get("cleanup", ())),
        defect=entry.get("defect", ""),
    )


def check_keys(entry: Mapping[str, Any], known: set[str]) -> None:
    """Raise ScenarioError if *entry* has a key that is not *known*."""
    if unknown := set(entry) - known:
        raise ScenarioError(f"unknown keys: {sorted(unknown)}")
