"""Numbers about the running server, counted where things happen and read by `/metrics`.

Each number is a place in memory that worker processes share, with a row for each worker. So
whichever worker is asked can add up the rows, and what a killed worker counted is not lost.
Every label has a closed list of values: nothing that a client writes becomes one.
"""

import mmap
import os
from bisect import bisect_left
from collections.abc import Callable, Iterable, Mapping
from typing import TypeAlias

# Upper bounds. Logins take milliseconds; a call may take as long as its time limit.
SECONDS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0)
SIZES = (1.0, 2.0, 4.0, 8.0, 16.0, 32.0, 64.0, 128.0, 256.0)

HOME, OTHER, REFUSED = "home", "other", "refused"
BATCHES = ("logins", "lookups", "visits")
NUMBER_BYTES = 8
# A descriptor of memory that only this process uses.
ANONYMOUS = -1

# The values of the labels, by the key that the code counts with; without labels, one number.
Series: TypeAlias = Mapping[object, tuple[str, ...]]
Row: TypeAlias = "memoryview[float]"
ONE: Series = {"": ()}
# By the first digit of a status.
CODES: Series = {digit: (f"{digit}xx",) for digit in range(2, 6)}


class Numbers:
    """A number for each of *series*. What is not among them counts as the last."""

    kind = "counter"
    width = 1

    def __init__(
        self, name: str, about: str, labels: tuple[str, ...] = (), series: Series = ONE
    ) -> None:
        self.name, self.about = f"skylogin_{name}", about
        self.labels, self.series = labels, dict(series)
        self._row: Row = memoryview(b"").cast("d")
        self._places: dict[object, int] = {}
        self._last = 0
        self._followed: dict[int, tuple[float, Callable[[], float]]] = {}

    def place(self, start: int) -> int:
        """Let the numbers begin at place *start* of a row, and return the next free place."""
        self._places = {key: start + i * self.width for i, key in enumerate(self.series)}
        self._last = max(self._places.values())
        return self._last + self.width

    def use(self, row: Row) -> None:
        """Count in *row* from now on."""
        self._row = row

    def add(self, key: object = "", amount: float = 1) -> None:
        """Count one more, or *amount*."""
        self._row[self._places.get(key, self._last)] += amount

    def follow(self, read: Callable[[], float], key: object = "") -> None:
        """Get the number from *read*, or for a counter how much this process adds."""
        place = self._places.get(key, self._last)
        before = 0 if self.kind == "gauge" else self._row[place]
        self._followed[place] = (before, read)

    def refresh(self) -> None:
        """Read the numbers that are followed."""
        for place, (before, read) in self._followed.items():
            self._row[place] = before + read()

    def totals(self, rows: list[Row]) -> dict[object, tuple[float, ...]]:
        """Return the numbers of each series, added up over *rows*."""
        return {
            key: tuple(sum(row[place + i] for row in rows) for i in range(self.width))
            for key, place in self._places.items()
        }


class Gauge(Numbers):
    """Numbers that go up and down. Those of a worker that ended are zero."""

    kind = "gauge"

    def clear(self, row: Row) -> None:
        """Set the numbers in *row* to zero."""
        for place in self._places.values():
            row[place] = 0


class Histogram(Numbers):
    """How many values there were up to each of *buckets*, and above, and their sum."""

    kind = "histogram"

    def __init__(
        self,
        name: str,
        about: str,
        labels: tuple[str, ...] = (),
        series: Series = ONE,
        buckets: tuple[float, ...] = SECONDS,
    ) -> None:
        self.buckets, self.width = buckets, len(buckets) + 2
        super().__init__(name, about, labels, series)

    def observe(self, value: float, key: object = "") -> None:
        """Count *value*."""
        row, place = self._row, self._places.get(key, self._last)
        row[place + bisect_left(self.buckets, value)] += 1
        row[place + self.width - 1] += value


def _label(values: Iterable[str]) -> Series:
    return {value: (value,) for value in values}


