"""`skylogin import-skygear` and `export-skygear`: moving from a Skygear server, and back."""

import dataclasses
from collections.abc import Mapping
from typing import Annotated, Any

import typer

from skylogin.cli import environment, output
from skylogin.cli.command import AppName
from skylogin.cli.database_target import DatabaseTarget, check_version
from skylogin.config import Settings
from skylogin.database import Store
from skylogin.domain import database_url
from skylogin.domain.importing import KINDS
from skylogin.operations import skygear_export, skygear_import
from skylogin.operations.operator import Operator
from skylogin.operations.skygear_import import UnclearError, Wanted

NUMBERS = ("there", "new", "changed", "same", "removed", "not imported")
Source = Annotated[
    str,
    typer.Option(
        "--from",
        metavar="URL",
        help="The URL of the Skygear database, such as postgresql://reader@old/skygear.",
    ),
]
SkygearApp = Annotated[
    str,
    typer.Option(
        "--app-name", metavar="NAME", help="The old server's APP_NAME; default: APP_NAME."
    ),
]


class ImportTarget(DatabaseTarget):
    """The database that an import writes to. An empty one gets its tables, unless it *is_dry*."""

    def __init__(self, settings: Settings, *, is_dry: bool) -> None:
        super().__init__(settings)
        self.is_dry = is_dry
        self.is_empty = False

    def exists(self) -> bool:
        """Return true: a missing database is created, or counts as empty."""
        if self.path is not None and not self.is_dry:
            self.path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        return True

    async def _check(self, store: Store) -> None:
        is_missing = self.path is not None and not self.path.is_file()
        # Asking for the version would create the file.
        version = None if is_missing and self.is_dry else await store.version()
        self.is_empty = version is None
        if version is not None:
            check_version(version)
        elif not self.is_dry:
            await store.create()


def import_skygear(  # noqa: PLR0913, PLR0917
    source: Source,
    app_name: SkygearApp = "",
    into: Annotated[
        str, typer.Option(metavar="APP", help="The app to import into; default: the default app.")
    ] = "",
    database: environment.Database = None,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Write nothing, only report what would be imported.")
    ] = False,
    skip: Annotated[
        list[str] | None,
        typer.Option(
            metavar="KIND",
            help=f"Import although something is unclear: {', '.join(KINDS)}. Can be repeated.",
        ),
    ] = None,
    as_json: output.AsJson = False,
) -> None:
    """Import the users, records and rules of an app from the database of a Skygear server.

    The Skygear database is only read. Repeat the command to import later changes.
    """
    # Both `--skip a --skip b` and `--skip a,b`.
    kinds = [kind for part in skip or () for kind in part.split(",")]
    skygear_import.check_kinds(kinds)
    settings = environment.storage_settings(database)
    app = app_name or settings.app_name
    wanted = Wanted(app, into or settings.app_name, kinds, is_dry=dry_run)
    try:
        with ImportTarget(settings, is_dry=dry_run) as target:
            report = _import(target, _checked(source), wanted).body()
    except UnclearError as error:
        _print_report(error.report.body(), as_json=as_json)
        raise
    _print_report(report, as_json=as_json)


def export_skygear(  # noqa: PLR0913, PLR0917
    file: Annotated[str, typer.Argument(help="The SQL file to write, or - for standard output.")],
    app: AppName = "",
    app_name: SkygearApp = "",
    database: environment.Database = None,
    replace: Annotated[
        bool,
        typer.Option("--replace", help="Make the SQL replace all users and records."),
    ] = False,
    as_json: output.AsJson = False,
) -> None:
    """Export an app as SQL for the database of a Skygear server.

    Run the SQL with psql. It creates missing tables and loads all data in one transaction.
    """
    settings = environment.storage_settings(database)
    name = app or settings.app_name

    async def export(operator: Operator) -> int:
        await operator.check_app(name)
        with output.progress("Exporting", "rows") as progress:
            return await skygear_export.export(
                operator, name, app_name or name, stream, replaces=replace, progress=progress
            )

    with DatabaseTarget(settings) as target, output.output_file(file) as stream:
        number = target.run(export)
    value, text = {"app": name, "rows": number}, output.count(number, "row")
    output.print_exported(file, value, f"{text} of {name}", as_json=as_json)


def _checked(url: str) -> str:
    if not url.startswith(database_url.POSTGRESQL_PREFIXES):
        output.fail("--from has to begin with postgres:// or postgresql://")
    try:
        database_url.check(url)
    except ValueError as error:
        output.fail(f"the URL of --from {error}")
    return url


def _import(target: ImportTarget, url: str, wanted: Wanted) -> Any:
    async def load(operator: Operator) -> Any:
        source = Store(url)
        try:
            with output.progress("Importing", "rows") as progress:
                now = dataclasses.replace(wanted, is_empty=target.is_empty)
                return await skygear_import.load(operator, source, now, progress)
        finally:
            await source.close()

    return target.run(load)


def _print_report(report: Mapping[str, Any], *, as_json: bool) -> None:
    if as_json:
        output.print_json(report)
        return
    does = "would be imported" if report["dry_run"] else "was imported"
    output.say(f"what {does} from {report['app_name']} into {report['into']}:")
    output.print_table([_cells(name, row) for name, row in report["rows"].items()])
    for name, number in report["records"].items():
        output.say(f"  {output.count(number, 'record')} of type {name}")
    for name, number in report["logins"].items():
        output.say(f"  {output.count(number, 'user')} by {name.replace('_', ' ')}")
    for one in report["unclear"]:
        output.say(f"unclear ({one['kind']}): {one['number']:,} {one['what']}")
        output.say(*(f"  {example}" for example in one["examples"]))
        output.say(f"  --skip {one['kind']} {one['skip']}")
    for one in report["stays"]:
        output.say(f"not imported: {one['number']:,} {one['what']}")
    output.say(*(f"note: {note}" for note in report["notes"]))


def _cells(name: str, row: Mapping[str, int]) -> dict[str, str]:
    outcomes = {kind: number for kind, number in row.items() if kind not in ("there", "removed")}
    # A row that cannot be stored here has no outcome.
    left = row.get("there", 0) - sum(outcomes.values())
    left += sum(outcomes.get(kind, 0) for kind in ("taken", "newer-here", "left"))
    numbers = {**row, "not imported": left}
    cells = {column: f"{numbers.get(column, 0):,}" for column in NUMBERS}
    return {"rows": name.replace("_", " "), **cells}
