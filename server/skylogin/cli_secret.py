"""`skylogin secret`: show, rotate and revoke custom token secrets."""

from datetime import datetime, timedelta
from typing import Annotated

import typer

from skylogin import cli
from skylogin.operations import secrets
from skylogin.store.secrets import StoredSecret

app = typer.Typer(help="Show, rotate and revoke custom token secrets.", no_args_is_help=True)

COLUMNS = ("id", "secret", "accepted until")


@app.command()
def show(
    database: cli.Database = None, as_json: cli.AsJson = False, app_name: cli.AppName = ""
) -> None:
    """Show the secrets that custom tokens may be signed with."""
    settings = cli.storage_settings(database)
    name = app_name or settings.app_name
    accepted = cli.accepted_secrets(settings, name)
    if not accepted and settings.custom_token_secret == "" and name == settings.app_name:
        cli.fail("the login is off: CUSTOM_TOKEN_SECRET is set to nothing")
    rows = [_row(one) for one in accepted]
    cli.print_rows(COLUMNS, rows, as_json=as_json)


@app.command()
def rotate(
    overlap: Annotated[float, typer.Option(help="Hours that old secrets stay accepted.")] = 24,
    database: cli.Database = None,
    as_json: cli.AsJson = False,
    app_name: cli.AppName = "",
) -> None:
    """Make a new secret; the old ones stay accepted for a while."""
    settings = cli.storage_settings(database)
    name = app_name or settings.app_name
    secrets.check_changeable(settings, name)
    rotation = cli.with_operator(
        settings, lambda operator: secrets.rotate(operator, name, timedelta(hours=overlap))
    )
    rows = [_row(one) for one in (rotation.new, *rotation.old)]
    cli.print_rows(COLUMNS, rows, as_json=as_json)


@app.command()
def revoke(
    secret_id: Annotated[str, typer.Argument(help="The id, as `skylogin secret show` lists it.")],
    database: cli.Database = None,
    app_name: cli.AppName = "",
) -> None:
    """End a secret now; running servers refuse it within 2 seconds."""
    settings = cli.storage_settings(database)
    name = app_name or settings.app_name
    secrets.check_changeable(settings, name)
    cli.with_operator(settings, lambda operator: secrets.revoke(operator, name, secret_id))
    print(f"{secret_id} is revoked")


def _row(secret: StoredSecret) -> dict[str, str]:
    return {
        "id": secret.id,
        "secret": secret.secret,
        "accepted until": _moment(secret.ends_at) if secret.ends_at else "it is revoked",
    }


def _moment(moment: datetime) -> str:
    return moment.isoformat(timespec="seconds").replace("+00:00", "Z")
