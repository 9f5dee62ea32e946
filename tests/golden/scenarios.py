"""Reading the recorded scenarios and the profiles of settings they rely on.

A file that says something this module does not know is refused, so that no rule of a scenario
is ever passed over in silence.
"""

import json
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

HERE = Path(__file__).parent
CASES = HERE / "cases"
PROFILES = HERE / "profiles.json"

KEYS = frozenset({"api", "master", "none"})
LISTS = frozenset({"checks", "mask", "unordered", "focus"})


class ScenarioError(Exception):
    """A scenario or a profile that is not well formed."""


@dataclass(frozen=True, slots=True)
class Profile:
    """Settings of a server, and the headers which all its answers have."""

    name: str
    environment: Mapping[str, str]
    standard_headers: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Request:
    """A request as it is written down: its values are still to be filled in."""

    method: str = "POST"
    path: str = "/"
    key: str = "api"
    headers: Mapping[str, Any] = field(default_factory=dict)
    access_token: str | None = None
    json: Any = None
    body: Any = None
    encoding: str = "utf-8"
    has_json: bool = False


@dataclass(frozen=True, slots=True)
class Step:
    """A request, the recorded answer, and how the two answers are compared."""

    request: Request
    golden: Mapping[str, Any]
    source: str
    name: str = ""
    wait: float = 0
    at_second_start: bool = False
    capture: Mapping[str, str] = field(default_factory=dict)
    checks: tuple[str, ...] = ()
    mask: tuple[str, ...] = ()
    unordered: tuple[str, ...] = ()
    focus: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Scenario:
    """Steps that are played in order on one server."""

    theme: str
    name: str
    why: str
    steps: tuple[Step, ...]
    profile: str = "default"
    variables: Mapping[str, Any] = field(default_factory=dict)
    cleanup: tuple[Request, ...] = ()
    defect: str = ""

    @property
    def title(self) -> str:
        """Return the name that is unique among all themes."""
        return f"{self.theme}/{self.name}"


def load_profiles(path: Path = PROFILES) -> dict[str, Profile]:
    """Return the profiles by name; each changes some settings of `default`."""
    document = json.loads(path.read_text("utf-8"))
    default = document["default"]
    return {name: _profile(name, default, own) for name, own in document.items()}


def load_scenarios(
    folder: Path = CASES, replacing: Mapping[str, str] | None = None
) -> list[Scenario]:
    """Return all scenarios of a folder, in the order of their files.

    *replacing* says which texts stand for others in them.
    """
    profiles = load_profiles()
    found = [
        one
        for path in sorted(folder.glob("*.json"))
        for one in _scenarios_of(path, replacing or {})
    ]
    for scenario in found:
        if scenario.profile not in profiles:
            raise ScenarioError(f"{scenario.title}: no profile {scenario.profile}")
    return found


def read_scenario(theme: str, entry: Mapping[str, Any]) -> Scenario:
    """Return the scenario that *entry* of a file describes."""
    own = {name: value for name, value in entry.items() if name not in {"steps", "cleanup"}}
    _require_known(own, Scenario, leaving_out={"theme", "steps", "cleanup"})
    return Scenario(
        theme=theme,
        steps=tuple(_step(step) for step in entry["steps"]),
        cleanup=tuple(_request(request) for request in entry.get("cleanup", [])),
        **own,
    )


def _profile(name: str, default: Mapping[str, Any], own: Mapping[str, Any]) -> Profile:
    settings = {**default["env"], **own.get("env", {})}
    return Profile(
        name=name,
        # A setting that is null is not set; an empty one is set to nothing.
        environment={key: value for key, value in settings.items() if value is not None},
        standard_headers={**default["standard_headers"], **own.get("standard_headers", {})},
    )


def _scenarios_of(path: Path, replacing: Mapping[str, str]) -> Iterator[Scenario]:
    names: set[str] = set()
    text = path.read_text("utf-8")
    for old, new in replacing.items():
        text = text.replace(old, new)
    for entry in json.loads(text)["scenarios"]:
        scenario = read_scenario(path.stem, entry)
        if scenario.name in names:
            raise ScenarioError(f"{scenario.title}: two scenarios have this name")
        names.add(scenario.name)
        yield scenario


def _step(entry: Mapping[str, Any]) -> Step:
    _require_known(entry, Step, leaving_out={"source"})
    own = {name: value for name, value in entry.items() if name not in {"request", "golden"}}
    for name in LISTS & set(own):
        own[name] = tuple(own[name])
    source = json.dumps({**own, "request": entry["request"]})
    return Step(_request(entry["request"]), entry["golden"], source, **own)


def _request(entry: Mapping[str, Any]) -> Request:
    _require_known(entry, Request, leaving_out={"has_json"})
    request = Request(**entry, has_json="json" in entry)
    if request.key not in KEYS:
        raise ScenarioError(f"no key is called {request.key}")
    if request.has_json and request.body is not None:
        raise ScenarioError("a request has json or a body, not both")
    return request


def _require_known(entry: Mapping[str, Any], kind: type, leaving_out: Collection[str]) -> None:
    known = set(kind.__dataclass_fields__) - set(leaving_out)  # type: ignore[attr-defined]
    if unknown := set(entry) - known:
        raise ScenarioError(f"unknown in a {kind.__name__.lower()}: {sorted(unknown)}")
