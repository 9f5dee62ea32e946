"""The figures: each function takes one measurement and returns its rows of the table.

What is compared is measured in turns, so that a machine that slows down slows both down.
"""

import time
from collections.abc import Callable
from contextlib import AbstractContextManager, ExitStack
from dataclasses import dataclass
from itertools import count
from pathlib import Path
from statistics import median, quantiles

import fill
import load
from clusters import postgresql
from earlier import server_at
from servers import BARE, BASELINE, SKYLOGIN, Server, running
from skylogin.testing import RunningServer

SUBJECTS = 5_000
USERS_FEW, USERS_MANY = 1_000, 1_000_000
LOGINS_EARLY, LOGINS_LATE = 20_000, 100_000
STARTS = 7
START_BAR = 1.25
# Beside the earlier revision, and the aim beside the baseline.
RATE_BARS = {"sqlite": 0.90, "postgresql": 0.97}
RATE_AIMS = {"sqlite": 0.70, "postgresql": 0.60}
ASKERS = 1_000
ME_BAR = 0.40
TAIL_BAR = 3.0
MEMORY_BAR_MB = 120
# Resident memory is never still; a leak of 100 bytes a login would be 8 MB here.
GROWTH_BAR_MB = 5
FILLED_BAR = 0.85
RESET_USERS, RESETS = 100, 500
RESET_P99_BAR_MS, RESET_MEDIAN_BAR_MS = 15, 6
REST_BAR_MB = 90

Note = Callable[[str], None]


@dataclass(frozen=True, slots=True)
class Plan:
    """How thoroughly to measure, where files go, and where to say what is going on."""

    folder: Path
    round_seconds: int
    rounds: int
    revision: str
    note: Note


@dataclass(frozen=True, slots=True)
class Row:
    """A line of the table; *met* is None where there is nothing to judge."""

    figure: str
    bar: str
    measured: str
    met: bool | None


def logins(plan: Plan, databases: tuple[str, ...]) -> list[Row]:
    """Compare durable logins per second with the baseline and with an earlier revision."""
    bodies = load.mint(plan.folder / "bodies", range(SUBJECTS))
    rows = []
    earlier = server_at(plan.revision)
    if earlier is None:
        rows.append(Row(f"logins/s at {plan.revision}", "", "git lacks that revision", None))
    with ExitStack() as stack:
        servers = {"baseline": stack.enter_context(running(plan.folder / "baseline", BASELINE))}
        for database in databases:
            for server_name, source in ((database, None), (_earlier(database), earlier)):
                if server_name == database or source is not None:
                    server = _on_database(plan, stack, database, server_name, source)
                    if server is not None:
                        servers[server_name] = server
        runs = _in_turns(plan, {what: (server, bodies) for what, server in servers.items()})
    base = runs.pop("baseline")
    rows.append(Row("logins/s, baseline", "", f"{_rate(base):,.0f}/s", None))
    for database in databases:
        if database not in runs:
            rows.append(Row(f"logins/s, {database}", "", "is not installed", None))
            continue
        seen, before = runs[database], runs.get(_earlier(database))
        ratio, bar = _ratio(seen, base), RATE_BARS[database]
        tail = median(run.tail for run in seen)
        p50, p99 = (median(getattr(run, key) for run in seen) / 1000 for key in ("p50", "p99"))
        if before is not None:
            beside = _ratio(seen, before)
            rows.append(
                Row(
                    f"logins/s, {database}",
                    f">= {bar:.0%} of {plan.revision}",
                    f"{beside:.0%} ({_rate(before):,.0f}/s then)",
                    beside >= bar,
                )
            )
        rows += [
            Row(
                f"logins/s, {database}",
                f"aim {RATE_AIMS[database]:.0%} of baseline",
                f"{ratio:.0%} ({_rate(seen):,.0f}/s)",
                None,
            ),
            Row(
                f"p99, {database}",
                f"< {TAIL_BAR:g} x median",
                f"{tail:.2f} x ({p99:.1f} ms, median {p50:.1f} ms)",
                tail < TAIL_BAR,
            ),
        ]
    return rows


