"""Faults that a test injects into the calls of an app.

A fault covers a number of calls of an action, and ends after them or after a time. It
strikes each call it covers with a probability; its seed alone decides which.
"""

import math
import random
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime
from typing import NamedTuple

from skylogin import clock
from skylogin.errors import ERROR_KINDS, UNEXPECTED_ERROR, Reason, SkygearError, database_busy

LATENCY, ERROR, STATUS = "latency", "error", "status"
DROP, TRUNCATE, DATABASE_BUSY = "drop", "truncate", "database_busy"
RATE, TOO_MANY_REQUESTS = "rate", 429
EVERY_ACTION = "*"
FAULTS_MAX = 100

# What each kind does, as pages and documents say it.
KINDS = {
    LATENCY: "the answer is delayed by this number of seconds",
    ERROR: "the call is answered with this error, and not carried out",
    STATUS: "the call is answered with this status and no body, and not carried out",
    DROP: "the connection is closed without an answer",
    TRUNCATE: "the call is carried out; half of its answer is sent, and the connection is closed",
    DATABASE_BUSY: "the call is answered as if the database stayed busy",
    RATE: "above a number of calls in a window, a call is answered with 429 and not carried out",
}
# The smallest and the largest value of each field.
LIMITS = {
    "calls": (1, 1_000_000),
    "probability": (0, 1),
    "seed": (0, 2**53),
    "seconds": (0, 3600),
    "status": (400, 599),
    "limit": (1, 1_000_000),
    "window": (1, 86_400),
}
NAMES_OF_ERRORS = {kind.name: kind for kind in ERROR_KINDS}


class InjectedFault(NamedTuple):
    """What a test asked for. *seconds* delay the answer; *expires_in* ends an unused fault.

    With *after*, the connection is dropped once the call is carried out. *limit* calls pass in
    *window* seconds by the app's clock; *retry_after* are the seconds until the next one passes.
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
    limit: int = 0
    window: float = 0.0
    retry_after: int = 0
    expires_in: float = 300.0

    @property
    def refusal(self) -> SkygearError | None:
        """Return the error that answers a call in place of its action, None if the action runs."""
        explanation = f"a test asked for this fault: {KINDS[self.kind]}"
        if self.kind == ERROR:
            message = self.message or "a fault that a test asked for"
            kind = NAMES_OF_ERRORS[self.error]
            return SkygearError(kind, message, reason=Reason.FAULT, explanation=explanation)
        if self.kind == DATABASE_BUSY:
            return database_busy(Reason.FAULT, explanation)
        if self.kind in (STATUS, DROP, RATE) and not self.after:
            return SkygearError(
                UNEXPECTED_ERROR,
                "",
                status=TOO_MANY_REQUESTS if self.kind == RATE else self.status or None,
                reason=Reason.FAULT,
                explanation=explanation,
            )
        return None


@dataclass(slots=True)
class FaultInForce:
    """A fault that has not ended: how many calls it still covers, and how many it struck."""

    id: str
    fault: InjectedFault
    ends_at: float
    calls_left: int
    struck: int = 0
    draw: random.Random = field(default_factory=random.Random)
    # The times of the calls that a RATE fault let pass.
    passed_at: deque[datetime] = field(default_factory=deque)

    def strikes(self, now: datetime) -> InjectedFault | None:
        """Count a call, and return the fault if it strikes the call."""
        self.calls_left -= 1
        if self.draw.random() >= self.fault.probability:
            return None
        return self._above_rate(now) if self.fault.kind == RATE else self.fault

    def _above_rate(self, now: datetime) -> InjectedFault | None:
        while self.passed_at and self._seconds_until_free(now) <= 0:
            self.passed_at.popleft()
        if len(self.passed_at) < self.fault.limit:
            self.passed_at.append(now)
            return None
        return self.fault._replace(retry_after=math.ceil(self._seconds_until_free(now)))

    def _seconds_until_free(self, now: datetime) -> float:
        return self.fault.window - (now - self.passed_at[0]).total_seconds()


class Faults:
    """The faults of one app."""

    def __init__(self, monotonic: Callable[[], float] = clock.monotonic) -> None:
        self._monotonic = monotonic
        self._in_force: list[FaultInForce] = []

    def add(self, fault_id: str, fault: InjectedFault) -> FaultInForce:
        """Inject *fault* from the next call on. Raises ValueError if there are too many."""
        if len(self.in_force()) >= FAULTS_MAX:
            raise ValueError(f"there are {FAULTS_MAX} faults already")
        ends_at = self._monotonic() + fault.expires_in
        # The same seed has to give the same sequence; security does not depend on it.
        draw = random.Random(fault.seed)
        added = FaultInForce(fault_id, fault, ends_at, fault.calls, draw=draw)
        self._in_force.append(added)
        return added

    def in_force(self) -> list[FaultInForce]:
        """Return the faults that have not ended, the oldest first."""
        if self._in_force:
            now = self._monotonic()
            self._in_force = [one for one in self._in_force if one.calls_left and now < one.ends_at]
        return list(self._in_force)

    def seconds_left(self, one: FaultInForce) -> float:
        """Return the seconds until *one* expires."""
        return max(0.0, one.ends_at - self._monotonic())

    def strike(self, action: str, now: datetime) -> InjectedFault | None:
        """Count a call of *action* at *now*, and return the fault that strikes it.

        Each fault that covers the call draws; the oldest that strikes wins.
        """
        if not self._in_force:
            return None
        found = None
        for one in self.in_force():
            if one.fault.action not in (EVERY_ACTION, action):
                continue
            struck = one.strikes(now)
            if struck is not None and found is None:
                one.struck += 1
                found = struck
        return found

    def end(self, fault_id: str) -> bool:
        """End one fault. Returns False if it does not exist."""
        left = [one for one in self.in_force() if one.id != fault_id]
        was_in_force = len(left) < len(self._in_force)
        self._in_force = left
        return was_in_force

    def clear(self) -> None:
        """End all faults."""
        self._in_force = []
