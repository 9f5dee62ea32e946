"""Decide how much of a limit, such as 60 a minute, a key may still use. Pure: times are arguments.

Two rules hold at once. The usage in any window (a minute, an hour) is at most the limit. And a
*paced* limit is spread evenly: after a quiet time, the first second allows at most four times
the average of one second.

Several servers share a limit, and report their usage to each other once per *period*. In each,
a server may use its credit; it learns the total usage a period later, when any excess is deducted.
"""

import math
from collections import deque
from typing import NamedTuple

# Usage ends with its window, in this number of steps.
SLOTS = 60
PERIOD_SECONDS = 1.0
AT_ONCE_SECONDS, AT_ONCE_MIN = 4, 4
# Several servers spread a burst over this number of periods.
BURST_PERIODS = 8
# A server can use its unused credit of this number of periods later.
CREDIT_PERIODS, CREDIT_MIN = 2, 3.0
# Rounding may make sums of parts miss a whole number by this much.
EPSILON = 1e-9


class Rule(NamedTuple):
    """A limit: *number* in each window of *seconds*."""

    number: int
    seconds: int
    is_paced: bool = True

    @property
    def per_second(self) -> float:
        """Return the average for a second."""
        return self.number / self.seconds

    def burst_max(self, servers: int) -> float:
        """Return the most that a paced limit saves up for a burst in a quiet time."""
        if servers > 1:
            most = BURST_PERIODS * max(1.0, self.per_second)
        else:
            # The first second adds its own average.
            most = (AT_ONCE_SECONDS - 1) * self.per_second if self.per_second >= 1 else AT_ONCE_MIN
        return max(1.0, min(most, self.number))


class Period(NamedTuple):
    """The time from one exchange of reports to the next.

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
        "_burst",
        "_credit",
        "_others",
        "_own",
        "_own_before",
        "_period",
        "_periods",
        "_slots",
        "_sum",
    )

    def __init__(self, rule: Rule, period: Period, now: float) -> None:
        self._burst = rule.burst_max(period.servers)
        self._at = self._began = now
        # Pairs of a slot's number and what was used in it.
        self._slots: deque[list[int]] = deque()
        self._sum = 0
        self._period = period.number
        # How many periods have begun since the credit grew; None if it never has.
        self._periods: int | None = None
        self._credit = 0.0
        # What this server used in this period and in the one before, and the others reported.
        self._own = self._own_before = self._others = 0

    def use(self, rule: Rule, period: Period, now: float, amount: int = 1) -> float:
        """Use *amount*, and return 0; if the limit is reached, return the seconds to wait.

        A large amount is allowed if anything is left; later calls then wait longer.
        """
        wait = self.wait(rule, period, now)
        if not wait:
            self._count_own(rule, amount)
        return wait

    def count(self, rule: Rule, period: Period, now: float, amount: int) -> None:
        """Count an *amount* that was used already; a negative one is given back."""
        self._advance(rule, period, now)
        self._count_own(rule, amount)

    def count_reported(self, rule: Rule, period: Period, now: float, amount: int) -> None:
        """Count *amount* that other servers reported for the last period."""
        self._advance(rule, period, now)
        self._count(rule, amount)
        self._others += amount

    def wait(self, rule: Rule, period: Period, now: float) -> float:
        """Return the seconds until something can be used, 0 if it can be now."""
        self._advance(rule, period, now)
        wait = self._until_slot_ends(rule) if self._sum >= rule.number else 0.0
        if rule.is_paced and self._burst < 1 - EPSILON:
            wait = max(wait, (1 - self._burst) / rule.per_second)
        if wait:
            return wait
        if period.servers > 1:
            if self._periods != 0:
                self._grow(rule, period)
            if self._credit < 1 - EPSILON:
                return PERIOD_SECONDS
        return 0.0

    def _grow(self, rule: Rule, period: Period) -> None:
        """Add this period's part to the credit of this server.

        A server gets what it used in the last period, and an equal part of what remains.
        """
        remaining = float(rule.number - self._sum)
        if rule.is_paced:
            ends = self._slot(rule, PERIOD_SECONDS) - SLOTS
            remaining += sum(used for slot, used in self._slots if slot <= ends)
            average = rule.per_second * PERIOD_SECONDS
            remaining = min(remaining, average + self._burst / BURST_PERIODS)
        part = self._own_before + (remaining - self._own_before - self._others) / period.servers
        if self._periods is None:
            self._credit = max(1.0, part + period.phase)
        else:
            most = max(CREDIT_MIN, CREDIT_PERIODS * part)
            self._credit = min(most, self._credit + self._periods * max(0.0, part))
        self._periods = 0

    def _advance(self, rule: Rule, period: Period, now: float) -> None:
        passed = max(0.0, now - self._at)
        self._at = max(self._at, now)
        burst = self._burst + passed * rule.per_second
        self._burst = min(rule.burst_max(period.servers), burst)
        first = self._slot(rule) - SLOTS
        while self._slots and self._slots[0][0] <= first:
            self._sum -= self._slots.popleft()[1]
        if period.number != self._period:
            self._own_before = self._own if period.number == self._period + 1 else 0
            self._own = self._others = 0
            if self._periods is not None:
                self._periods += period.number - self._period
            self._period = period.number

    def _count_own(self, rule: Rule, amount: int) -> None:
        self._count(rule, amount)
        self._credit -= amount
        self._own += amount

    def _count(self, rule: Rule, amount: int) -> None:
        slot = self._slot(rule)
        if not self._slots or self._slots[-1][0] != slot:
            self._slots.append([slot, 0])
        self._slots[-1][1] += amount
        self._sum += amount
        self._burst -= amount

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