def _earlier(database: str) -> str:
    return f"{database}, earlier"


def _on_database(
    plan: Plan, stack: ExitStack, database: str, name: str, source: Path | None
) -> Server | None:
    """Return a server on a new database; None if there is no such database here."""
    folder = plan.folder / name
    settings = {} if source is None else {"PYTHONPATH": str(source)}
    url = f"sqlite:///{folder / 'bench.db'}"
    if database == "postgresql":
        cluster = stack.enter_context(postgresql())
        if cluster is None:
            return None
        url = cluster
    return stack.enter_context(running(folder, (*SKYLOGIN, "--database", url), **settings))


def me(plan: Plan) -> list[Row]:
    """Compare the rate of `me` with that of a handler that only verifies the access token."""
    bodies = load.mint(plan.folder / "bodies", range(ASKERS))
    rows = []
    with ExitStack() as stack:
        url = stack.enter_context(postgresql())
        servers = {
            "baseline": running(plan.folder / "baseline", BASELINE),
            "sqlite": _on_sqlite(plan.folder / "sqlite", "bench.db"),
        }
        if url is None:
            rows.append(Row("me/s, PostgreSQL", "", "PostgreSQL is not installed", None))
        else:
            folder = plan.folder / "postgresql"
            servers["postgresql"] = running(folder, SKYLOGIN, SKYLOGIN_DATABASE_URL=url)
        loads = {}
        for what, starting in servers.items():
            server = stack.enter_context(starting)
            asking = plan.folder / f"{what}.asking"
            loads[what] = (server, load.log_in_to_ask(server.url, bodies, asking))
        runs = _in_turns(plan, loads, load.ME)
    base = runs.pop("baseline")
    rows.append(Row("me/s, baseline", "", f"{_rate(base):,.0f}/s", None))
    for database, seen in runs.items():
        ratio = _ratio(seen, base)
        rows.append(
            Row(
                f"me/s, {database}",
                f">= {ME_BAR:.0%} of baseline",
                f"{ratio:.0%} ({_rate(seen):,.0f}/s)",
                ratio >= ME_BAR,
            )
        )
    return rows


def start(plan: Plan) -> list[Row]:
    """Compare the time to the ready line with that of the bare server."""
    folders = (plan.folder / f"start-{number}" for number in count())
    arguments = {"bare": BARE, "skylogin": (*SKYLOGIN, "--ephemeral")}
    seconds: dict[str, list[float]] = {what: [] for what in arguments}
    # The first start of each writes bytecode and fills the system's caches.
    for number in range(STARTS + 1):
        for what, command in arguments.items():
            with running(next(folders), command) as server:
                if number:
                    seconds[what].append(server.seconds_to_ready)
        plan.note(f"start {number} of {STARTS}")
    pairs = zip(seconds["skylogin"], seconds["bare"], strict=True)
    ratio = median(ours / bare for ours, bare in pairs)
    ours, bare = (median(seconds[what]) for what in ("skylogin", "bare"))
    return [
        Row(
            "cold start to ready",
            f"<= {START_BAR} x bare server",
            f"{ratio:.2f} x ({ours:.3f} s, bare {bare:.3f} s)",
            ratio <= START_BAR,
        )
    ]


def memory(plan: Plan) -> list[Row]:
    """Look at the resident memory early and late in a hundred thousand logins."""
    bodies = load.mint(plan.folder / "bodies", range(SUBJECTS))
    with _on_sqlite(plan.folder / "memory", "bench.db") as server:
        at_rest = server.resident_mb()
        done = load.log_in_many(server.url, bodies, LOGINS_EARLY)
        early = server.resident_mb()
        plan.note(f"memory after {done:,} logins: {early:.0f} MB")
        done += load.log_in_many(server.url, bodies, LOGINS_LATE - done)
        late = server.resident_mb()
    growth = late - early
    return [
        Row("memory at rest", f"< {REST_BAR_MB} MB", f"{at_rest:.0f} MB", at_rest < REST_BAR_MB),
        Row(
            "resident memory",
            f"< {MEMORY_BAR_MB} MB",
            f"{late:.0f} MB after {done:,} logins",
            late < MEMORY_BAR_MB,
        ),
        Row(
            "  its growth",
            f"< {GROWTH_BAR_MB} MB",
            f"{growth:+.1f} MB since {LOGINS_EARLY:,}",
            growth < GROWTH_BAR_MB,
        ),
    ]


