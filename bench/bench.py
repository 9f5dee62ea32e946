"""Measures skylogin against the bars it sets itself, side by side with what they are relative to.

    make bench                                  everything but what takes long
    make bench BASE=v1.2                        beside another earlier revision
    .venv/bin/python bench/bench.py --all       the million users too
    .venv/bin/python bench/bench.py --quick --only sqlite

Ends with 1 when a figure is below its bar and with 2 when one could not be taken. Needs wrk,
and Linux for the memory.
The database lies in a temporary directory: set TMPDIR to measure another disk.
"""

import argparse
import json
import os
import platform
import shutil
import signal
import subprocess
import sys
import tempfile
from collections.abc import Callable
from dataclasses import asdict
from functools import partial
from pathlib import Path

import earlier
import figures
from servers import Failed

FIGURES: dict[str, Callable[[figures.Plan], list[figures.Row]]] = {
    "sqlite": partial(figures.logins, databases=("sqlite",)),
    "postgresql": partial(figures.logins, databases=("postgresql",)),
    "logins": partial(figures.logins, databases=("sqlite", "postgresql")),
    "me": figures.me,
    "start": figures.start,
    "memory": figures.memory,
    "stored": figures.stored,
    "reset": figures.reset,
}
USUAL = ("logins", "me", "start", "memory", "reset")
ROUNDS = 5
ROUND_SECONDS, ROUND_SECONDS_QUICK = 6, 2
VERDICTS = {True: "ok", False: "below", None: "-"}


def main() -> int:
    options = _options()
    # Leaving through the blocks that are open stops the servers.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(2))
    if shutil.which("wrk") is None:
        print("bench: wrk is not installed (Debian: apt install wrk)", file=sys.stderr)
        return 2
    wanted = [options.only] if options.only else [*USUAL, *(["stored"] if options.all else [])]
    seconds = ROUND_SECONDS_QUICK if options.quick else ROUND_SECONDS
    rows, failed = [], False
    with tempfile.TemporaryDirectory(prefix="skylogin-bench-") as folder:
        machine = _machine(folder)
        _note(machine)
        for figure in wanted:
            plan = figures.Plan(Path(folder) / figure, seconds, ROUNDS, options.revision, _note)
            plan.folder.mkdir()
            try:
                rows += FIGURES[figure](plan)
            except Failed as failure:
                failed = True
                print(f"bench: {figure} could not be measured: {failure}", file=sys.stderr)
                rows.append(figures.Row(figure, "", "could not be measured", None))
    print(_table(rows))
    if options.json:
        report = {"machine": machine, "rows": [asdict(row) for row in rows]}
        options.json.write_text(json.dumps(report, indent=2) + "\n")
    if failed:
        return 2
    return 1 if any(row.met is False for row in rows) else 0


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--quick", action="store_true", help="rounds of 2 seconds instead of 6")
    parser.add_argument("--all", action="store_true", help="also with a million users stored")
    parser.add_argument("--only", choices=sorted(FIGURES), help="just this one")
    parser.add_argument("--revision", default=earlier.REVISION, help="the earlier one to compare")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the table there as well")
    return parser.parse_args()


def _machine(folder: str) -> str:
    # A database in memory would make every write look fast.
    kind = subprocess.run(
        ["stat", "-f", "-c", "%T", folder], capture_output=True, text=True, check=False
    ).stdout.strip()
    return (
        f"{os.cpu_count()} processors, Python {platform.python_version()}, "
        f"files on {kind or 'an unknown file system'}"
    )


def _note(text: str) -> None:
    print(f"  {text}", file=sys.stderr, flush=True)


def _table(rows: list[figures.Row]) -> str:
    lines = [("figure", "bar", "measured", "")]
    lines += [(row.figure, row.bar, row.measured, VERDICTS[row.met]) for row in rows]
    widths = [max(len(cell) for cell in column) for column in zip(*lines, strict=True)]
    return "\n".join(
        "  ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)).rstrip()
        for line in lines
    )


if __name__ == "__main__":
    sys.exit(main())
