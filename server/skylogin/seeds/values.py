"""Reads the values of a seed, of any kind, and collects their problems. Pure."""

from difflib import get_close_matches
from typing import Any, NamedTuple

from skylogin.seeds.nodes import Node, SeedError, SeedProblem


class Place(NamedTuple):
    """A node and its path."""

    node: Node
    path: str

    def member(self, name: str, node: Node) -> "Place":
        """Return the place of a member of this object."""
        return Place(node, f"{self.path}.{name}" if self.path else name)

    def members(self) -> "dict[str, Place]":
        """Return the places of all members of this object."""
        return {name: self.member(name, node) for name, node in self.node.value.items()}

    def items(self) -> "list[Place]":
        """Return the places of all items of this list."""
        return [Place(node, f"{self.path}[{at}]") for at, node in enumerate(self.node.value)]


class ValueReader:
    """Reads nodes of one file into values, and collects their problems."""

    def __init__(self, file: str) -> None:
        self.problems: list[SeedProblem] = []
        self._file = file

    def add(self, place: Place, text: str) -> None:
        """Add a problem."""
        self.problems.append(SeedProblem(place.path, text, place.node.line, self._file))

    def finish(self) -> None:
        """Raise SeedError if there are problems, in the order of the file."""
        if self.problems:
            raise SeedError(sorted(self.problems, key=lambda problem: problem.line))

    def members(
        self, place: Place, known: tuple[str, ...] = (), *, keep_null: bool = False
    ) -> dict[str, Place] | None:
        """Return the members of an object, None if the value is not an object.

        Nulls are left out unless *keep_null*. If some names are *known*, others are problems.
        """
        node = place.node
        if node.value is None and not node.problem:
            return {}
        if node.problem or not isinstance(node.value, dict):
            self.refuse(place, "an object" if place.path else "an object with the app's users")
            return None
        self._check_repeated(place)
        members = place.members()
        for name, member in members.items():
            if known and name not in known:
                self.add(member, _unknown(name, known))
        return {
            name: member
            for name, member in members.items()
            if keep_null or member.node.value is not None or member.node.problem
        }

    def items(self, place: Place, what: str) -> list[Place]:
        """Return the items of a list of *what*, none if the value is not a list."""
        if place.node.problem or not isinstance(place.node.value, list):
            self.refuse(place, f"a list of {what}")
            return []
        return place.items()

    def text(
        self, place: Place | None, bytes_max: int = 0, *, may_be_empty: bool = False
    ) -> str | None:
        """Return a string, None if it is missing or invalid."""
        if place is None:
            return None
        text: object = place.node.value
        if place.node.problem or not isinstance(text, str):
            is_plain = isinstance(text, bool | int | float)
            self.refuse(place, "a string: put it in quotes" if is_plain else "a string")
            return None
        if not text and not may_be_empty:
            self.add(place, "is empty")
        elif bytes_max and len(text.encode()) > bytes_max:
            self.add(place, f"is longer than {bytes_max:,} bytes")
        return text

    def refuse(self, place: Place, wanted: str) -> None:
        """Add the problem that the value is not *wanted*."""
        self.add(place, place.node.problem or f"must be {wanted}")

    def _check_repeated(self, place: Place) -> None:
        for name, line in place.node.repeated:
            self.add(place.member(name, Node(None, line)), "is given twice")

    def check_all(self, place: Place) -> None:
        """Add the problems of a value and of all values in it."""
        if place.node.problem:
            self.add(place, place.node.problem)
        self._check_repeated(place)
        if isinstance(place.node.value, dict):
            for member in place.members().values():
                self.check_all(member)
        if isinstance(place.node.value, list):
            for item in place.items():
                self.check_all(item)


def plain(node: Node) -> Any:
    """Return a value without its lines."""
    if isinstance(node.value, dict):
        return {name: plain(inner) for name, inner in node.value.items()}
    if isinstance(node.value, list):
        return [plain(inner) for inner in node.value]
    return node.value


def _unknown(name: str, known: tuple[str, ...]) -> str:
    near = get_close_matches(name, known, n=1)
    hint = f"did you mean {near[0]}?" if near else f"use {', '.join(known)}"
    return f"is not a known field; {hint}"
