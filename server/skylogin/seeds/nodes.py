"""The values of a seed with their lines, and what can be wrong with them."""

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Any, NamedTuple

from skylogin.encoding import json_text, visible
from skylogin.encoding.json_text import NotJsonError
from skylogin.operations.operator import RefusedError

NESTING_MAX = 64
# Keys and values together. It limits the memory that a file can take.
VALUES_MAX = 4_000_000
TOO_DEEP = f"is nested deeper than {NESTING_MAX} levels"
_SURROGATE = re.compile("[\ud800-\udfff]")


class SeedProblem(NamedTuple):
    """Something wrong with a seed, and where: with a file and a line if they are known."""

    path: str
    text: str
    line: int = 0
    file: str = ""

    def __str__(self) -> str:
        """Return it as one line: `users.yaml:7: apps.shop.users[1].roles: must be …`."""
        line = f":{self.line}" if self.line else ""
        place = f"{self.file}{line}: " if self.file else ""
        # Names in the seed and in the file system may contain line breaks.
        path = f"{self.path}: " if self.path else ""
        return visible.text(f"{place}{path}{self.text}")


class SeedError(RefusedError, ValueError):
    """A seed that cannot be used; *problems* are all the reasons."""

    def __init__(self, problems: Sequence[SeedProblem]) -> None:
        super().__init__("\n".join(str(problem) for problem in problems))
        self.problems = problems


class UnreadableError(Exception):
    """The text of a seed cannot be read beyond *line*."""

    def __init__(self, text: str, line: int) -> None:
        super().__init__(text)
        self.text = text
        self.line = line


@dataclass(frozen=True, slots=True)
class Node:
    """A value of a seed: a plain one, a list of nodes, or a dict of nodes.

    *problem* is what is wrong with this value itself. *repeated* are the keys given more than
    once, with their lines. The line of a member is that of its key.
    """

    value: Any
    line: int = 0
    problem: str = ""
    repeated: tuple[tuple[str, int], ...] = ()


def check_limits(depth: int, count: int, line: int) -> None:
    """Raise UnreadableError if values are nested too deeply, or if there are too many."""
    if depth > NESTING_MAX:
        raise UnreadableError(TOO_DEEP, line)
    if count > VALUES_MAX:
        raise UnreadableError(f"has more than {VALUES_MAX:,} keys and values", line)


def number(literal: str) -> object:
    """Return the number of a JSON literal, or a node with a problem if it cannot be stored."""
    try:
        return json_text.read_whole(literal)
    except NotJsonError as error:
        return Node(None, problem=f"is a number that cannot be stored: {error}")


def scalar(value: object, line: int) -> Node:
    """Return a node for a value that is neither a list nor an object."""
    if isinstance(value, Node):
        return replace(value, line=line)
    return Node(value, line, _text_problem(value) if isinstance(value, str) else "")


def mapping(members: Iterable[tuple[str, Node]], line: int, problem: str = "") -> Node:
    """Return a node for an object. The first value of a repeated key counts."""
    values: dict[str, Node] = {}
    repeated = []
    for name, node in members:
        if name in values:
            repeated.append((name, node.line))
        values.setdefault(name, node)
        problem = problem or _text_problem(name)
    return Node(values, line, problem, tuple(repeated))


def _text_problem(text: str) -> str:
    if "\0" in text:
        return "contains U+0000, which databases cannot store"
    if _SURROGATE.search(text):
        return "contains a lone surrogate, which is not valid text"
    return ""
