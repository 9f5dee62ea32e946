"""What goes on: `skylogin overview`, `settings`, `audit` and `doctor`."""

from collections import Counter
from dataclasses import dataclass
from typing import Annotated, Any, Literal

import typer

from skylogin.admin import routes
from skylogin.cli import environment, output
from skylogin.cli.target import DatabaseTarget, Target, TargetError, reaching, reaching_all
from skylogin.client.errors import AdminError
from skylogin.config import DEV, SERVE, ConfigurationError, Settings

SETTING_COLUMNS = ("variable", "value", "is_default", "about")
ACT_COLUMNS = ("at", "act", "target", "via", "address", "details")
FINDING_COLUMNS = ("kind", "about", "text")
FAULT, WARNING, FINE = "fault", "warning", "fine"

Mode = Annotated[
    Literal["dev", "serve"] | None,
    typer.Option(
        help="By which command the environment is read; `serve` where it names a database."
    ),
]


@reaching
def overview(there: Target, as_json: output.AsJson = False) -> None:
    """Show what goes on in an app: logins of the last hour and day, users, warnings."""
    seen = there.get("overview")
    if as_json:
        output.print_json(seen)
        return
    facts = [("app", there.app)]
    facts += [(f"last {name}", _in_words(seen[name]["points"])) for name in ("hour", "day")]
    facts += [("users", f"{seen['users']:,}"), ("attempts kept", f"{seen['attempts']:,}")]
    facts.append(("database", f"{seen['database']}, schema {seen['schema_version']}"))
    facts.append(("version", seen["version"]))
    output.print_facts(facts + [(WARNING, text) for text in seen["warnings"]])


def _in_words(points: list[Any]) -> str:
    """Return how many logins were accepted and refused, by reason."""
    refused: Counter[str] = Counter()
    for point in points:
        refused.update(point["refused"])
    text = f"{sum(point['accepted'] for point in points):,} accepted, {refused.total():,} refused"
    reasons = ", ".join(f"{reason} {number:,}" for reason, number in refused.most_common())
    return f"{text}: {reasons}" if reasons else text


@reaching_all
def settings(there: Target, mode: Mode = None, as_json: output.AsJson = False) -> None:
    """Show the settings that are in force, secrets masked: the environment's, or a server's."""
    if isinstance(there, DatabaseTarget):
        shown: Any = routes.settings_body(_read(there, mode))
    else:
        shown = there.ask("GET", "settings")
    if as_json:
        output.print_json(shown)
        return
    output.print_table(SETTING_COLUMNS, [_setting(row) for row in shown["settings"]])
    output.print_warnings(shown["warnings"])


def _setting(row: Any) -> dict[str, str]:
    return {name: output.as_cell(row[name]) for name in SETTING_COLUMNS}


def _read(there: DatabaseTarget, mode: str | None) -> Settings:
    """Return the settings as a server would read them here. Raises ConfigurationError."""
    url = there.settings.database_url
    return environment.read_settings(mode or (SERVE if url else DEV), url)


@reaching
def audit(
    there: Target,
    on_apps: Annotated[
        bool, typer.Option("--on-apps", help="What was done to apps: made, deleted, new keys.")
    ] = False,
    limit: Annotated[int, typer.Option(help="How many at most.", min=1)] = 20,
    as_json: output.AsJson = False,
) -> None:
    """List what operators did to an app, the newest last."""
    parts = ("audit",) if on_apps else ("apps", there.app, "audit")
    output.print_rows(ACT_COLUMNS, there.rows(*parts, most=limit)[::-1], _act, as_json=as_json)


def _act(act: Any) -> dict[str, str]:
    return {
        "at": act["at"],
        "act": act["name"],
        "target": act["target"],
        "via": act["via"],
        "address": act["address"],
        "details": output.as_cell(act["details"]) if act["details"] else "",
    }


# --- doctor ------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Finding:
    """Something that was looked at: a fault keeps a server from running."""

    kind: str
    about: str
    text: str


@reaching_all
def doctor(there: Target, mode: Mode = None, as_json: output.AsJson = False) -> None:
    """Look through settings, database and secrets, of here or of a server that runs.

    Exits with 1 where something keeps a server from running; a warning does not.
    """
    found = _look(there, mode)
    rows = [{"kind": one.kind, "about": one.about, "text": one.text} for one in found]
    output.print_rows(FINDING_COLUMNS, rows, dict, as_json=as_json)
    if any(one.kind == FAULT for one in found):
        raise SystemExit(1)


def _look(there: Target, mode: str | None) -> list[Finding]:
    if not isinstance(there, DatabaseTarget):
        return _look_at_apps(there)
    try:
        read = _read(there, mode)
    except ConfigurationError as error:
        return [Finding(FAULT, "settings", problem) for problem in error.problems]
    found = [Finding(FINE, "settings", f"`skylogin {read.mode}` starts with them")]
    with DatabaseTarget(read) as database:
        return found + _look_at_apps(database)


def _look_at_apps(there: Target) -> list[Finding]:
    about = "database" if isinstance(there, DatabaseTarget) else "server"
    found: dict[str, Finding] = {}
    try:
        names = [app["name"] for app in there.ask("GET", "apps")["apps"]]
        for name in names:
            seen = there.ask("GET", "apps", name, "overview")
            # Those of the settings are the same for every app.
            for text in seen["warnings"]:
                found.setdefault(text, Finding(WARNING, name, text))
    except (AdminError, TargetError) as error:
        return [Finding(FAULT, about, getattr(error, "detail", str(error)))]
    text = f"{seen['database']}, schema {seen['schema_version']}, skylogin {seen['version']}"
    return [Finding(FINE, about, text), *found.values()]
