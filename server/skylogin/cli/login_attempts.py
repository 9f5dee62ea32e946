"""`skylogin logins`: attempts to log in, those that were and those that come."""

import contextlib
import re
from datetime import timedelta
from typing import Annotated, Any

import typer

from skylogin.cli import output
from skylogin.cli.target import Json, Target, reaching
from skylogin.clock import system_now
from skylogin.encoding import rfc3339

COLUMNS = ("at", "verdict", "reason", "subject", "explanation")
WAIT_SECONDS_MAX = 60
_AGO = re.compile(r"(\d{1,6})([smhd])", re.ASCII)
_UNITS = {"s": "seconds", "m": "minutes", "h": "hours", "d": "days"}
Moment = Annotated[str, typer.Option(help="A time as RFC 3339, or how long ago: 90s, 15m, 2h, 7d.")]


@reaching
def logins(  # noqa: PLR0913, PLR0917
    there: Target,
    attempt: Annotated[
        str, typer.Argument(help="The id of one attempt: all that is kept of it.")
    ] = "",
    follow: Annotated[bool, typer.Option("--follow", "-f", help="Go on as they come.")] = False,
    wait: Annotated[
        float,
        typer.Option(
            help="Wait so many seconds for the next one, and exit with 1 where none comes.",
            min=0,
            max=WAIT_SECONDS_MAX,
        ),
    ] = 0,
    accepted: Annotated[
        bool | None, typer.Option("--accepted/--refused", help="Only those.")
    ] = None,
    subject: Annotated[str, typer.Option(help="Only those of this principal.")] = "",
    reason: Annotated[str, typer.Option(help="Only those with this reason.")] = "",
    user: Annotated[str, typer.Option(help="Only those of the user with this id.")] = "",
    secret: Annotated[str, typer.Option(help="Only those signed with this secret.")] = "",
    since: Moment = "",
    until: Moment = "",
    limit: Annotated[int, typer.Option(help="How many at most.", min=1)] = 20,
    as_json: output.AsJson = False,
) -> None:
    """List attempts to log in, the newest last, and say why each was refused."""
    wanted = {
        "accepted": accepted,
        "subject": subject or None,
        "reason": reason or None,
        "user_id": user or None,
        "secret_id": secret or None,
        "since": _moment(since),
        "until": _moment(until),
    }
    if sum((bool(attempt), follow, wait > 0)) > 1:
        output.fail("one attempt, --follow and --wait: only one of them goes at a time")
    if attempt:
        _show(there.get("logins", attempt), as_json=as_json)
    elif follow:

        def show(one: Json) -> None:
            output.print_line(one if as_json else _cells(one), as_json=as_json)

        with contextlib.suppress(KeyboardInterrupt):
            there.follow(show, **wanted)
    elif wait:
        found = there.get("logins", "wait", timeout=wait, **wanted)["attempt"]
        if found is None:
            output.fail(f"none came in {wait:g} s")
        _show(found, as_json=as_json)
    else:
        listed = there.rows("apps", there.app, "logins", most=limit, **wanted)
        output.print_rows(COLUMNS, listed[::-1], _cells, as_json=as_json)


def _moment(text: str) -> str | None:
    """Return the time that an option means, as the API reads it."""
    match = _AGO.fullmatch(text)
    if match is None:
        return text or None
    try:
        return rfc3339.on_wire(system_now() - timedelta(**{_UNITS[match[2]]: int(match[1])}))
    except OverflowError:
        output.fail(f"{text} is before all time")


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
    }
