"""`skylogin logins`: the login log, past and live."""

import contextlib
import re
from datetime import datetime, timedelta
from typing import Annotated, Any

import typer

from skylogin.cli import output
from skylogin.cli.command import with_app_target
from skylogin.cli.target import Json, Target, TargetError
from skylogin.client.admin_api import read_time
from skylogin.client.errors import AdminError
from skylogin.clock import system_now
from skylogin.encoding import rfc3339

WAIT_SECONDS_MAX = 60
_AGO = re.compile(r"(\d{1,6})([smhd])", re.ASCII)
_UNITS = {"s": "seconds", "m": "minutes", "h": "hours", "d": "days"}
Time = Annotated[str, typer.Option(help="An RFC 3339 time, or how long ago: 90s, 15m, 2h, 7d.")]


@with_app_target
def logins(  # noqa: PLR0913, PLR0917
    target: Target,
    attempt: Annotated[
        str, typer.Argument(help="The id of a login attempt whose details to show.")
    ] = "",
    follow: Annotated[
        bool, typer.Option("--follow", "-f", help="Show login attempts as they happen.")
    ] = False,
    wait: Annotated[
        float,
        typer.Option(
            help="Wait up to this many seconds for the next one; exit with 1 if none comes.",
            min=0,
            max=WAIT_SECONDS_MAX,
        ),
    ] = 0,
    accepted: Annotated[
        bool | None, typer.Option("--accepted/--refused", help="Only accepted or refused ones.")
    ] = None,
    subject: Annotated[str, typer.Option(help="Only those with this sub.")] = "",
    reason: Annotated[str, typer.Option(help="Only those with this reason.")] = "",
    user: Annotated[str, typer.Option(help="Only those of the user with this id.")] = "",
    secret: Annotated[str, typer.Option(help="Only those signed with the secret of this id.")] = "",
    since: Time = "",
    until: Time = "",
    limit: Annotated[int, typer.Option(help="The maximum number of login attempts.", min=1)] = 20,
    as_json: output.AsJson = False,
) -> None:
    """List login attempts, the newest last, and why each was refused."""
    filters = {
        "accepted": accepted,
        "subject": subject or None,
        "reason": reason or None,
        "user_id": user or None,
        "secret_id": secret or None,
        "since": _time(target, since),
        "until": _time(target, until),
    }
    if sum((bool(attempt), follow, wait > 0)) > 1:
        output.fail("use only one of ATTEMPT, --follow and --wait")
    if attempt:
        _show(target.get("logins", attempt), as_json=as_json)
    elif follow:

        def show(one: Json) -> None:
            output.print_line(one if as_json else _cells(one), as_json=as_json)

        with contextlib.suppress(KeyboardInterrupt):
            target.follow(show, **filters)
    elif wait:
        found = target.get("logins", "wait", timeout=wait, **filters)["attempt"]
        if found is None:
            output.fail(f"no login attempt in {wait:g} s")
        _show(found, as_json=as_json)
    else:
        rows = target.rows("apps", target.app, "logins", limit=limit, **filters)[::-1]
        output.print_rows(rows, _cells, as_json=as_json, nothing="No login attempts.")


def _time(target: Target, text: str) -> str | None:
    """Return an option's time in the API's format."""
    match = _AGO.fullmatch(text)
    if match is None:
        return text or None
    try:
        return rfc3339.on_wire(_now(target) - timedelta(**{_UNITS[match[2]]: int(match[1])}))
    except OverflowError:
        output.fail(f"{text} is too long ago")


def _now(target: Target) -> datetime:
    """Return the time of the app's clock, which tests move; only `skylogin dev` shows it."""
    try:
        return read_time(target.get("clock")["now"])
    except (AdminError, TargetError):
        return system_now()


def _show(attempt: Json, *, as_json: bool) -> None:
    if as_json:
        output.print_json(attempt)
    else:
        output.print_facts([(name, output.as_cell(value)) for name, value in attempt.items()])


def _cells(attempt: Any) -> dict[str, str]:
    return {
        "at": attempt["at"],
        "verdict": "accepted" if attempt["accepted"] else "refused",
        "reason": attempt["reason"],
        "subject": attempt["subject"],
        "explanation": attempt["explanation"],
        "id": attempt["id"],
    }
