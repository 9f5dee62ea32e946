"""Imports from the original: which run or ran, and what the latest one asks of the operator."""

from datetime import datetime, timedelta

from skylogin.config.settings import ALL
from skylogin.domain.stored_names import CUSTOM_TOKEN
from skylogin.operations.operator import Operator
from skylogin.store import imports
from skylogin.store.imports import ImportRun
from skylogin.tokens.custom_token import DOCUMENTED

RUNNING, FINISHED, STOPPED = "running", "finished", "stopped"
RUNS_SHOWN = 20
# A running import reports its progress with every batch, which takes seconds.
SILENCE_MAX = timedelta(minutes=1)


async def list_runs(operator: Operator, app: str) -> list[ImportRun]:
    """Return the latest imports into *app*, newest first."""
    return await operator.store.run(lambda tx: imports.load_runs(tx, app, RUNS_SHOWN), write=False)


def state_of(run: ImportRun, now: datetime) -> str:
    """Return whether at *now* an import is running, has finished, or was stopped before its end."""
    if run.finished_at is not None:
        return FINISHED
    return RUNNING if now - run.updated_at < SILENCE_MAX else STOPPED


async def warnings(operator: Operator, app: str) -> list[str]:
    """Return what keeps users of the latest import into *app* from logging in."""
    runs = await operator.store.run(lambda tx: imports.load_runs(tx, app, 1), write=False)
    return [text for run in runs for text in _warnings(operator, run)]


def _warnings(operator: Operator, run: ImportRun) -> list[str]:
    settings, report, found = operator.settings, run.report or {}, []
    if run.finished_at is None:
        found.append(f"the import from {run.origin} has not finished: run it again")
    if report.get("needs_all_logins") and settings.logins != ALL:
        ways = [name for name, number in report["logins"].items() if number]
        found.append(
            f"SKYLOGIN_LOGINS={settings.logins} keeps imported users from logging in "
            f"({', '.join(ways[1:] if ways[0] == CUSTOM_TOKEN else ways)}): set it to {ALL}"
        )
    long_subjects = report.get("long_subjects")
    if long_subjects and settings.contract == DOCUMENTED:
        found.append(
            f"SKYLOGIN_CONTRACT=documented keeps {long_subjects:,} imported users from logging in: "
            "their subjects are longer than 36 characters"
        )
    return found
