"""`skylogin users`: find users, and do to them what the portal does."""

from typing import Annotated, Any

import typer

from skylogin.cli import output
from skylogin.cli.target import Target, reaching
from skylogin.store.user_search import SORTS

app = typer.Typer(help="Find users, edit, disable and delete them.", no_args_is_help=True)

UserId = Annotated[str, typer.Argument(help="The user's id, as `skylogin users find` lists it.")]
COLUMNS = ("id", "subject", "username", "email", "roles", "last seen", "disabled")


@app.command()
@reaching
def find(  # noqa: PLR0913, PLR0917
    there: Target,
    text: Annotated[
        str, typer.Argument(help="What id, principal, user name or e-mail begins with.")
    ] = "",
    subject: Annotated[str, typer.Option(help="The user whose custom tokens have this sub.")] = "",
    field: Annotated[str, typer.Option(help="name=value of a field of the profile.")] = "",
    disabled: Annotated[
        bool | None, typer.Option("--disabled/--enabled", help="Only those, or the others.")
    ] = None,
    sort: Annotated[str, typer.Option(help=f"One of {', '.join(SORTS)}.")] = "-created_at",
    limit: Annotated[int, typer.Option(help="How many at most.", min=1)] = 50,
    as_json: output.AsJson = False,
) -> None:
    """List users, the newest first."""
    name, equals, value = field.partition("=")
    if field and not (name and equals):
        output.fail(f"--field {field!r} is not name=value")
    found = there.rows(
        *("apps", there.app, "users"),
        most=limit,
        search=text or None,
        subject=subject or None,
        field=name or None,
        value=value if field else None,
        disabled=disabled,
        sort=sort,
    )
    output.print_rows(COLUMNS, found, _cells, as_json=as_json)


def _cells(user: Any) -> dict[str, str]:
    profile = user["profile"] or {}
    return {
        "id": user["id"],
        "subject": user["subject"] or "",
        "username": str(profile.get("username") or ""),
        "email": str(profile.get("email") or ""),
        "roles": ", ".join(user["roles"]),
        "last seen": user["last_seen_at"] or "",
        "disabled": "yes" if user["disabled"] else "",
    }


@app.command()
@reaching
def show(there: Target, user_id: UserId, as_json: output.AsJson = False) -> None:
    """Show a user: profile, principals, roles, whether disabled."""
    user = there.get("users", user_id)
    if as_json:
        output.print_json(user)
        return
    facts = [("id", user["id"]), ("roles", ", ".join(user["roles"]))]
    facts += [("principal", f"{one['kind']} {one['id']}") for one in user["principals"]]
    facts += [(name.replace("_", " "), user[name] or "") for name in _TIMES]
    facts.append(("password", "yes" if user["has_password"] else "no"))
    facts.append(("disabled", _disabled(user)))
    profile = user["profile"] or {}
    facts += [(f"profile {name}", output.as_cell(profile[name])) for name in _own_fields(profile)]
    output.print_facts(facts)


_TIMES = ("created_at", "last_seen_at", "signed_out_at")


def _own_fields(profile: dict[str, Any]) -> list[str]:
    """Return the fields that the application keeps; the others are the record's own."""
    return [name for name in profile if not name.startswith("_")]


def _disabled(user: Any) -> str:
    if not user["disabled"]:
        return "no"
    until, message = user["disabled_until"], user["disabled_message"]
    text = f"until {until}" if until else "for good"
    return f"{text}: {message}" if message else text


@app.command()
@reaching
def edit(
    there: Target,
    user_id: UserId,
    changes: Annotated[str, typer.Argument(help="A JSON object; null removes a field.")],
) -> None:
    """Change fields of a user's profile."""
    profile = output.read_object(changes, "that")
    there.order("PATCH", "users", user_id, profile=profile)
    print(f"{user_id} is saved")


@app.command()
@reaching
def disable(
    there: Target,
    user_id: UserId,
    message: Annotated[str, typer.Option(help="What the user is told.")] = "",
    until: Annotated[str, typer.Option(help="When it ends by itself, as RFC 3339.")] = "",
) -> None:
    """Keep a user out."""
    there.order("POST", "users", user_id, "disable", message=message or None, until=until or None)
    print(f"{user_id} is disabled")


@app.command()
@reaching
def enable(there: Target, user_id: UserId) -> None:
    """Let a user in again."""
    there.order("POST", "users", user_id, "enable")
    print(f"{user_id} is enabled")


@app.command()
@reaching
def roles(
    there: Target,
    user_id: UserId,
    names: Annotated[list[str] | None, typer.Argument(help="All roles; none takes all.")] = None,
) -> None:
    """Give a user these roles and no others."""
    there.order("PUT", "users", user_id, "roles", roles=names or [])
    print(f"{user_id} has the roles: {', '.join(names or []) or 'none'}")


@app.command("sign-out")
@reaching
def sign_out(there: Target, user_id: UserId) -> None:
    """End every access token that a user has."""
    there.order("POST", "users", user_id, "sign-out")
    print(f"{user_id} is signed out everywhere")


@app.command()
@reaching
def delete(there: Target, user_id: UserId, yes: output.Yes = False) -> None:
    """Delete a user with profile, principals, roles and password."""
    output.ask(f"Delete {user_id}?", yes=yes)
    there.order("DELETE", "users", user_id)
    print(f"{user_id} is deleted")