class Metrics:
    """All metrics of a server with this number of *workers*.

    *actions* and *limits* are those that it knows, *outcomes* those of logins by their reason.
    *memory* is the descriptor of memory that processes share.
    """

    def __init__(
        self,
        actions: Iterable[str] = (),
        outcomes: Mapping[str, str] | None = None,
        limits: Iterable[str] = (),
        workers: int = 1,
        memory: int = ANONYMOUS,
    ) -> None:
        reasons = {**(outcomes or {}), OTHER: REFUSED}
        by_action: Series = {name: (name or HOME,) for name in (*actions, OTHER)}
        # Each one stays on its line, however long.
        # ruff: noqa: E501
        # fmt: off
        self.logins = Numbers("logins_total", "Login attempts, by outcome and reason.", ("outcome", "reason"), {reason: (outcome, reason) for reason, outcome in reasons.items()})
        self.calls = Histogram("call_duration_seconds", "Time from the headers of a call to its answer.", ("action",), by_action)
        self.answers = Numbers("answers_total", "Answers to calls, by status.", ("code",), CODES)
        self.shed = Numbers("shed_calls_total", "Calls that were answered with 503 because the server was busy.")
        self.limits = Numbers("limits_reached_total", "Calls and requests that were refused by a limit.", ("limit",), _label((*limits, OTHER)))
        self.batches = Histogram("batch_size", "Calls that shared a transaction.", ("kind",), _label(BATCHES), SIZES)
        self.batch_waiting = Gauge("batch_waiting", "Calls that wait for a transaction.", ("kind",), _label(BATCHES))
        self.commits = Histogram("commit_duration_seconds", "Time that the database took for a commit.")
        self.retries = Numbers("transaction_retries_total", "Transactions that were tried again after a conflict, a busy database or a lost connection.")
        self.unavailable = Numbers("database_unavailable_total", "Calls that were refused because the database could not be used.")
        self.in_use = Gauge("database_connections_in_use", "Connections to the database that are in use.")
        self.waiting = Gauge("database_connections_waiting", "Transactions that wait for a connection to the database.")
        self.log_waiting = Gauge("login_log_waiting", "Refused login attempts that wait to be written to the login log.")
        self.log_left_out = Numbers("login_log_left_out_total", "Refused login attempts that are counted but not in the login log.")
        self.connections = Gauge("connections", "Open connections of clients.")
        self.turned_away = Numbers("connections_turned_away_total", "Connections that were closed because there were too many.")
        self.websockets = Gauge("websockets", "Open websockets.")
        self.restarts = Numbers("worker_restarts_total", "Worker processes that ended by themselves and were replaced.")
        self.channels = Gauge("pubsub_channels", "Channels that a websocket is subscribed to.")
        # fmt: on
        self.families = [one for one in vars(self).values() if isinstance(one, Numbers)]
        # The first place of a row has the worker's process id.
        size = 1
        for family in self.families:
            size = family.place(size)
        if memory != ANONYMOUS:
            os.ftruncate(memory, size * workers * NUMBER_BYTES)
        numbers = memoryview(mmap.mmap(memory, size * workers * NUMBER_BYTES)).cast("d")
        self.rows = [numbers[size * i : size * (i + 1)] for i in range(workers)]
        if memory == ANONYMOUS:
            self.use(0)

    def use(self, worker: int) -> None:
        """Count from now on in the row of *worker*, numbered from 0: this process is that worker."""
        row = self.rows[worker]
        row[0] = os.getpid()
        for family in self.families:
            family.use(row)

    def forget(self, worker: int) -> None:
        """Note that the process of *worker* ended: count a restart, and clear its gauges."""
        row = self.rows[worker]
        row[0] = 0
        for family in self.families:
            if isinstance(family, Gauge):
                family.clear(row)
        self.restarts.use(row)
        self.restarts.add()

    def refresh(self) -> None:
        """Read the numbers of this process that are not counted as things happen."""
        for family in self.families:
            family.refresh()

    def process_ids(self) -> dict[int, int]:
        """Return the ids of the processes that run, by the number of the worker."""
        return {i: int(row[0]) for i, row in enumerate(self.rows) if row[0]}
