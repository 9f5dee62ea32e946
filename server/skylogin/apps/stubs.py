"""Stubs: a test's answers to actions that skylogin does not emulate."""

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field
from difflib import get_close_matches

from skylogin.apps.calls import Wanted
from skylogin.domain import matching
from skylogin.domain.redaction import redacted
from skylogin.errors import ERROR_KINDS, UNEXPECTED_ERROR, ErrorKind, SkygearError

STUBS_MAX = 500
# The smallest and the largest value of each field.
LIMITS = {"times": (1, 1_000_000), "delay": (0, 3600)}
_KINDS = {key: kind for kind in ERROR_KINDS for key in (kind.name, kind.code)}


def action_name(name: str) -> str:
    """Return the name of an action, which may be written as a path: `sso/config`."""
    return name.removeprefix("/").replace("/", ":")


def error_kind(error: str | int) -> ErrorKind | None:
    """Return the kind of error with a name or a code; cloud functions may use any code."""
    kind = _KINDS.get(error)
    if kind is None and isinstance(error, int):
        kind = ErrorKind(f"ErrorCode({error})", error, UNEXPECTED_ERROR.status)
    return kind


@dataclass(frozen=True, slots=True)
class Stub:
    """An answer to the calls of *action* whose arguments match; None matches any.

    The action may end with `*`. *times* is None for every call; *delay* is in seconds.
    *key_required* and *user_required* are the options of cloud functions in py-skygear.
    """

    action: str
    arguments: object = None
    result: object = None
    error: str | int | None = None
    message: str = ""
    info: Mapping[str, object] = field(default_factory=dict)
    times: int | None = None
    delay: float = 0.0
    key_required: bool = False
    user_required: bool = False

    @property
    def wanted(self) -> Wanted:
        """Return the calls that it answers."""
        return Wanted(self.action, self.arguments)

    @property
    def refusal(self) -> SkygearError | None:
        """Return the error that it answers with, None if it answers with a result."""
        kind = None if self.error is None else error_kind(self.error)
        if kind is None:
            return None
        message = self.message or "an error that a stub answers with"
        return SkygearError(kind, message, info=self.info)


@dataclass(slots=True)
class AddedStub:
    """A stub of an app, and how many calls it answered."""

    id: str
    stub: Stub
    used: int = 0

    @property
    def left(self) -> int | None:
        """Return how many more calls it answers, None for any number."""
        return None if self.stub.times is None else self.stub.times - self.used


class Stubs:
    """The stubs of one app."""

    def __init__(self) -> None:
        self._added: list[AddedStub] = []

    def all(self) -> list[AddedStub]:
        """Return the stubs, the oldest first."""
        return list(self._added)

    def add(self, stub_id: str, stub: Stub) -> AddedStub:
        """Answer with *stub* from the next call on. Raises ValueError if there are too many."""
        if len(self._added) >= STUBS_MAX:
            raise ValueError(f"there are {STUBS_MAX} stubs already")
        self._added.append(AddedStub(stub_id, stub))
        return self._added[-1]

    def covers(self, action: str) -> bool:
        """Return whether a stub is for calls of *action*, whatever the arguments."""
        return any(one.stub.wanted.covers(action) for one in self._added)

    def take(self, action: str, arguments: object) -> AddedStub | None:
        """Count a call, and return the stub that answers it.

        Stubs for a number of calls go first, oldest first; then the others, newest first.
        """
        for one in self._in_turn(action):
            if one.left != 0 and not one.stub.wanted.differs(arguments):
                one.used += 1
                return one
        return None

    def why_none(self, action: str, arguments: object, secrets: Collection[str] = ()) -> str:
        """Return why no stub answers a call, naming the one that comes closest."""
        for one in self._in_turn(action):
            if one.left == 0:
                calls = "1 call" if one.used == 1 else f"{one.used:,} calls"
                return f"the stub for {one.stub.action} has answered its {calls}"
            wanted, given = (redacted(value, secrets) for value in (one.stub.arguments, arguments))
            found = matching.difference(wanted, given) or "a secret among the arguments differs"
            return f"the stub for {one.stub.action} does not match: {found}"
        names = {one.stub.action for one in self._added}
        near = get_close_matches(action, names, n=1)
        hint = f"; did you mean {near[0]}, which has one?" if near else ""
        return f"no stub is for {matching.shown(redacted(action, secrets))}{hint}"

    def _in_turn(self, action: str) -> list[AddedStub]:
        found = [one for one in self._added if one.stub.wanted.covers(action)]
        counted = [one for one in found if one.stub.times is not None]
        return counted + [one for one in reversed(found) if one.stub.times is None]

    def remove(self, stub_id: str) -> bool:
        """Remove one stub. Returns False if it does not exist."""
        left = [one for one in self._added if one.id != stub_id]
        was_there = len(left) < len(self._added)
        self._added = left
        return was_there

    def put(self, stubs: Iterable[AddedStub] = ()) -> None:
        """Replace all stubs with *stubs*."""
        self._added = list(stubs)
