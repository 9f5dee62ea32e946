"""`skylogin users`: find users, and manage them as on the portal."""

from typing import Annotated, Any

import typer

from skylogin.cli import output
from skylogin.cli.command import with_app_target
from skylogin.cli.target import Target
from skylogin.store.user_search import SORTS

app = typer.Typer(help="Find, edit, disable and delete users.", no_args_is_help=True)

UserId = Annotated[str, typer.Argument(help="The user's id, as shown by `skylogin users find`.")]
COLUMNS = ("id", "subject", "username", "email", "roles", "last seen", "disabled")
_TIMES = ("created_at", "last_seen_at", "signed_out_at")


@app.command()
@with_app_target
def find(  # noqa: PLR0913, PLR0917
    target: Target,
    text: Annotated[
        str, typer.Argument(help="The beginning of an id, principal, user name or e-mail address.")
    ] = "",
    subject: Annotated[str, typer.Option(help="The sub of the user's custom tokens.")] = "",
    field: Annotated[str, typer.Option(help="A profile field's value, as name=value.")] = "",
    disabled: Annotated[
        bool | None, typer.Option("--disabled/--enabled", help="Only disabled or enabled users.")
    ] = None,
    sort: Annotated[str, typer.Option(help=f"One of {', '.join(SORTS)}.")] = "-created_at",
    limit: Annotated[int, typer.Option(help="The maximum number of users.", min=1)] = 50,
    as_json: output.AsJson = False,
) -> None:
    """List users, the newest first."""
    name, equals, value = field.partition("=")
    if field and not (name and equals):
        output.fail(f"--field {field!r} is not name=value")
    found = target.rows(
        *("apps", target.app, "users"),
        limit=limit,
        search=text or None,
        subject=subject or None,
        field=name or None,
        value=value if field else None,
        disabled=disabled,
        sort=sort,
    )
    output.print_rows(COLUMNS, found, _cells, as_json=as_json, nothing="No users.")


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
@with_app_target
def show(target: Target, user_id: UserId, as_json: output.AsJson = False) -> None:
    """Show a user's profile, principals, devices, roles and state."""
    user = target.get("users", user_id)
    if as_json:
        output.print_json(user)
        return
    facts = [("id", user["id"]), ("roles", ", ".join(user["roles"]))]
    facts += [("principal", f"{one['kind']} {one['id']}") for one in user["principals"]]
    facts += [("device", f"{one['type']} {one['id']}") for one in user["devices"]]
    facts += [(name.replace("_", " "), user[name] or "") for name in _TIMES]
    facts.append(("password", "yes" if user["has_password"] else "no"))
    facts.append(("disabled", _disabled(user)))
    profile = user["profile"] or {}
    # Names that begin with _ are the record's own.
    fields = [name for name in profile if not name.startswith("_")]
    facts += [(f"profile {name}", output.as_cell(profile[name])) for name in fields]
    output.print_facts(facts)


def _disabled(user: Any) -> str:
    if not user["disabled"]:
        return "no"
    until, message = user["disabled_until"], user["disabled_message"]
    text = f"until {until}" if until else "permanently"
    return f"{text}: {message}" if message else text


@app.command()
@with_app_target
def edit(
    target: Target,
    user_id: UserId,
    changes: Annotated[str, typer.Argument(help="A JSON object; null removes a field.")],
) -> None:
    """Change fields of a user's profile."""
    profile = output.read_object(changes, "CHANGES")
    target.ask_app("PATCH", "users", user_id, profile=profile)
    output.say(f"saved {user_id}")


@app.command()
@with_app_target
def disable(
    target: Target,
    user_id: UserId,
    message: Annotated[str, typer.Option(help="The message in refused logins.")] = "",
    until: Annotated[str, typer.Option(help="When this ends, as an RFC 3339 time.")] = "",
) -> None:
    """Disable a user: logins and calls are refused."""
    target.ask_app(
        "POST", "users", user_id, "disable", message=message or None, until=until or None
    )
    output.say(f"disabled {user_id}")


@app.command()
@with_app_target
def enable(target: Target, user_id: UserId) -> None:
    """Enable a disabled user."""
    target.ask_app("POST", "users", user_id, "enable")
    output.say(f"enabled {user_id}")


@app.command()
@with_app_target
def roles(
    target: Target,
    user_id: UserId,
    names: Annotated[
        list[str] | None, typer.Argument(help="All of the user's roles; none removes them all.")
    ] = None,
) -> None:
    """Set a user's roles."""
    target.ask_app("PUT", "users", user_id, "roles", roles=names or [])
    output.say(f"roles of {user_id}: {', '.join(names or []) or 'none'}")


@app.command("sign-out")
@with_app_target
def sign_out(target: Target, user_id: UserId) -> None:
    """Revoke all access tokens of a user."""
    target.ask_app("POST", "users", user_id, "sign-out")
    output.say(f"signed out {user_id}")


@app.command()
@with_app_target
def delete(target: Target, user_id: UserId, yes: output.Yes = False) -> None:
    """Delete a user with profile, principals, devices, roles and password."""
    output.confirm(f"Delete {user_id}?", yes=yes)
    target.ask_app("DELETE", "users", user_id)
    output.say(f"deleted {user_id}")
