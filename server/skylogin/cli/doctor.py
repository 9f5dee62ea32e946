"""`skylogin doctor`: what keeps a server from running, and what needs attention."""

import asyncio
import functools
from typing import Any, NamedTuple

from skylogin import config
from skylogin.apps import token_stores
from skylogin.cli import advice, output
from skylogin.cli.command import with_target
from skylogin.cli.database_target import DatabaseTarget
from skylogin.cli.environment import environment_of, file_warnings
from skylogin.cli.overview import Mode, read_settings
from skylogin.cli.target import Target, TargetError
from skylogin.client import readiness
from skylogin.client.errors import AdminError
from skylogin.config import SERVE, ConfigurationError, Settings
from skylogin.database import server_facts
from skylogin.domain.stored_names import EVERY_APP
from skylogin.operations.operator import Operator
from skylogin.store import apps
from skylogin.web import listening, tls

# The JSON output calls a problem a fault.
PROBLEM, WARNING, FINE = "fault", "warning", "fine"
READY_SECONDS_MAX = 5.0


class Finding(NamedTuple):
    """The result of a check. A problem prevents a server from running; a warning does not."""

    kind: str
    about: str
    text: str


@with_target
def doctor(target: Target, mode: Mode = None, as_json: output.AsJson = False) -> None:
    """Check the settings, database, token store and secrets, here or on a running server.

    Exits with 1 if a problem prevents a server from running.
    """
    findings = _findings(target, mode)
    output.print_rows([one._asdict() for one in findings], _cells, as_json=as_json)
    if any(one.kind == PROBLEM for one in findings):
        raise SystemExit(1)


def _cells(finding: Any) -> dict[str, str]:
    return {**finding, "kind": "problem"} if finding["kind"] == PROBLEM else finding


def _findings(target: Target, mode: str | None) -> list[Finding]:
    if not isinstance(target, DatabaseTarget):
        found = _check_apps(target, "server")
        return [*_advise_running(target), *found, *_check_readiness(target)]
    try:
        settings = read_settings(target, mode)
    except ConfigurationError as error:
        return [Finding(PROBLEM, "settings", text) for text in error.problems]
    notes = [Finding(FINE, "settings", text) for text in config.notes(settings)]
    warnings = [Finding(WARNING, "settings", text) for text in settings.warnings]
    with DatabaseTarget(settings) as database:
        known = frozenset(settings.warnings)
        in_database = _check_apps(database, "database", known)
        if settings.mode == SERVE:
            warnings += _advise(settings)
            if in_database[0].kind == FINE:
                warnings += _advise_on_database(database)
    files = file_warnings(environment_of(settings.mode))
    warnings += [Finding(WARNING, "files", text) for text in files]
    return [*_check_start(settings), *notes, *warnings, *_check_token_store(settings), *in_database]


def _check_start(settings: Settings) -> list[Finding]:
    problems = list(filter(None, [listening.reach_problem(settings)]))
    try:
        tls.certificate_of(settings)
    except ConfigurationError as error:
        problems += error.problems
    fine = Finding(FINE, "settings", f"`skylogin {settings.mode}` can start with them")
    return [Finding(PROBLEM, "settings", text) for text in problems] or [fine]


def _advise(settings: Settings) -> list[Finding]:
    values = {row.variable: row.value for row in config.in_force(settings)}
    found = [*advice.on_values(values), *advice.on_settings(settings)]
    return [Finding(WARNING, "settings", text) for text in found]


def _advise_running(target: Target) -> list[Finding]:
    """Advise on the settings of a running server. Other checks report a target that fails."""
    try:
        shown = target.ask("GET", "settings")
    except (AdminError, TargetError):
        return []
    if shown["mode"] != SERVE:
        return []
    values = {row["variable"]: row["value"] for row in shown["settings"]}
    return [Finding(WARNING, "settings", text) for text in advice.on_values(values)]


def _advise_on_database(database: DatabaseTarget) -> list[Finding]:
    async def find(operator: Operator) -> list[str]:
        store = operator.store
        if store.dialect == "postgresql":
            facts = await store.run(server_facts.load, write=False)
            return list(advice.on_postgresql(facts))
        read = functools.partial(apps.read_setting, app=EVERY_APP, name=apps.LAST_BACKUP_AT)
        at = await store.run(read, write=False)
        return list(advice.on_backup(at, operator.server_now()))

    return [Finding(WARNING, "database", text) for text in database.run(find)]


def _check_readiness(target: Target) -> list[Finding]:
    problem = readiness.find_problem(target.name, READY_SECONDS_MAX)
    return [Finding(PROBLEM, "readiness", problem)] if problem else []


def _check_token_store(settings: Settings) -> list[Finding]:
    if settings.token_store == "jwt":
        return []
    problem = asyncio.run(token_stores.find_problem(settings))
    if problem:
        return [Finding(PROBLEM, "token store", problem)]
    return [Finding(FINE, "token store", f"`{settings.token_store}` can store access tokens")]


def _check_apps(target: Target, about: str, known: frozenset[str] = frozenset()) -> list[Finding]:
    """Check a database or a server, and its apps. Warnings in *known* are left out."""
    warnings: dict[str, Finding] = {}
    try:
        names = [app["name"] for app in target.ask("GET", "apps")["apps"]]
        for name in names:
            seen = target.ask("GET", "apps", name, "overview")
            # Warnings about settings are the same for every app.
            for text in (*seen["warnings"], *advice.on_logins(seen)):
                warnings.setdefault(text, Finding(WARNING, name, text))
        if isinstance(target, DatabaseTarget):
            target.run(
                lambda operator: operator.store.run(
                    lambda tx: apps.try_writing(tx, operator.server_now())
                )
            )
    except (AdminError, TargetError) as error:
        return [Finding(PROBLEM, about, getattr(error, "detail", str(error)))]
    text = f"{seen['database']}, schema {seen['schema_version']}, skylogin {seen['version']}"
    others = [one for one in warnings.values() if one.text not in known]
    return [Finding(FINE, about, text), *others]
