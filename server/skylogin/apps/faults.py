"""Faults on request: what goes wrong with the calls of an app, because a test asked for it.

A fault covers the next so many calls of an action and then is over, or after a while. Each
call it covers is struck with its probability, by a sequence that its seed alone decides.
"""

import random
import time
from collections.abc import Callable
from dataclasses import dataclass, field

from skylogin.errors import ERROR_KINDS, UNEXPECTED_ERROR, Reason, SkygearError, database_busy

LATENCY, ERROR, STATUS = "latency", "error", "status"
DROP, TRUNCATE, DATABASE_BUSY = "drop", "truncate", "database_busy"
EVERY_ACTION = "*"
FAULTS_MAX = 100

# What each kind does, for people.
KINDS = {
    LATENCY: "the answer comes so many seconds later",
    ERROR: "the call is answered with this error, and not carried out",
    STATUS: "the call is answered with this status and no body, and not carried out",
    DROP: "the connection is closed without an answer",
    TRUNCATE: "the call is carried out; half of its answer comes, and the connection is closed",
    DATABASE_BUSY: "the call is answered as when the database keeps being busy",
}
# The least and the most that may be asked for.
LIMITS = {
    "calls": (1, 1_000_000),
    "probability": (0, 1),
    "seed": (0, 2**53),
    "seconds": (0, 3600),
    "status": (400, 599),
}
NAMES_OF_ERRORS = {kind.name: kind for kind in ERROR_KINDS}


@dataclass(frozen=True, slots=True)
class InjectedFault:
    """What was asked for. *seconds* are a latency's, *expires_in* those until it ends unused.

    With *after* a connection that is to be dropped is dropped once the call is carried out.
    """

    kind: str
    action: str = EVERY_ACTION
    calls: int = 1
    probability: float = 1.0
    seed: int = 0
    seconds: float = 0.0
    error: str = ""
    message: str = ""
    status: int = 0
    after: bool = False
    expires_in: float = 300.0

    @property
    def refusal(self) -> SkygearError | None:
        """Return what the call is refused with before it is carried out, if it is."""
        explanation = f"a test asked for this fault: {KINDS[self.kind]}"
        if self.kind == ERROR:
            message = self.message or "a fault that a test asked for"
            kind = NAMES_OF_ERRORS[self.error]
            return SkygearError(kind, message, reason=Reason.FAULT, explanation=explanation)
        if self.kind == DATABASE_BUSY:
            return database_busy(Reason.FAULT, explanation)
        if self.kind in (STATUS, DROP) and not self.after:
            return SkygearError(
                UNEXPECTED_ERROR,
                "",
                status=self.status or None,
                reason=Reason.FAULT,
                explanation=explanation,
            )
        return None


@dataclass(slots=True)
class FaultInForce:
    """A fault that is not over: how many calls it still covers, and how many it struck."""

    id: str
    fault: InjectedFault
    ends_at: float
    calls_left: int
    struck: int = 0
    draw: random.Random = field(default_factory=random.Random)


class Faults:
    """The faults of one app."""

    def __init__(self, monotonic: Callable[[], float] = time.monotonic) -> None:
        self._monotonic = monotonic
        self._in_force: list[FaultInForce] = []

    def add(self, fault_id: str, fault: InjectedFault) -> FaultInForce:
        """Have *fault* strike from the next call on. Raises ValueError where there are too many."""
        if len(self.in_force()) >= FAULTS_MAX:
            raise ValueError(f"there are {FAULTS_MAX} faults already")
        ends_at = self._monotonic() + fault.expires_in
        # What is drawn has to be the same again, not to be kept from anybody.
        draw = random.Random(fault.seed)
        added = FaultInForce(fault_id, fault, ends_at, fault.calls, draw=draw)
        self._in_force.append(added)
        return added

    def in_force(self) -> list[FaultInForce]:
        """Return the faults that are not over, the oldest first."""
        if self._in_force:
            now = self._monotonic()
            self._in_force = [one for one in self._in_force if one.calls_left and now < one.ends_at]
        return list(self._in_force)

    def seconds_left(self, one: FaultInForce) -> float:
        """Return the seconds until *one* ends unused."""
        return max(0.0, one.ends_at - self._monotonic())

    def strike(self, action: str) -> InjectedFault | None:
        """Return the fault that strikes a call of *action*, which counts as one it covers.

        Where several cover it each draws, and the first that strikes is the call's.
        """
        if not self._in_force:
            return None
        found = None
        for one in self.in_force():
            if one.fault.action not in (EVERY_ACTION, action):
                continue
            one.calls_left -= 1
            is_struck = one.draw.random() < one.fault.probability
            if is_struck and found is None:
                one.struck += 1
                found = one.fault
        return found

    def end(self, fault_id: str) -> bool:
        """End one fault. Returns False where there is none of that id."""
        left = [one for one in self.in_force() if one.id != fault_id]
        was_there = len(left) < len(self._in_force)
        self._in_force = left
        return was_there

    def clear(self) -> None:
        """End them all."""
        self._in_force = []
