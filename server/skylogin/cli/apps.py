"""`skylogin apps`: the default app, and the apps at /apps/NAME/."""

import shutil
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated, Any, BinaryIO

import typer

from skylogin.cli import output
from skylogin.cli.command import with_app_target, with_target
from skylogin.cli.target import Target

app = typer.Typer(help="List, create, export and import apps.", no_args_is_help=True)

Name = Annotated[str, typer.Argument(help="The name of the app.")]


@app.command("list")
@with_target
def list_apps(target: Target, as_json: output.AsJson = False) -> None:
    """List the apps, the default app first."""
    apps = target.ask("GET", "apps")["apps"]
    output.print_rows(apps, _cells, as_json=as_json, nothing="No apps.")


@app.command()
@with_target
def show(target: Target, name: Name, as_json: output.AsJson = False) -> None:
    """Show an app with both of its keys."""
    _print(target.ask("GET", "apps", name), as_json=as_json)


@app.command()
@with_target
def create(
    target: Target,
    name: Annotated[str, typer.Argument(help="The app's name in its URL, /apps/NAME/.")],
    as_json: output.AsJson = False,
) -> None:
    """Create an app with its own keys and custom token secret. Running servers see it at once."""
    _print(target.ask("POST", "apps", body={"name": name}), as_json=as_json)


@app.command("rotate-keys")
@with_target
def rotate_keys(target: Target, name: Name, as_json: output.AsJson = False) -> None:
    """Give an app new keys. The old keys stop working within a second."""
    _print(target.ask("POST", "apps", name, "rotate-keys"), as_json=as_json)


@app.command()
@with_target
def delete(
    target: Target, name: Name, yes: output.Yes = False, as_json: output.AsJson = False
) -> None:
    """Delete an app with its users, records, secrets and login log."""
    output.confirm(f"Delete {name} and all of its data?", yes=yes)
    target.ask("DELETE", "apps", name)
    output.print_done("deleted", name, as_json=as_json)


@app.command()
@with_app_target
def export(
    target: Target,
    file: Annotated[str, typer.Argument(help="The file, or - for standard output.")],
    as_json: output.AsJson = False,
) -> None:
    """Export an app's data as JSON Lines: users, records, roles, access rules.

    The export contains password hashes, but no keys, secrets or login log.
    """
    with output.output_file(file) as stream:
        number = target.export(stream)
    value, text = {"app": target.app, "rows": number}, output.count(number, "row")
    output.print_exported(file, value, f"{text} of {target.app}", as_json=as_json)


@app.command("import")
@with_app_target
def load(
    target: Target,
    file: Annotated[str, typer.Argument(help="The file, or - for standard input.")],
    replace: Annotated[
        bool, typer.Option("--replace", help="Overwrite existing users and records.")
    ] = False,
    as_json: output.AsJson = False,
) -> None:
    """Import an export into an app: all of it, or nothing."""
    with _input_file(file) as stream:
        rows = target.load(stream, replace=replace)
    text = ", ".join(f"{number} {table}" for table, number in rows.items())
    text = f"imported into {target.app}: {text or 'nothing'}"
    output.print_result(rows, text, as_json=as_json)


@contextmanager
def _input_file(name: str) -> Iterator[BinaryIO]:
    if name == output.STANDARD:
        with tempfile.TemporaryFile() as file:
            shutil.copyfileobj(sys.stdin.buffer, file)
            yield file
        return
    with Path(name).open("rb") as file:
        yield file


def _print(stored: Any, *, as_json: bool) -> None:
    if as_json:
        output.print_json(stored)
    else:
        output.print_table([{**_cells(stored), "master_key": stored["master_key"]}])


def _cells(stored: Any) -> dict[str, str]:
    return {"app": stored["name"], "path": stored["path"], "api_key": stored["api_key"]}
