"""`skylogin secret`: show, rotate and revoke custom token secrets."""

from typing import Annotated, Any

import typer

from skylogin.cli import output
from skylogin.cli.target import DatabaseTarget, Target, reaching
from skylogin.clock import system_now
from skylogin.operations import secrets

app = typer.Typer(help="Show, rotate and revoke custom token secrets.", no_args_is_help=True)

COLUMNS = ("id", "secret", "accepted until", "uses in 7 days", "last used")


@app.command()
@reaching
def show(
    there: Target,
    every: Annotated[bool, typer.Option("--all", help="Those too that have ended.")] = False,
    as_json: output.AsJson = False,
) -> None:
    """Show the secrets that custom tokens may be signed with, and how much each is used."""
    listed = _listed(there)
    shown = [one for one in listed["secrets"] if every or one["accepted"]]
    if not shown and listed["from_environment"]:
        output.fail("the login is off: CUSTOM_TOKEN_SECRET is set to nothing")
    output.print_rows(COLUMNS, shown, _cells, as_json=as_json)


def _listed(there: Target) -> Any:
    """Return the list of secrets, with their texts."""
    if isinstance(there, DatabaseTarget) and not there.is_there():
        # Those of the environment need no database; nobody has used them yet.
        fixed = secrets.in_environment(there.settings, there.app, system_now())
        if fixed is not None:
            shown = [{"id": one.id, "secret": one.secret, **_UNUSED} for one in fixed]
            return {"from_environment": True, "secrets": shown}
    listed = there.get("secrets")
    listed["secrets"] = [there.get("secrets", one["id"]) for one in listed["secrets"]]
    return listed


_UNUSED: dict[str, object] = {
    "created_at": None,
    "ends_at": None,
    "accepted": True,
    "uses_last_7_days": [],
    "last_used_at": None,
}


@app.command()
@reaching
def rotate(
    there: Target,
    overlap: Annotated[float, typer.Option(help="Hours that old secrets stay accepted.")] = 24,
    as_json: output.AsJson = False,
) -> None:
    """Make a new secret; the old ones stay accepted for a while."""
    _check_changeable(there)
    rotation = there.order("POST", "secrets", overlap_hours=overlap)
    old = [there.get("secrets", one["id"]) for one in rotation["old"]]
    output.print_rows(COLUMNS, [rotation["new"], *old], _cells, as_json=as_json)


@app.command()
@reaching
def revoke(
    there: Target,
    secret_id: Annotated[str, typer.Argument(help="The id, as `skylogin secret show` lists it.")],
) -> None:
    """End a secret now; running servers refuse it within 2 seconds."""
    _check_changeable(there)
    there.order("POST", "secrets", secret_id, "revoke")
    print(f"{secret_id} is revoked")


def _check_changeable(there: Target) -> None:
    """Raise ConflictError where the environment has the secret, before a database is looked for."""
    if isinstance(there, DatabaseTarget):
        secrets.check_changeable(there.settings, there.app)


def _cells(secret: Any) -> dict[str, str]:
    return {
        "id": secret["id"],
        "secret": secret["secret"],
        "accepted until": secret["ends_at"] or "until revoked",
        "uses in 7 days": str(sum(secret["uses_last_7_days"])),
        "last used": secret["last_used_at"] or "never",
    }
