"""`skylogin apps`: the app of the environment, and those below /apps/."""

import shutil
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated, Any, BinaryIO

import typer

from skylogin.cli import output
from skylogin.cli.target import Target, reaching, reaching_all

app = typer.Typer(help="List, create, export and import apps.", no_args_is_help=True)

COLUMNS = ("app", "path", "api_key")
WITH_KEYS = (*COLUMNS, "master_key")
Name = Annotated[str, typer.Argument(help="The app.")]


@app.command("list")
@reaching_all
def list_apps(there: Target, as_json: output.AsJson = False) -> None:
    """List the apps, that of the environment first."""
    output.print_rows(COLUMNS, there.ask("GET", "apps")["apps"], _cells, as_json=as_json)


@app.command()
@reaching_all
def show(there: Target, name: Name, as_json: output.AsJson = False) -> None:
    """Show an app with both of its keys."""
    _print(there.ask("GET", "apps", name), as_json=as_json)


@app.command()
@reaching_all
def create(
    there: Target,
    name: Annotated[str, typer.Argument(help="What stands in its URL: /apps/NAME/.")],
    as_json: output.AsJson = False,
) -> None:
    """Make an app with keys and a custom token secret of its own; servers have it at once."""
    _print(there.ask("POST", "apps", body={"name": name}), as_json=as_json)


@app.command("rotate-keys")
@reaching_all
def rotate_keys(there: Target, name: Name, as_json: output.AsJson = False) -> None:
    """Give an app new keys; the old ones end within a second."""
    _print(there.ask("POST", "apps", name, "rotate-keys"), as_json=as_json)


@app.command()
@reaching_all
def delete(there: Target, name: Name, yes: output.Yes = False) -> None:
    """Delete an app with its users, records, secrets and journal."""
    output.ask(f"Delete {name} with everything in it?", yes=yes)
    there.ask("DELETE", "apps", name)
    print(f"{name} is deleted")


@app.command()
@reaching
def export(
    there: Target,
    file: Annotated[str, typer.Argument(help="The file, or - for standard output.")],
) -> None:
    """Write everything an app has into a file, as JSON Lines: users, records, roles, rules.

    Hashes of passwords are in it; keys, secrets and the journal are not.
    """
    with _target(file) as target:
        number = there.export(target)
    print(f"{number} rows of {there.app} are written", file=sys.stderr)


@contextmanager
def _target(name: str) -> Iterator[BinaryIO]:
    """Give what is the file *name*, or standard output, once it is whole."""
    if name == output.STANDARD:
        with tempfile.TemporaryFile() as file:
            yield file
            file.seek(0)
            shutil.copyfileobj(file, sys.stdout.buffer)
            sys.stdout.buffer.flush()
        return
    try:
        with output.whole_file(Path(name)) as file:
            yield file
    except OSError as error:
        output.fail(f"{name}: {error.strerror}")


@app.command("import")
@reaching
def load(
    there: Target,
    file: Annotated[str, typer.Argument(help="The file, or - for standard input.")],
    replace: Annotated[
        bool, typer.Option("--replace", help="Users and records that are there give way.")
    ] = False,
    as_json: output.AsJson = False,
) -> None:
    """Write into an app what was exported: all of it, or nothing."""
    with _source(file) as source:
        rows = there.load(source, replace=replace)
    if as_json:
        output.print_json(rows)
    else:
        said = ", ".join(f"{number} of {table}" for table, number in rows.items())
        print(f"{there.app} has it: {said or 'nothing'}")


@contextmanager
def _source(name: str) -> Iterator[BinaryIO]:
    if name == output.STANDARD:
        with tempfile.TemporaryFile() as file:
            shutil.copyfileobj(sys.stdin.buffer, file)
            yield file
        return
    try:
        with Path(name).open("rb") as file:
            yield file
    except OSError as error:
        output.fail(f"{name}: {error.strerror}")


def _print(stored: Any, *, as_json: bool) -> None:
    if as_json:
        output.print_json(stored)
    else:
        output.print_table(WITH_KEYS, [{**_cells(stored), "master_key": stored["master_key"]}])


def _cells(stored: Any) -> dict[str, str]:
    return {"app": stored["name"], "path": stored["path"], "api_key": stored["api_key"]}
