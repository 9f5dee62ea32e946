"""`skylogin users`: find users, and do to them what the portal does."""

from dataclasses import replace
from datetime import datetime
from typing import Annotated

import typer

from skylogin import cli, rfc3339
from skylogin.operations import users
from skylogin.operations.operator import Operator, RefusedError
from skylogin.operations.users import UserDetails
from skylogin.store.user_search import SORTS, Search
from skylogin.user import User

app = typer.Typer(help="Find users, edit, disable and delete them.", no_args_is_help=True)

UserId = Annotated[str, typer.Argument(help="The user's id, as `skylogin users find` lists it.")]
COLUMNS = ("id", "username", "email", "roles", "last seen", "disabled")
ROWS_AT_ONCE = 200


@app.command()
def find(  # noqa: PLR0913, PLR0917
    text: Annotated[
        str, typer.Argument(help="What id, principal, user name or e-mail begins with.")
    ] = "",
    field: Annotated[str, typer.Option(help="name=value of a field of the profile.")] = "",
    disabled: Annotated[
        bool | None, typer.Option("--disabled/--enabled", help="Only those, or the others.")
    ] = None,
    sort: Annotated[str, typer.Option(help=f"One of {', '.join(SORTS)}.")] = "-created_at",
    limit: Annotated[int, typer.Option(help="How many at most.", min=1)] = 50,
    app_name: cli.AppName = "",
    database: cli.Database = None,
    as_json: cli.AsJson = False,
) -> None:
    """List users, the newest first."""
    name, _, value = field.partition("=")
    search = Search(text=text, field=name, value=value, disabled=disabled, sort=sort)
    found = cli.in_app(
        database, app_name, lambda operator, app: _find(operator, app, search, limit)
    )
    cli.print_rows(COLUMNS, [_row(one) for one in found], as_json=as_json)


async def _find(operator: Operator, app: str, search: Search, limit: int) -> list[User]:
    """Return the users of as many pages as it takes."""
    found: list[User] = []
    while True:
        wanted = replace(search, limit=min(limit - len(found), ROWS_AT_ONCE))
        page = await users.find(operator, app, wanted)
        found += page.users
        if not page.next_cursor or len(found) >= limit:
            return found
        search = replace(search, cursor=page.next_cursor)


@app.command()
def show(
    user_id: UserId,
    app_name: cli.AppName = "",
    database: cli.Database = None,
) -> None:
    """Show a user with the profile and the principals, as JSON."""
    details: UserDetails = cli.in_app(
        database, app_name, lambda operator, app: users.get(operator, app, user_id)
    )
    record = details.user.record
    cli.print_json(
        {
            **_row(details.user),
            "roles": list(details.user.roles),
            "profile": dict(record.data) if record else None,
            "principals": [{"kind": one.kind, "id": one.id} for one in details.principals],
        }
    )


@app.command()
def edit(
    user_id: UserId,
    changes: Annotated[str, typer.Argument(help="A JSON object; null removes a field.")],
    app_name: cli.AppName = "",
    database: cli.Database = None,
) -> None:
    """Change fields of a user's profile."""
    values = cli.read_object(changes, "that")
    cli.in_app(
        database, app_name, lambda operator, app: users.edit_profile(operator, app, user_id, values)
    )
    print(f"{user_id} is saved")


@app.command()
def disable(
    user_id: UserId,
    message: Annotated[str, typer.Option(help="What the user is told.")] = "",
    until: Annotated[str, typer.Option(help="When it ends by itself, as RFC 3339.")] = "",
    app_name: cli.AppName = "",
    database: cli.Database = None,
) -> None:
    """Keep a user out."""
    end = _read_moment(until) if until else None
    cli.in_app(
        database,
        app_name,
        lambda operator, app: users.disable(operator, app, user_id, message, end),
    )
    print(f"{user_id} is disabled")


def _read_moment(text: str) -> datetime:
    try:
        return rfc3339.read(text)[0]
    except ValueError as error:
        raise RefusedError(f"{text!r} is no time: {error}") from None


@app.command()
def enable(user_id: UserId, app_name: cli.AppName = "", database: cli.Database = None) -> None:
    """Let a user in again."""
    cli.in_app(database, app_name, lambda operator, app: users.enable(operator, app, user_id))
    print(f"{user_id} is enabled")


@app.command()
def roles(
    user_id: UserId,
    names: Annotated[list[str] | None, typer.Argument(help="All roles; none takes all.")] = None,
    app_name: cli.AppName = "",
    database: cli.Database = None,
) -> None:
    """Give a user these roles and no others."""
    cli.in_app(
        database,
        app_name,
        lambda operator, app: users.set_roles(operator, app, user_id, names or []),
    )
    print(f"{user_id} has the roles: {', '.join(names or []) or 'none'}")


@app.command("sign-out")
def sign_out(user_id: UserId, app_name: cli.AppName = "", database: cli.Database = None) -> None:
    """End every access token that a user has."""
    cli.in_app(database, app_name, lambda operator, app: users.sign_out(operator, app, user_id))
    print(f"{user_id} is signed out everywhere")


@app.command()
def delete(
    user_id: UserId,
    app_name: cli.AppName = "",
    database: cli.Database = None,
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask.")] = False,
) -> None:
    """Delete a user with profile, principals, roles and password."""
    cli.ask(f"Delete {user_id}?", yes=yes)
    cli.in_app(database, app_name, lambda operator, app: users.delete(operator, app, user_id))
    print(f"{user_id} is deleted")


def _row(user: User) -> dict[str, str]:
    data = user.record.data if user.record else {}
    return {
        "id": user.id,
        "username": str(data.get("username") or ""),
        "email": str(data.get("email") or ""),
        "roles": ", ".join(user.roles),
        "last seen": rfc3339.on_wire(user.last_seen_at) if user.last_seen_at else "",
        "disabled": "yes" if user.disabled else "",
    }
