"""Comparing an answer with the recorded one, and the checks of a step. Pure.

Both answers have gone through the same normaliser; here nothing is forgiven any more but the
words of a database engine.
"""

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from itertools import zip_longest
from typing import Any

from tests.golden.normalise import read_timestamp
from tests.golden.pointers import MISSING, find, replaced
from tests.golden.scenarios import Profile, ScenarioError, Step

DATABASE_MESSAGE = "<database message>"
CHECK = re.compile(r"(?P<left>\S.*?) (?P<operator>==|!=|<=|>=|<|>) (?P<right>\S.*)")
SHOWN_LENGTH = 200


@dataclass(frozen=True, slots=True)
class Difference:
    """One place where an answer is not as recorded."""

    where: str
    expected: Any
    got: Any

    def __str__(self) -> str:
        return f"{self.where}: expected {_shown(self.expected)}, got {_shown(self.got)}"


def answer_differences(
    step: Step, golden: Mapping[str, Any], got: Mapping[str, Any], profile: Profile
) -> list[Difference]:
    """Return where an observed answer differs from the golden of *step*."""
    return list(differences(_prepared(golden, step, profile), _prepared(got, step, profile)))


def differences(expected: Any, got: Any, where: str = "") -> Iterator[Difference]:
    """Yield the places where two JSON values differ, the order of keys aside."""
    if isinstance(expected, dict) and isinstance(got, dict):
        for key in {**expected, **got}:
            yield from differences(
                expected.get(key, MISSING), got.get(key, MISSING), f"{where}/{key}"
            )
    elif isinstance(expected, list) and isinstance(got, list):
        for index, pair in enumerate(zip_longest(expected, got, fillvalue=MISSING)):
            yield from differences(*pair, f"{where}/{index}")
    elif not _same(expected, got):
        yield Difference(where or "/", expected, got)


def check_difference(check: str, body: Any, variables: Mapping[str, Any]) -> Difference | None:
    """Return what is wrong with the relation that *check* asks for; times compare as times."""
    match = CHECK.fullmatch(check)
    if not match:
        raise ScenarioError(f"not a check: {check}")
    left, right = (_side(match[name], body, variables) for name in ("left", "right"))
    if left is not MISSING and right is not MISSING and _holds(left, match["operator"], right):
        return None
    return Difference("check", check, f"{_shown(left)} {match['operator']} {_shown(right)}")


def type_name(value: Any) -> str:
    """Return what a masked value is compared by."""
    if isinstance(value, bool):
        return "<boolean>"
    names = {str: "string", int: "number", float: "number", list: "array", dict: "object"}
    return f"<{names.get(type(value), 'null')}>"


def _prepared(answer: Mapping[str, Any], step: Step, profile: Profile) -> dict[str, Any]:
    headers = profile.standard_headers if answer["headers"] == "standard" else answer["headers"]
    prepared = {**answer, "headers": {name.lower(): value for name, value in headers.items()}}
    if "body" in prepared:
        for pointer in step.unordered:
            prepared["body"] = replaced(prepared["body"], pointer, in_order)
    return prepared


def in_order(value: Any) -> Any:
    """Return a list in an order that depends on its items alone; other values as they are."""
    return sorted(value, key=_sort_key) if isinstance(value, list) else value


def _sort_key(value: Any) -> str:
    return json.dumps(value, sort_keys=True, ensure_ascii=False)


def _same(expected: Any, got: Any) -> bool:
    if isinstance(expected, bool) or isinstance(got, bool):
        return expected is got
    if isinstance(expected, str) and isinstance(got, str) and DATABASE_MESSAGE in expected:
        around = [re.escape(text) for text in expected.split(DATABASE_MESSAGE)]
        return re.fullmatch(".+".join(around), got, re.DOTALL) is not None
    return bool(expected == got)


def _side(text: str, body: Any, variables: Mapping[str, Any]) -> Any:
    if text.startswith("/"):
        value = find(body, text)
    elif text.startswith("${"):
        value = variables.get(text.removeprefix("${").removesuffix("}"), MISSING)
    else:
        value = json.loads(text)
    return read_timestamp(value) or value


def _holds(left: Any, operator: str, right: Any) -> bool:
    if operator in {"==", "!="}:
        return (not any(differences(left, right))) == (operator == "==")
    try:
        below, above = left < right, left > right
    except TypeError:
        return False
    if operator in {"<", ">"}:
        return bool(below if operator == "<" else above)
    return bool(not above if operator == "<=" else not below)


def _shown(value: Any) -> str:
    text = repr(value) if value is MISSING else json.dumps(value, ensure_ascii=False, default=str)
    # A lone surrogate cannot be printed.
    text = text.encode("utf-8", "backslashreplace").decode()
    return text if len(text) <= SHOWN_LENGTH else f"{text[:SHOWN_LENGTH]}…"
