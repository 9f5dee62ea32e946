"""How much of a limit a key may use: over windows, at once, and on several servers."""

import random
from collections.abc import Callable, Sequence
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st
from skylogin.domain.rate import AT_ONCE_MIN, Period, Rule, Usage

MINUTE = Rule(60, 60)
WHOLE = Rule(10, 60, is_paced=False)
STEP, STEPS = 0.01, 100
# When servers report and read, in steps of each second.
REPORT, READ = 50, 60
WINDOWS = 5
# How much the tests allow for a single call more or less.
TOLERANCE = 0.02


def used(rule: Rule, times: Sequence[float]) -> list[float]:
    """Return those of *times* at which something could be used, on one server."""
    period = Period()
    usage = Usage(rule, period, times[0])
    return [now for now in times if not usage.use(rule, period, now)]


def most_within(seconds: float, times: Sequence[float]) -> int:
    """Return the largest number of *times* within a number of seconds."""
    return max(sum(begin <= one < begin + seconds for one in times) for begin in times)


# --- one server ------------------------------------------------------------------------


@given(
    st.lists(st.floats(0, 5, allow_nan=False), min_size=1, max_size=300),
    st.integers(1, 40),
    st.booleans(),
)
def test_no_window_has_more_than_the_limit(gaps: list[float], number: int, is_paced: bool) -> None:
    """Whenever the window begins. What is shown to be over then passes after the wait."""
    rule, period, now = Rule(number, 60, is_paced), Period(), 1000.0
    usage, passed = Usage(rule, period, now), []
    for gap in gaps:
        now += gap
        wait = usage.use(rule, period, now)
        if not wait:
            passed.append(now)
        else:
            assert usage.wait(rule, period, now) == pytest.approx(wait)
    # What was used ends in steps of a sixtieth of the window.
    assert most_within(59, passed) <= number if passed else True
    wait = usage.wait(rule, period, now)
    assert usage.wait(rule, period, now + wait + 1e-4) == 0


def test_a_paced_limit_lets_a_few_pass_at_once() -> None:
    """Two wrong logins of one person pass; what comes all the time passes once a second."""
    passed = used(MINUTE, [1000 + 0.1 * i for i in range(600)])

    assert passed[1] == 1000 + 0.1
    assert most_within(1, passed) <= AT_ONCE_MIN
    assert len(passed) == MINUTE.number


def test_a_limit_that_is_not_paced_may_come_at_once() -> None:
    """And then nothing until the window is over."""
    passed = used(WHOLE, [1000 + 0.1 * i for i in range(601)])

    assert passed[: WHOLE.number] == [1000 + 0.1 * i for i in range(WHOLE.number)]
    assert passed[WHOLE.number :] == [pytest.approx(1060)]


def test_what_is_given_back_can_be_used_again() -> None:
    """A right password does not count."""
    usage, period = Usage(WHOLE, Period(), 0), Period()
    for second in range(100):
        assert not usage.use(WHOLE, period, second / 10)
        usage.count(WHOLE, period, second / 10, -1)


def test_a_large_amount_is_made_up_for() -> None:
    """One body above the limit passes, and the next one waits."""
    rule, period = Rule(6000, 60), Period()
    usage = Usage(rule, period, 0)

    assert not usage.use(rule, period, 0, 1_000)
    assert usage.wait(rule, period, 0) == pytest.approx(7.01, abs=0.02)


def test_a_clock_that_goes_back_gives_nothing() -> None:
    """Nor does it take anything away."""
    usage, period = Usage(MINUTE, Period(), 100), Period()
    assert [bool(usage.use(MINUTE, period, now)) for now in (100, 50, 100, 50, 100)] == [
        *(False, False, False, True, True)
    ]


# --- several servers --------------------------------------------------------------------

Load = Callable[[float], Sequence[float]]


class Servers:
    """Servers that report once a second what they let pass, and read the reports a little later."""

    def __init__(self, rule: Rule, number: int) -> None:
        self.rule = rule
        self.periods = [Period(0, number, i / number) for i in range(number)]
        self.usages: list[Usage | None] = [None] * number
        self.passed: list[list[float]] = [[] for _ in range(number)]
        self._reported = [0] * number
        self._counted = [[0] * number for _ in range(number)]

    def call(self, i: int, now: float) -> None:
        """Let a call come to server *i*."""
        if not self._usage(i, now).use(self.rule, self.periods[i], now):
            self.passed[i].append(now)

    def report(self) -> None:
        """Let all servers report what they let pass."""
        self._reported = [len(one) for one in self.passed]

    def read(self, now: float) -> None:
        """Let all servers read what the others reported."""
        for i, period in enumerate(self.periods):
            self.periods[i] = Period(period.number + 1, period.servers, period.phase)
            for j, reported in enumerate(self._reported):
                if i != j and reported != self._counted[i][j]:
                    new = reported - self._counted[i][j]
                    self._usage(i, now).count_reported(self.rule, self.periods[i], now, new)
                    self._counted[i][j] = reported

    def _usage(self, i: int, now: float) -> Usage:
        usage = self.usages[i]
        if usage is None:
            usage = self.usages[i] = Usage(self.rule, self.periods[i], now)
        return usage


