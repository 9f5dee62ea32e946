"""`skylogin logins`: attempts to log in, those that were and those that come."""

import asyncio
import contextlib
from contextlib import aclosing
from typing import Annotated

import typer

from skylogin import cli, rfc3339
from skylogin.journal import Entry, Filter
from skylogin.operations import attempts
from skylogin.operations.attempts import AttemptPage
from skylogin.operations.operator import Operator

COLUMNS = ("at", "verdict", "reason", "subject", "explanation")
ROWS_MAX = 1000


def logins(  # noqa: PLR0913, PLR0917
    follow: Annotated[bool, typer.Option("--follow", "-f", help="Go on as they come.")] = False,
    refused: Annotated[bool, typer.Option("--refused", help="Only those refused.")] = False,
    subject: Annotated[str, typer.Option(help="Only those of this principal.")] = "",
    reason: Annotated[str, typer.Option(help="Only those with this reason.")] = "",
    limit: Annotated[int, typer.Option(help="How many at most.", min=1, max=ROWS_MAX)] = 20,
    app_name: cli.AppName = "",
    database: cli.Database = None,
    as_json: cli.AsJson = False,
) -> None:
    """List attempts to log in, the newest last, and say why each was refused."""
    wanted = Filter(accepted=False if refused else None, reason=reason, subject=subject)
    if follow:
        with contextlib.suppress(KeyboardInterrupt):
            cli.in_app(
                database,
                app_name,
                lambda operator, app: _follow(operator, app, wanted, as_json=as_json),
            )
        return
    page: AttemptPage = cli.in_app(
        database, app_name, lambda operator, app: attempts.find(operator, app, wanted, "", limit)
    )
    rows = [_row(one) for one in reversed(page.attempts)]
    cli.print_rows(COLUMNS, rows, as_json=as_json)


async def _follow(operator: Operator, app: str, wanted: Filter, *, as_json: bool) -> None:
    async with aclosing(attempts.follow(operator, app, wanted)) as following:
        with contextlib.suppress(asyncio.CancelledError):
            async for attempt in following:
                row = _row(attempt)
                if as_json:
                    cli.print_line(row)
                else:
                    print(*row.values(), sep="\t", flush=True)


def _row(entry: Entry) -> dict[str, str]:
    return {
        "at": rfc3339.on_wire(entry.at),
        "verdict": "accepted" if entry.accepted else "refused",
        "reason": entry.reason,
        "subject": entry.subject,
        "explanation": entry.details["explanation"],
    }
