"""`skylogin users`: find users, and manage them as on the portal."""

from http import HTTPStatus
from typing import Annotated, Any

import typer

from skylogin.cli import output
from skylogin.cli.command import with_app_target
from skylogin.cli.target import NOT_IN_A_PATH, Target
from skylogin.client.admin_api import given
from skylogin.client.errors import AdminError
from skylogin.store.user_search import SORTS

app = typer.Typer(help="Find, edit, disable and delete users.", no_args_is_help=True)

User = Annotated[str, typer.Argument(help="The sub of the user's custom tokens, or the user's id.")]
_TIMES = ("created_at", "last_seen_at", "signed_out_at")


@app.command()
@with_app_target
def find(  # noqa: PLR0913, PLR0917
    target: Target,
    text: Annotated[
        str, typer.Argument(help="A whole id, or the beginning of a sub, user name or e-mail.")
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
    output.print_rows(found, _cells, as_json=as_json, nothing="No users.")


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
def show(target: Target, user: User, as_json: output.AsJson = False) -> None:
    """Show a user's profile, principals, devices, roles and state."""
    found = target.get("users", _id_of(target, user))
    if as_json:
        output.print_json(found)
        return
    facts = [("id", found["id"]), ("roles", ", ".join(found["roles"]))]
    facts += [("principal", f"{one['kind']} {one['id']}") for one in found["principals"]]
    facts += [("device", f"{one['type']} {one['id']}") for one in found["devices"]]
    facts += [(name.replace("_", " "), found[name] or "") for name in _TIMES]
    facts.append(("password", "yes" if found["has_password"] else "no"))
    facts.append(("disabled", _disabled(found)))
    facts += [("imported from", found["origin"])] if found["origin"] else []
    profile = found["profile"] or {}
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
def create(  # noqa: PLR0913, PLR0917
    target: Target,
    subject: Annotated[str, typer.Argument(help="The sub of the user's custom tokens.")],
    profile: Annotated[str, typer.Option(help="The profile, as a JSON object.")] = "",
    role: Annotated[
        list[str] | None, typer.Option(help="A role of the user. Can be repeated.")
    ] = None,
    password: Annotated[str, typer.Option(help="A password for `auth:login`.")] = "",
    as_json: output.AsJson = False,
) -> None:
    """Create a user who can log in with custom tokens, before their first login."""
    if _with_subject(target, subject):
        output.fail(f"there is already a user with the sub {subject}")
    seed = {
        "sub": subject,
        "profile": output.read_object(profile, "--profile") if profile else None,
        "roles": role or None,
        "password": password or None,
    }
    target.ask_app("POST", "seed", users=[given(seed)])
    output.print_done("created", _id_of(target, subject), as_json=as_json)


@app.command()
@with_app_target
def edit(
    target: Target,
    user: User,
    changes: Annotated[str, typer.Argument(help="A JSON object; null removes a field.")],
    as_json: output.AsJson = False,
) -> None:
    """Change fields of a user's profile."""
    profile = output.read_object(changes, "CHANGES")
    _act(target, user, "saved", "PATCH", as_json=as_json, profile=profile)


@app.command()
@with_app_target
def disable(
    target: Target,
    user: User,
    message: Annotated[str, typer.Option(help="The message in refused logins.")] = "",
    until: Annotated[str, typer.Option(help="When this ends, as an RFC 3339 time.")] = "",
    as_json: output.AsJson = False,
) -> None:
    """Disable a user: logins and calls are refused."""
    values = {"message": message or None, "until": until or None}
    _act(target, user, "disabled", "POST", "disable", as_json=as_json, **values)


@app.command()
@with_app_target
def enable(target: Target, user: User, as_json: output.AsJson = False) -> None:
    """Enable a disabled user."""
    _act(target, user, "enabled", "POST", "enable", as_json=as_json)


@app.command()
@with_app_target
def roles(
    target: Target,
    user: User,
    names: Annotated[
        list[str] | None, typer.Argument(help="All roles of the user; none removes all.")
    ] = None,
    as_json: output.AsJson = False,
) -> None:
    """Set a user's roles."""
    done = "changed the roles of"
    _act(target, user, done, "PUT", "roles", as_json=as_json, roles=names or [])


@app.command("sign-out")
@with_app_target
def sign_out(target: Target, user: User, as_json: output.AsJson = False) -> None:
    """Revoke all access tokens of a user."""
    _act(target, user, "signed out", "POST", "sign-out", as_json=as_json)


@app.command()
@with_app_target
def delete(
    target: Target, user: User, yes: output.Yes = False, as_json: output.AsJson = False
) -> None:
    """Delete a user with profile, principals, devices, roles and password."""
    output.confirm(f"Delete {user}?", yes=yes)
    _act(target, user, "deleted", "DELETE", as_json=as_json)


def _act(
    target: Target,
    user: str,
    done: str,
    method: str,
    *parts: str,
    as_json: bool,
    **body: object,
) -> None:
    """Send a request about a user, and print what was *done*."""
    user_id = _id_of(target, user)
    target.ask_app(method, "users", user_id, *parts, **body)
    output.print_done(done, user_id, as_json=as_json)


def _id_of(target: Target, user: str) -> str:
    """Return the id of the user that a command names by sub or id.

    A text that is the sub of one user and the id of another is refused. One that names no user is
    returned as it is, for the target to refuse.
    """
    user_id = _with_subject(target, user) or user
    if user_id != user and user not in NOT_IN_A_PATH and _exists(target, user):
        output.fail(f"{user} is the sub of the user {user_id}, and the id of another user")
    return user_id


def _with_subject(target: Target, subject: str) -> str:
    """Return the id of the user with this sub, empty if there is none."""
    found = target.rows("apps", target.app, "users", limit=1, subject=subject) if subject else []
    return str(found[0]["id"]) if found else ""


def _exists(target: Target, user_id: str) -> bool:
    try:
        target.get("users", user_id)
    except AdminError as error:
        if error.status == HTTPStatus.NOT_FOUND:
            return False
        raise
    return True
