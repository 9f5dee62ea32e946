"""`skylogin secret`: show, rotate and revoke custom token secrets."""

from typing import Annotated, Any

import typer

from skylogin.cli import output
from skylogin.cli.command import with_app_target
from skylogin.cli.database_target import DatabaseTarget
from skylogin.cli.target import Target
from skylogin.clock import system_now
from skylogin.operations import secrets

app = typer.Typer(help="Show, rotate and revoke custom token secrets.", no_args_is_help=True)

# The fields of an environment secret if no database counts its uses.
_UNUSED: dict[str, object] = {
    "created_at": None,
    "ends_at": None,
    "accepted": True,
    "uses_last_7_days": [],
    "last_used_at": None,
}


@app.command()
@with_app_target
def show(
    target: Target,
    every: Annotated[bool, typer.Option("--all", help="Show ended secrets too.")] = False,
    as_json: output.AsJson = False,
) -> None:
    """Show the secrets that sign custom tokens, and how often each is used."""
    listed = _listed(target)
    shown = [one for one in listed["secrets"] if every or one["accepted"]]
    if not shown and listed["from_environment"]:
        output.fail("login with custom token is off: CUSTOM_TOKEN_SECRET is empty")
    output.print_rows(shown, _cells, as_json=as_json, nothing="No secrets.")


def _listed(target: Target) -> Any:
    """Return the list of secrets, with their texts."""
    if isinstance(target, DatabaseTarget) and not target.exists():
        fixed = secrets.in_environment(target.settings, target.app, system_now())
        if fixed is not None:
            shown = [{"id": one.id, "secret": one.secret, **_UNUSED} for one in fixed]
            return {"from_environment": True, "secrets": shown}
    listed = target.get("secrets")
    listed["secrets"] = [target.get("secrets", one["id"]) for one in listed["secrets"]]
    return listed


@app.command()
@with_app_target
def rotate(
    target: Target,
    overlap: Annotated[float, typer.Option(help="Hours for which old secrets stay valid.")] = 24,
    as_json: output.AsJson = False,
) -> None:
    """Create a new secret. The old ones stay valid for the overlap."""
    _check_changeable(target)
    rotation = target.ask_app("POST", "secrets", overlap_hours=overlap)
    old = [target.get("secrets", one["id"]) for one in rotation["old"]]
    output.print_rows([rotation["new"], *old], _cells, as_json=as_json)


@app.command()
@with_app_target
def revoke(
    target: Target,
    secret_id: Annotated[str, typer.Argument(help="The id, as shown by `skylogin secret show`.")],
    as_json: output.AsJson = False,
) -> None:
    """Revoke a secret. Running servers refuse it within 2 seconds."""
    _check_changeable(target)
    target.ask_app("POST", "secrets", secret_id, "revoke")
    output.print_done("revoked", secret_id, as_json=as_json)


def _check_changeable(target: Target) -> None:
    """Raise ConflictError if the environment sets the secret, before opening the database."""
    if isinstance(target, DatabaseTarget):
        secrets.check_changeable(target.settings, target.app)


def _cells(secret: Any) -> dict[str, str]:
    return {
        "id": secret["id"],
        "secret": secret["secret"],
        "accepted until": secret["ends_at"] or "until revoked",
        "uses in 7 days": str(sum(secret["uses_last_7_days"])),
        "last used": secret["last_used_at"] or "never",
    }
