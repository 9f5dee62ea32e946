"""`skylogin secret`: show, rotate and revoke custom token secrets."""

from datetime import datetime, timedelta
from typing import Annotated

import typer

from skylogin import cli, operations, token_secrets
from skylogin.clock import system_now
from skylogin.config import Settings
from skylogin.store.secrets import StoredSecret

app = typer.Typer(help="Show, rotate and revoke custom token secrets.", no_args_is_help=True)

AsJson = Annotated[bool, typer.Option("--json", help="Print JSON.")]


AppName = Annotated[
    str, typer.Option("--app", help="An app below /apps/; else the one of the environment.")
]


@app.command()
def show(database: cli.Database = None, as_json: AsJson = False, app_name: AppName = "") -> None:
    """Show the secrets that custom tokens may be signed with."""
    settings = cli.storage_settings(database)
    now = system_now()
    if settings.custom_token_secret is not None and not app_name:
        fixed = settings.custom_token_secret
        if not fixed:
            cli.fail("the login is off: CUSTOM_TOKEN_SECRET is set to nothing")
        rows = [_row(StoredSecret(token_secrets.ENVIRONMENT, fixed, now, None))]
    else:
        stored = cli.with_store(
            settings, lambda store: operations.list_secrets(store, app_name or settings.app_name)
        )
        rows = [_row(one) for one in stored if one.accepted_at(now)]
    if as_json:
        cli.print_json(rows)
    else:
        cli.print_table(("id", "secret", "accepted until"), rows)


@app.command()
def rotate(
    overlap: Annotated[float, typer.Option(help="Hours that old secrets stay accepted.")] = 24,
    database: cli.Database = None,
    as_json: AsJson = False,
    app_name: AppName = "",
) -> None:
    """Make a new secret; the old ones stay accepted for a while."""
    settings = _changeable(database, app_name)
    rotation = cli.with_store(
        settings,
        lambda store: operations.rotate_secret(
            store, app_name or settings.app_name, system_now(), timedelta(hours=overlap)
        ),
    )
    rows = [_row(one) for one in (rotation.new, *rotation.old)]
    if as_json:
        cli.print_json(rows)
    else:
        cli.print_table(("id", "secret", "accepted until"), rows)


@app.command()
def revoke(
    secret_id: Annotated[str, typer.Argument(help="The id, as `skylogin secret show` lists it.")],
    database: cli.Database = None,
    app_name: AppName = "",
) -> None:
    """End a secret now; running servers refuse it within 2 seconds."""
    settings = _changeable(database, app_name)
    try:
        cli.with_store(
            settings,
            lambda store: operations.revoke_secret(
                store, app_name or settings.app_name, secret_id, system_now()
            ),
        )
    except operations.NoSuchSecretError:
        cli.fail(f"{secret_id} is no secret that is accepted")
    print(f"{secret_id} is revoked")


def _changeable(database: str | None, app_name: str) -> Settings:
    settings = cli.storage_settings(database)
    if not app_name and settings.custom_token_secret is not None:
        cli.fail("CUSTOM_TOKEN_SECRET is set in the environment or in .env: change it there")
    return settings


def _row(secret: StoredSecret) -> dict[str, str]:
    return {
        "id": secret.id,
        "secret": secret.secret,
        "accepted until": _moment(secret.ends_at) if secret.ends_at else "it is revoked",
    }


def _moment(moment: datetime) -> str:
    return moment.isoformat(timespec="seconds").replace("+00:00", "Z")
