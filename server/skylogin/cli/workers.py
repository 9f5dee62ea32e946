"""`skylogin serve --workers`: several processes on one port, and the parent that keeps them.

The parent listens and hands its socket on, so that a connection waits for the next worker if one
ends. It runs the same command line for each worker, with one more option. A worker stops if its
standard input ends, as when the parent is killed.
"""

import asyncio
import json
import logging
import os
import signal
import socket
import sys
import tempfile
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, replace
from typing import Any

from skylogin.clock import monotonic
from skylogin.config import ConfigurationError, Settings
from skylogin.metrics import Metrics
from skylogin.pubsub.relay import Relay, make_inboxes
from skylogin.web import listening, metrics_page, reload, tls
from skylogin.web.connections import Connections

logger = logging.getLogger("skylogin.workers")

# A worker that ran for this time is replaced at once, others after a pause that doubles.
LASTING_SECONDS = 10
PAUSE_SECONDS, PAUSE_SECONDS_MAX = 0.1, 30
STOP_SECONDS_MAX = 30
# Variables that only the parent uses.
NOT_FOR_WORKERS = ("NOTIFY_SOCKET", "WATCHDOG_USEC", "WATCHDOG_PID")
SQLITE = "--workers needs PostgreSQL: an SQLite database belongs to one process"


class WorkerEndedError(Exception):
    """A worker ended before it was ready, and said why on standard error."""

    def __init__(self, code: int) -> None:
        super().__init__(f"a worker ended with {code}")
        # A signal is a negative code.
        self.code = code if code > 0 else 1


@dataclass(frozen=True, slots=True)
class Share:
    """What a worker gets from the parent: its *number* of *count*, and descriptors.

    One worker *migrates* the database, if the command line says so. *inboxes* has both ends of
    each worker's inbox.
    """

    number: int
    count: int
    listens_on: int
    memory: int
    migrates: bool
    inboxes: tuple[int, ...]

    @classmethod
    def read(cls, text: str) -> "Share":
        """Return what the parent wrote as the worker's option. Raises ConfigurationError."""
        try:
            number, count, listens_on, memory, migrates, *inboxes = map(int, text.split(","))
        except ValueError:
            raise ConfigurationError(
                ["--worker is only for processes that --workers starts"]
            ) from None
        return cls(number, count, listens_on, memory, bool(migrates), tuple(inboxes))

    def __str__(self) -> str:
        numbers = (self.number, self.count, self.listens_on, self.memory, int(self.migrates))
        return ",".join(map(str, (*numbers, *self.inboxes)))

    @property
    def descriptors(self) -> tuple[int, ...]:
        """Return the descriptors that the worker inherits."""
        return (self.listens_on, self.memory, *self.inboxes)

    def socket(self) -> socket.socket:
        """Return the socket to listen on."""
        return socket.socket(fileno=self.listens_on)

    def metrics(self) -> Metrics:
        """Return the metrics of all workers, prepared to count those of this one."""
        metrics = metrics_page.make_metrics(self.count, self.memory)
        metrics.use(self.number)
        return metrics

    def relay(self) -> Relay | None:
        """Return the relay of websocket messages to the other workers, None without inboxes."""
        ends = [socket.socket(fileno=one) for one in self.inboxes]
        if not ends:
            return None
        readers, writers = ends[::2], ends[1::2]
        own = readers.pop(self.number)
        for unused in (*readers, writers.pop(self.number)):
            unused.close()
        return Relay(own, writers)


