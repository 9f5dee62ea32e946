"""`skylogin overview`, `settings`, `audit` and `doctor`."""

from collections import Counter
from typing import Annotated, Any, Literal, NamedTuple

import typer

from skylogin.admin.overview import settings_body
from skylogin.cli import environment, output
from skylogin.cli.command import with_app_target, with_target
from skylogin.cli.database_target import DatabaseTarget
from skylogin.cli.target import Target, TargetError
from skylogin.client.errors import AdminError
from skylogin.config import DEV, SERVE, ConfigurationError, Settings

SETTING_COLUMNS = ("variable", "value", "is_default", "about")
ACT_COLUMNS = ("at", "act", "target", "via", "address", "details")
FINDING_COLUMNS = ("kind", "about", "text")
# The JSON output calls a problem a fault.
PROBLEM, WARNING, FINE = "fault", "warning", "fine"

Mode = Annotated[
    Literal["dev", "serve"] | None,
    typer.Option(
        help="The command whose settings to use; default: `serve` if a database URL is set."
    ),
]


@with_app_target
def overview(target: Target, as_json: output.AsJson = False) -> None:
    """Show an app's logins in the last hour and day, its users and warnings."""
    seen = target.get("overview")
    if as_json:
        output.print_json(seen)
        return
    facts = [("app", target.app)]
    facts += [(f"last {name}", _summary(seen[name]["points"])) for name in ("hour", "day")]
    facts += [("users", f"{seen['users']:,}"), ("login attempts", f"{seen['attempts']:,}")]
    facts.append(("database", f"{seen['database']}, schema {seen['schema_version']}"))
    facts.append(("version", seen["version"]))
    output.print_facts(facts + [(WARNING, text) for text in seen["warnings"]])


def _summary(points: list[Any]) -> str:
    """Return how many logins were accepted and refused, by reason."""
    refused: Counter[str] = Counter()
    for point in points:
        refused.update(point["refused"])
    text = f"{sum(point['accepted'] for point in points):,} accepted, {refused.total():,} refused"
    reasons = ", ".join(f"{reason} {number:,}" for reason, number in refused.most_common())
    return f"{text}: {reasons}" if reasons else text


@with_target
def settings(target: Target, mode: Mode = None, as_json: output.AsJson = False) -> None:
    """Show the settings of the environment or of a server, with secrets masked."""
    if isinstance(target, DatabaseTarget):
        shown: Any = settings_body(_read_settings(target, mode))
    else:
        shown = target.ask("GET", "settings")
    if as_json:
        output.print_json(shown)
        return
    output.print_table(SETTING_COLUMNS, [_setting_cells(row) for row in shown["settings"]])
    output.print_warnings(shown["warnings"])


def _setting_cells(row: Any) -> dict[str, str]:
    return {name: output.as_cell(row[name]) for name in SETTING_COLUMNS}


def _read_settings(target: DatabaseTarget, mode: str | None) -> Settings:
    """Return the settings that a server would read here. Raises ConfigurationError."""
    url = target.settings.database_url
    return environment.read_settings(mode or (SERVE if url else DEV), url)


@with_app_target
def audit(
    target: Target,
    on_apps: Annotated[
        bool, typer.Option("--on-apps", help="Show acts on whole apps instead.")
    ] = False,
    limit: Annotated[int, typer.Option(help="The maximum number of lines.", min=1)] = 20,
    as_json: output.AsJson = False,
) -> None:
    """Show an app's audit log, the newest entry last."""
    parts = ("audit",) if on_apps else ("apps", target.app, "audit")
    rows = target.rows(*parts, limit=limit)[::-1]
    output.print_rows(ACT_COLUMNS, rows, _act_cells, as_json=as_json, nothing="No audit entries.")


def _act_cells(act: Any) -> dict[str, str]:
    return {
        "at": act["at"],
        "act": act["name"],
        "target": act["target"],
        "via": act["via"],
        "address": act["address"],
        "details": output.as_cell(act["details"]) if act["details"] else "",
    }


# --- doctor ------------------------------------------------------------------------


class Finding(NamedTuple):
    """The result of a check. A problem prevents a server from running; a warning does not."""

    kind: str
    about: str
    text: str


@with_target
def doctor(target: Target, mode: Mode = None, as_json: output.AsJson = False) -> None:
    """Check the settings, database and secrets, here or on a running server.

    Exits with 1 if a problem prevents a server from running.
    """
    findings = _findings(target, mode)
    rows = [one._asdict() for one in findings]
    output.print_rows(FINDING_COLUMNS, rows, _finding_cells, as_json=as_json)
    if any(one.kind == PROBLEM for one in findings):
        raise SystemExit(1)


def _finding_cells(finding: Any) -> dict[str, str]:
    return {**finding, "kind": "problem"} if finding["kind"] == PROBLEM else finding


def _findings(target: Target, mode: str | None) -> list[Finding]:
    if not isinstance(target, DatabaseTarget):
        return _check_apps(target, "server")
    try:
        settings = _read_settings(target, mode)
    except ConfigurationError as error:
        return [Finding(PROBLEM, "settings", text) for text in error.problems]
    fine = Finding(FINE, "settings", f"`skylogin {settings.mode}` can start with them")
    with DatabaseTarget(settings) as database:
        return [fine, *_check_apps(database, "database")]


def _check_apps(target: Target, about: str) -> list[Finding]:
    warnings: dict[str, Finding] = {}
    try:
        names = [app["name"] for app in target.ask("GET", "apps")["apps"]]
        for name in names:
            seen = target.ask("GET", "apps", name, "overview")
            # Warnings about settings are the same for every app.
            for text in seen["warnings"]:
                warnings.setdefault(text, Finding(WARNING, name, text))
    except (AdminError, TargetError) as error:
        return [Finding(PROBLEM, about, getattr(error, "detail", str(error)))]
    text = f"{seen['database']}, schema {seen['schema_version']}, skylogin {seen['version']}"
    return [Finding(FINE, about, text), *warnings.values()]
