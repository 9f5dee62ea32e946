"""`skylogin overview`, `settings` and `audit`."""

from collections import Counter
from typing import Annotated, Any, Literal

import typer

from skylogin.admin.overview import settings_body
from skylogin.cli import environment, output
from skylogin.cli.command import with_app_target, with_target
from skylogin.cli.database_target import DatabaseTarget
from skylogin.cli.target import Target
from skylogin.config import DEV, SERVE, Settings

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
    output.print_facts(facts + [("warning", text) for text in seen["warnings"]])


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
        shown: Any = settings_body(read_settings(target, mode))
    else:
        shown = target.ask("GET", "settings")
    if as_json:
        output.print_json(shown)
        return
    cells = [{name: output.as_cell(row[name]) for name in row} for row in shown["settings"]]
    output.print_table(cells)
    output.print_warnings(shown["warnings"])


def read_settings(target: DatabaseTarget, mode: str | None) -> Settings:
    """Return the settings that a server would read here. Raises ConfigurationError."""
    mode = mode or (SERVE if target.settings.database_url else DEV)
    return environment.read_settings(mode, target.given_database)


@with_app_target
def audit(
    target: Target,
    on_apps: Annotated[
        bool, typer.Option("--on-apps", help="Show acts on apps and in the portal instead.")
    ] = False,
    limit: Annotated[int, typer.Option(help="The maximum number of entries.", min=1)] = 20,
    as_json: output.AsJson = False,
) -> None:
    """Show an app's audit log, the newest entry last."""
    parts = ("audit",) if on_apps else ("apps", target.app, "audit")
    rows = target.rows(*parts, limit=limit)[::-1]
    output.print_rows(rows, _act_cells, as_json=as_json, nothing="No audit entries.")


def _act_cells(act: Any) -> dict[str, str]:
    return {
        "at": act["at"],
        "act": act["name"],
        "target": act["target"],
        "via": act["via"],
        "address": act["address"],
        "details": output.as_cell(act["details"]) if act["details"] else "",
    }
