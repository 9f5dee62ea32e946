"""`skylogin apps`: apps besides the one of the environment."""

import os
import shutil
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated, BinaryIO

import typer

from skylogin import cli
from skylogin.operations import apps, transfer
from skylogin.operations.operator import Operator
from skylogin.store.apps import StoredApp

app = typer.Typer(help="List, create, export and import apps.", no_args_is_help=True)

AsJson = Annotated[bool, typer.Option("--json", help="Print JSON.")]
COLUMNS = ("app", "api_key", "master_key")
AppName = Annotated[
    str, typer.Option("--app", help="An app below /apps/; else the one of the environment.")
]
STANDARD = "-"


@app.command("list")
def list_apps(database: cli.Database = None, as_json: AsJson = False) -> None:
    """List the apps below /apps/, with their keys."""
    stored = cli.with_operator(cli.storage_settings(database), apps.list_all)
    _print([_row(one) for one in stored], as_json=as_json)


@app.command()
def create(
    name: Annotated[str, typer.Argument(help="What stands in its URL: /apps/NAME/.")],
    database: cli.Database = None,
    as_json: AsJson = False,
) -> None:
    """Make an app with keys and a custom token secret of its own; servers have it at once."""
    settings = cli.storage_settings(database)
    made = cli.with_operator(settings, lambda operator: apps.create(operator, name))
    _print([_row(made)], as_json=as_json)


@app.command("rotate-keys")
def rotate_keys(
    name: Annotated[str, typer.Argument(help="The app.")],
    database: cli.Database = None,
    as_json: AsJson = False,
) -> None:
    """Give an app new keys; the old ones end within a second."""
    settings = cli.storage_settings(database)
    changed = cli.with_operator(settings, lambda operator: apps.rotate_keys(operator, name))
    _print([_row(changed)], as_json=as_json)


@app.command()
def delete(
    name: Annotated[str, typer.Argument(help="The app.")],
    database: cli.Database = None,
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask.")] = False,
) -> None:
    """Delete an app with its users, records, secrets and journal."""
    settings = cli.storage_settings(database)
    cli.ask(f"Delete {name} with everything in it?", yes=yes)
    cli.with_operator(settings, lambda operator: apps.delete(operator, name))
    print(f"{name} is deleted")


@app.command()
def export(
    file: Annotated[str, typer.Argument(help="The file, or - for standard output.")],
    app_name: AppName = "",
    database: cli.Database = None,
) -> None:
    """Write everything an app has into a file, as JSON Lines: users, records, roles, rules.

    Hashes of passwords are in it; keys, secrets and the journal are not.
    """
    settings = cli.storage_settings(database)
    name = app_name or settings.app_name
    with _whole_file(file) as target, cli.progress("Exporting", "rows") as progress:

        async def work(operator: Operator) -> int:
            await operator.check_app(name)
            return await transfer.export(operator, name, target, progress)

        number = cli.with_operator(settings, work)
    print(f"{number} rows of {name} are written", file=sys.stderr)


@contextmanager
def _whole_file(name: str) -> Iterator[BinaryIO]:
    """Give a file that is what *name* names once it is whole: what was there stays until then."""
    if name == STANDARD:
        with tempfile.TemporaryFile() as file:
            yield file
            file.seek(0)
            shutil.copyfileobj(file, sys.stdout.buffer)
            sys.stdout.buffer.flush()
        return
    path = Path(name)
    try:
        # Only the owner reads it.
        descriptor, temporary = tempfile.mkstemp(prefix=f".{path.name}.", dir=path.parent)
    except OSError as error:
        cli.fail(f"{name}: {error.strerror}")
    try:
        with os.fdopen(descriptor, "wb") as file:
            yield file
            file.flush()
            os.fsync(file.fileno())
        Path(temporary).replace(path)
    except BaseException:
        Path(temporary).unlink(missing_ok=True)
        raise


@app.command("import")
def load(
    file: Annotated[str, typer.Argument(help="The file, or - for standard input.")],
    replace: Annotated[
        bool, typer.Option("--replace", help="Users and records that are there give way.")
    ] = False,
    app_name: AppName = "",
    database: cli.Database = None,
    as_json: AsJson = False,
) -> None:
    """Write into an app what was exported: all of it, or nothing."""
    settings = cli.storage_settings(database)
    name = app_name or settings.app_name
    with _source(file) as source, cli.progress("Importing", "bytes") as progress:

        async def work(operator: Operator) -> transfer.Imported:
            await operator.check_app(name)
            return await transfer.load(operator, name, source, replace=replace, progress=progress)

        imported = cli.with_operator(settings, work)
    if as_json:
        cli.print_json(imported.rows)
    else:
        said = ", ".join(f"{number} of {table}" for table, number in imported.rows.items())
        print(f"{name} has it: {said or 'nothing'}")


@contextmanager
def _source(name: str) -> Iterator[BinaryIO]:
    if name == STANDARD:
        with tempfile.TemporaryFile() as file:
            shutil.copyfileobj(sys.stdin.buffer, file)
            yield file
        return
    try:
        with Path(name).open("rb") as file:
            yield file
    except OSError as error:
        cli.fail(f"{name}: {error.strerror}")


def _print(rows: list[dict[str, str]], *, as_json: bool) -> None:
    if as_json:
        cli.print_json(rows)
    else:
        cli.print_table(COLUMNS, rows)


def _row(stored: StoredApp) -> dict[str, str]:
    return {
        "app": stored.name,
        "api_key": stored.api_key or "as the environment has it",
        "master_key": stored.master_key or "as the environment has it",
    }
