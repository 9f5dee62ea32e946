"""`skylogin apps`: apps besides the one of the environment."""

from typing import Annotated

import typer

from skylogin import cli
from skylogin.operations import apps
from skylogin.store.apps import StoredApp

app = typer.Typer(help="List and create apps.", no_args_is_help=True)

AsJson = Annotated[bool, typer.Option("--json", help="Print JSON.")]
COLUMNS = ("app", "api_key", "master_key")


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