def stored(plan: Plan) -> list[Row]:
    """Compare the rate with a million users stored with the rate with a thousand."""
    folder = plan.folder / "stored"
    first = load.mint(plan.folder / "bodies", range(1))
    with ExitStack() as stack:
        loads = {}
        for users in (USERS_FEW, USERS_MANY):
            database = f"{users}.db"
            with _on_sqlite(folder, database) as server:
                user_id = load.log_in_once(server.url, first)
            fill.copy_user(folder / database, user_id, users)
            plan.note(f"{users:,} users stored")
            # Those who log in lie far apart, so that not all they need is in memory already.
            numbers = range(0, users, max(1, users // SUBJECTS))
            bodies = load.mint(folder / f"{users}.bodies", numbers)
            server = stack.enter_context(_on_sqlite(folder, database))
            loads[f"{users:,} users"] = (server, bodies)
        runs = _in_turns(plan, loads)
    few, many = runs.values()
    ratio = _ratio(many, few)
    return [
        Row(
            f"logins/s, {USERS_MANY:,} users",
            f">= {FILLED_BAR:.0%} of {USERS_FEW:,}",
            f"{ratio:.0%} ({_rate(many):,.0f}/s, {_rate(few):,.0f}/s)",
            ratio >= FILLED_BAR,
        )
    ]


def reset(plan: Plan) -> list[Row]:
    """Time the resets of an app with users in it, as a test waits for them."""
    users = [{"sub": load.name(number)} for number in range(RESET_USERS)]
    seconds = []
    with _on_sqlite(plan.folder / "reset", "bench.db") as server:
        app = RunningServer(server.url).app("bench-reset")
        for _ in range(RESETS):
            app.seed({"users": users})
            started = time.perf_counter()
            app.reset()
            seconds.append(time.perf_counter() - started)
    p99, middle = quantiles(seconds, n=100)[-1] * 1000, median(seconds) * 1000
    return [
        Row(
            f"reset of an app with {RESET_USERS} users",
            f"median < {RESET_MEDIAN_BAR_MS} ms, p99 < {RESET_P99_BAR_MS} ms",
            f"median {middle:.1f} ms, p99 {p99:.1f} ms",
            middle < RESET_MEDIAN_BAR_MS and p99 < RESET_P99_BAR_MS,
        )
    ]


def _on_sqlite(folder: Path, database: str) -> AbstractContextManager[Server]:
    return running(folder, (*SKYLOGIN, "--database", f"sqlite:///{folder / database}"))


def _in_turns(
    plan: Plan, loads: dict[str, tuple[Server, Path]], path: str = load.LOG_IN
) -> dict[str, list[load.Load]]:
    for what, (server, bodies) in loads.items():
        if path == load.LOG_IN:
            done = load.log_in_each(server.url, bodies)
        else:
            done = load.run(server.url, bodies, load.WARM_UP_SECONDS, path=path).calls
        plan.note(f"{what}: warm after {done:,} calls")
    runs: dict[str, list[load.Load]] = {what: [] for what in loads}
    for number in range(1, plan.rounds + 1):
        for what, (server, bodies) in loads.items():
            run = load.run(server.url, bodies, plan.round_seconds, path=path)
            runs[what].append(run)
            plan.note(f"round {number}, {what}: {run.rate:,.0f}/s, p99 {run.p99 / 1000:.1f} ms")
    return runs


def _rate(runs: list[load.Load]) -> float:
    return median(run.rate for run in runs)


def _ratio(runs: list[load.Load], others: list[load.Load]) -> float:
    return median(run.rate / other.rate for run, other in zip(runs, others, strict=True))
