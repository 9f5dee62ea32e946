"""Decide how much of a limit, such as 60 a minute, a key may still use. Pure: times are arguments.

Two rules hold at once. The usage in any window (a minute, an hour) is at most the limit. And a
*paced* limit is spread evenly: after a quiet time, the first second allows at most four times
the share of one second.

Several servers share a limit, and exchange their usage once per *turn*. Each server may use its
credit, and learns the total usage a turn later, when any excess is deducted.
"""

import math
from collections import deque
from typing import NamedTuple

# Usage ends with its window, in this number of steps.
SLOTS = 60
TURN_SECONDS = 1.0
AT_ONCE_SECONDS, AT_ONCE_MIN = 4, 4
# Each turn makes a part of the leftover of several servers available.
LEFT_OVER_TURNS = 8
# A server can use its unused share of this number of turns later.
CREDIT_TURNS, CREDIT_MIN = 2, 3.0
# Rounding may make sums of parts miss a whole number by this much.
EPSILON = 1e-9


class Rule(NamedTuple):
    """A limit: *number* in each window of *seconds*."""

    number: int
    seconds: int
    is_paced: bool = True

    @property
    def share(self) -> float:
        """Return the share of one second."""
        return self.number / self.seconds

    def left_over_max(self, servers: int) -> float:
        """Return how much of the unused amount can be used later."""
        if servers > 1:
            most = LEFT_OVER_TURNS * max(1.0, self.share)
        else:
            # The first second brings its own share too.
            most = (AT_ONCE_SECONDS - 1) * self.share if self.share >= 1 else AT_ONCE_MIN
        return max(1.0, min(most, self.number))


class Turn(NamedTuple):
    """The time from one exchange of the servers to the next.

    *phase* is from 0 to 1 and differs between servers.
    """

    number: int = 0
    servers: int = 1
    phase: float = 0.0


class Usage:
    """The usage of a key on all servers, as far as this one knows."""

    __slots__ = (
        "_at",
        "_began",
        "_credit",
        "_left_over",
        "_others",
        "_own",
        "_own_before",
        "_slots",
        "_sum",
        "_turn",
        "_turns",
    )

    def __init__(self, rule: Rule, turn: Turn, now: float) -> None:
        self._left_over = rule.left_over_max(turn.servers)
        self._at = self._began = now
        # Pairs of a slot's number and what was taken in it.
        self._slots: deque[list[int]] = deque()
        self._sum = 0
        self._turn = turn.number
        # How many turns have begun since the credit grew; None if it never has.
        self._turns: int | None = None
        self._credit = 0.0
        # What was taken in this turn and in the one before.
        self._own = self._own_before = self._others = 0

    def take(self, rule: Rule, turn: Turn, now: float, amount: int = 1) -> float:
        """Take *amount*, and return 0; if the limit is reached, return the seconds to wait.

        A large amount is taken if anything is left; later calls then wait longer.
        """
        wait = self.wait(rule, turn, now)
        if not wait:
            self._note_own(rule, amount)
        return wait

    def note(self, rule: Rule, turn: Turn, now: float, amount: int) -> None:
        """Count an *amount* that was used already; a negative one is returned."""
        self._advance(rule, turn, now)
        self._note_own(rule, amount)

    def hear(self, rule: Rule, turn: Turn, now: float, amount: int) -> None:
        """Note that other servers took *amount* in the last turn."""
        self._advance(rule, turn, now)
        self._note(rule, amount)
        self._others += amount

    def wait(self, rule: Rule, turn: Turn, now: float) -> float:
        """Return the seconds until something can be taken, 0 if it can be now."""
        self._advance(rule, turn, now)
        wait = self._until_slot_ends(rule) if self._sum >= rule.number else 0.0
        if rule.is_paced and self._left_over < 1 - EPSILON:
            wait = max(wait, (1 - self._left_over) / rule.share)
        if wait:
            return wait
        if turn.servers > 1:
            if self._turns != 0:
                self._grow(rule, turn)
            if self._credit < 1 - EPSILON:
                return TURN_SECONDS
        return 0.0

    def _grow(self, rule: Rule, turn: Turn) -> None:
        """Add this turn's part to the credit of this server.

        A server gets what it took in the last turn, and an equal part of what all of them left.
        """
        left = float(rule.number - self._sum)
        if rule.is_paced:
            ends = self._slot(rule, TURN_SECONDS) - SLOTS
            left += sum(taken for slot, taken in self._slots if slot <= ends)
            left = min(left, rule.share * TURN_SECONDS + self._left_over / LEFT_OVER_TURNS)
        part = self._own_before + (left - self._own_before - self._others) / turn.servers
        if self._turns is None:
            self._credit = max(1.0, part + turn.phase)
        else:
            most = max(CREDIT_MIN, CREDIT_TURNS * part)
            self._credit = min(most, self._credit + self._turns * max(0.0, part))
        self._turns = 0

    def _advance(self, rule: Rule, turn: Turn, now: float) -> None:
        passed = max(0.0, now - self._at)
        self._at = max(self._at, now)
        left_over = self._left_over + passed * rule.share
        self._left_over = min(rule.left_over_max(turn.servers), left_over)
        first = self._slot(rule) - SLOTS
        while self._slots and self._slots[0][0] <= first:
            self._sum -= self._slots.popleft()[1]
        if turn.number != self._turn:
            self._own_before = self._own if turn.number == self._turn + 1 else 0
            self._own = self._others = 0
            if self._turns is not None:
                self._turns += turn.number - self._turn
            self._turn = turn.number

    def _note_own(self, rule: Rule, amount: int) -> None:
        self._note(rule, amount)
        self._credit -= amount
        self._own += amount

    def _note(self, rule: Rule, amount: int) -> None:
        slot = self._slot(rule)
        if not self._slots or self._slots[-1][0] != slot:
            self._slots.append([slot, 0])
        self._slots[-1][1] += amount
        self._sum += amount
        self._left_over -= amount

    def _slot(self, rule: Rule, later: float = 0.0) -> int:
        # Counted from the first use, so that the usage ends with its window.
        return math.floor((self._at + later - self._began) * SLOTS / rule.seconds + EPSILON)

    def _until_slot_ends(self, rule: Rule) -> float:
        """Return the seconds until enough of the usage is older than the window."""
        excess = self._sum - rule.number + 1
        for slot, amount in self._slots:
            excess -= amount
            if excess <= 0:
                ends_at = self._began + (slot + SLOTS) * rule.seconds / SLOTS
                return max(EPSILON, ends_at - self._at)
        return float(rule.seconds)