class Workers:
    """The worker processes. The *settings* and the *certificate* are those of the parent."""

    def __init__(
        self, settings: Settings, count: int, listens_on: socket.socket, memory: int
    ) -> None:
        self.settings = settings
        self.certificate = tls.certificate_of(settings)
        self.count = count
        self.metrics = metrics_page.make_metrics(count, memory)
        self.facts: dict[str, Any] = {}
        self._listens_on = listens_on.fileno()
        self._memory = memory
        self._inboxes = make_inboxes(count)
        self._processes: dict[int, asyncio.subprocess.Process] = {}
        self._ready: set[int] = set()
        self._reloads = 0

    def ready_line(self) -> str:
        """Return the ready line of the server, whose process is this one."""
        return json.dumps({**self.facts, "pid": os.getpid()})

    async def start(self, number: int, *, migrates: bool = False) -> None:
        """Start a worker and wait until it is ready. Raises WorkerEndedError."""
        inboxes = tuple(end.fileno() for ends in self._inboxes for end in ends)
        reloads = self._reloads
        share = Share(number, self.count, self._listens_on, self._memory, migrates, inboxes)
        process = await asyncio.create_subprocess_exec(
            sys.executable,
            *sys.orig_argv[1:],
            "--worker",
            str(share),
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            pass_fds=share.descriptors,
            env={name: value for name, value in os.environ.items() if name not in NOT_FOR_WORKERS},
            # Ctrl-C at a terminal is for the parent.
            start_new_session=True,
        )
        self._processes[number] = process
        assert process.stdout is not None
        line = await process.stdout.readline()
        if not line:
            raise WorkerEndedError(await process.wait())
        self.facts = self.facts or json.loads(line)
        self._ready.add(number)
        if self._reloads > reloads:
            # The worker may have read its settings before the reload.
            self._hang_up(number)

    async def keep(self, number: int) -> None:
        """Start another process for a worker whenever it ends."""
        pause = 0.0
        while True:
            began = monotonic()
            code = await self._processes[number].wait()
            self._ready.discard(number)
            self.metrics.forget(number)
            has_lasted = monotonic() - began >= LASTING_SECONDS
            pause = 0 if has_lasted else min(max(PAUSE_SECONDS, pause * 2), PAUSE_SECONDS_MAX)
            logger.error(
                "worker %d ended %s; another one starts in %g s", number + 1, _how(code), pause
            )
            await asyncio.sleep(pause)
            try:
                await self.start(number)
            except WorkerEndedError:
                pass
            except OSError as error:
                logger.error("worker %d cannot start: %s", number + 1, error.strerror)

    def change(self, values: Mapping[str, Any]) -> None:
        """Use other values of *settings*, such as keys, by field name."""
        self.settings = replace(self.settings, **values)

    def hang_up(self, read: Callable[[], Settings]) -> None:
        """Reload what the parent uses, and let the workers do the same, once they are ready."""
        if self.settings.metrics_port is not None:
            reload.reload(self, self.certificate, read)
        self._reloads += 1
        for number in self._ready:
            self._hang_up(number)

    def _hang_up(self, number: int) -> None:
        with suppress(ProcessLookupError):
            self._processes[number].send_signal(signal.SIGHUP)

    async def stop(self) -> None:
        """Let calls in flight finish, and wait until every worker has ended."""
        for process in self._processes.values():
            with suppress(ProcessLookupError):
                process.terminate()
        waiting = [asyncio.create_task(one.wait()) for one in self._processes.values()]
        if waiting:
            await asyncio.wait(waiting, timeout=STOP_SECONDS_MAX)
        for process in self._processes.values():
            if process.returncode is None:
                process.kill()
                await process.wait()
        for end in (end for ends in self._inboxes for end in ends):
            end.close()


def _how(code: int) -> str:
    return f"with {code}" if code >= 0 else f"by {signal.Signals(-code).name}"


@asynccontextmanager
async def running(
    settings: Settings, count: int, given: socket.socket | None = None
) -> AsyncIterator[Workers]:
    """Run *count* workers until the block ends, and replace those that end before.

    They listen on the socket *given*, or else where *settings* say. The first one starts alone,
    so that a problem is printed once, and one of them migrates. Raises ConfigurationError and
    WorkerEndedError.
    """
    if settings.database_kind == "sqlite":
        raise ConfigurationError([SQLITE])
    listens_on = given or listening.bind(*settings.address())
    with listens_on, tempfile.TemporaryFile() as memory:
        workers = Workers(settings, count, listens_on, memory.fileno())
        connections = Connections(settings.connections_max, settings.connections_per_address_max)
        context = None if workers.certificate is None else workers.certificate.context
        apart = metrics_page.on_its_port(
            lambda: workers.settings, workers.metrics, connections, context
        )
        async with apart as url:
            beside = [asyncio.create_task(connections.close_silent())]
            try:
                await workers.start(0, migrates=True)
                await asyncio.gather(*(workers.start(number) for number in range(1, count)))
                if url:
                    workers.facts["metrics"] = url
                beside += [asyncio.create_task(workers.keep(one)) for one in range(count)]
                yield workers
            finally:
                for task in beside:
                    task.cancel()
                await workers.stop()