def let_through(rule: Rule, load: Load, seconds: float) -> list[float]:
    """Return when calls passed on servers that get *load* calls a second, in order of time."""
    servers, chance = Servers(rule, len(load(0))), random.Random(1)
    for step in range(round(seconds / STEP)):
        now = step * STEP
        if step % STEPS == REPORT:
            servers.report()
        if step % STEPS == READ:
            servers.read(now)
        for i, rate in enumerate(load(now)):
            calls, rest = divmod(rate * STEP, 1)
            for _ in range(int(calls) + (chance.random() < rest)):
                servers.call(i, now)
    return sorted(now for passed in servers.passed for now in passed)


def shared(rate: float, *parts: float) -> Load:
    """Return the load of servers that get these parts of *rate* calls a second."""
    return lambda now: [rate * part for part in parts]


LOADS: dict[str, Callable[[float], Load]] = {
    "even": lambda rate: shared(rate, 0.25, 0.25, 0.25, 0.25),
    "uneven": lambda rate: shared(rate, 0.7, 0.1, 0.1, 0.1),
    "very uneven": lambda rate: shared(rate, 0.91, 0.03, 0.03, 0.03),
    "one server only": lambda rate: shared(rate, 1, 0, 0, 0),
    "one after the other": lambda rate: (
        lambda now: [rate if now // 10 % 4 == i else 0 for i in range(4)]
    ),
    "one joins": lambda rate: (
        lambda now: [rate / 4] * 4 if now > MINUTE.seconds else [rate / 3, rate / 3, rate / 3, 0]
    ),
    "ten times as much": lambda rate: shared(10 * rate, 0.25, 0.25, 0.25, 0.25),
}


@pytest.mark.heavy
@pytest.mark.parametrize("load", LOADS.values(), ids=LOADS)
def test_four_servers_keep_to_one_limit(load: Callable[[float], Load]) -> None:
    """At twice the limit over five windows, within 2 %; at once, at most four times the average."""
    rule = Rule(1200, 60)
    passed = let_through(rule, load(2 * rule.per_second), 60 * WINDOWS)

    assert len(passed) == pytest.approx(WINDOWS * rule.number, rel=TOLERANCE)
    assert sum(one < passed[0] + 1 for one in passed) <= 4 * rule.per_second
    for begin in range(0, 60 * WINDOWS, 60):
        within = sum(begin <= one < begin + 60 for one in passed)
        assert within <= rule.number * (1 + TOLERANCE)


@pytest.mark.parametrize("load", ["even", "uneven", "one server only"])
def test_four_servers_keep_to_the_default_of_refused_logins(load: str) -> None:
    """Though it is one a second, and each server uses a whole one at a time."""
    passed = let_through(MINUTE, LOADS[load](2 * MINUTE.per_second), 60 * WINDOWS)

    assert len(passed) == pytest.approx(WINDOWS * MINUTE.number, rel=2 * TOLERANCE)
    assert sum(one < passed[0] + 1 for one in passed) <= 4 * MINUTE.per_second


def test_a_whole_limit_is_kept_by_four_servers() -> None:
    """A burst on all of them brings at most one more for each of the others."""
    passed = let_through(WHOLE, shared(40, 0.25, 0.25, 0.25, 0.25), 60)

    assert WHOLE.number <= len(passed) <= WHOLE.number + 3


def test_every_server_lets_the_first_one_pass() -> None:
    """A password mistyped once is refused by none of them, however many there are."""
    servers = Servers(MINUTE, 16)
    for i in range(16):
        servers.call(i, 5.0)

    assert all(servers.passed)


def test_a_load_that_stays_below_the_limit_passes() -> None:
    """On any server."""
    passed = let_through(Rule(600, 60), shared(8, 0.25, 0.25, 0.25, 0.25), 60)

    assert len(passed) == pytest.approx(480, rel=0.15)
    assert all(after >= before for before, after in pairwise(passed))
