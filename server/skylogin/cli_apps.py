"""`skylogin apps`: apps besides the one of the environment."""

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

COLUMNS = ("app", "api_key", "master_key")


@app.command("list")
def list_apps(database: cli.Database = None, as_json: cli.AsJson = False) -> None:
    """List the apps below /apps/, with their keys."""
    stored = cli.with_operator(cli.storage_settings(database), apps.list_all)
    cli.print_rows(COLUMNS, [_row(one) for one in stored], as_json=as_json)


@app.command()
def create(
    name: Annotated[str, typer.Argument(help="What stands in its URL: /apps/NAME/.")],
    database: cli.Database = None,
    as_json: cli.AsJson = False,
) -> None:
    """Make an app with keys and a custom token secret of its own; servers have it at once."""
    settings = cli.storage_settings(database)
    made = cli.with_operator(settings, lambda operator: apps.create(operator, name))
    cli.print_rows(COLUMNS, [_row(made)], as_json=as_json)


@app.command("rotate-keys")
def rotate_keys(
    name: Annotated[str, typer.Argument(help="The app.")],
    database: cli.Database = None,
    as_json: cli.AsJson = False,
) -> None:
    """Give an app new keys; the old ones end within a second."""
    settings = cli.storage_settings(database)
    changed = cli.with_operator(settings, lambda operator: apps.rotate_keys(operator, name))
    cli.print_rows(COLUMNS, [_row(changed)], as_json=as_json)


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
    app_name: cli.AppName = "",
    database: cli.Database = None,
) -> None:
    """Write everything an app has into a file, as JSON Lines: users, records, roles, rules.

    Hashes of passwords are in it; keys, secrets and the journal are not.
    """

    with _target(file) as target, cli.progress("Exporting", "rows") as progress:

        async def work(operator: Operator, name: str) -> str:
            await operator.check_app(name)
            number = await transfer.export(operator, name, target, progress)
            return f"{number} rows of {name} are written"

        said = cli.in_app(database, app_name, work)
    print(said, file=sys.stderr)


@contextmanager
def _target(name: str) -> Iterator[BinaryIO]:
    """Give what is the file *name*, or standard output, once it is whole."""
    if name == cli.STANDARD:
        with tempfile.TemporaryFile() as file:
            yield file
            file.seek(0)
            shutil.copyfileobj(file, sys.stdout.buffer)
            sys.stdout.buffer.flush()
        return
    try:
        with cli.whole_file(Path(name)) as file:
            yield file
    except OSError as error:
        cli.fail(f"{name}: {error.strerror}")


@app.command("import")
def load(
    file: Annotated[str, typer.Argument(help="The file, or - for standard input.")],
    replace: Annotated[
        bool, typer.Option("--replace", help="Users and records that are there give way.")
    ] = False,
    app_name: cli.AppName = "",
    database: cli.Database = None,
    as_json: cli.AsJson = False,
) -> None:
    """Write into an app what was exported: all of it, or nothing."""
    with _source(file) as source, cli.progress("Importing", "bytes") as progress:

        async def work(operator: Operator, name: str) -> tuple[str, dict[str, int]]:
            await operator.check_app(name)
            return name, await transfer.load(
                operator, name, source, replace=replace, progress=progress
            )

        name, rows = cli.in_app(database, app_name, work)
    if as_json:
        cli.print_json(rows)
    else:
        said = ", ".join(f"{number} of {table}" for table, number in rows.items())
        print(f"{name} has it: {said or 'nothing'}")


@contextmanager
def _source(name: str) -> Iterator[BinaryIO]:
    if name == cli.STANDARD:
        with tempfile.TemporaryFile() as file:
            shutil.copyfileobj(sys.stdin.buffer, file)
            yield file
        return
    try:
        with Path(name).open("rb") as file:
            yield file
    except OSError as error:
        cli.fail(f"{name}: {error.strerror}")


def _row(stored: StoredApp) -> dict[str, str]:
    return {
        "app": stored.name,
        "api_key": stored.api_key or "as the environment has it",
        "master_key": stored.master_key or "as the environment has it",
    }
