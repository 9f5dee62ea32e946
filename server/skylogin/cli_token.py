"""`skylogin token`: make custom tokens, and say why one is refused."""

import json
import sys
from datetime import timedelta
from typing import Annotated

import typer

from skylogin import bad_tokens, cli, explaining, minting
from skylogin.clock import system_now
from skylogin.custom_token import Secret
from skylogin.jws import prepare_key

app = typer.Typer(help="Make custom tokens, and say why one is refused.", no_args_is_help=True)

SecretText = Annotated[
    str | None, typer.Option(help="The secret, instead of CUSTOM_TOKEN_SECRET or the database's.")
]


@app.command()
def mint(  # noqa: PLR0913, PLR0917
    subject: Annotated[str, typer.Argument(help="The claim sub.")],
    profile: Annotated[str, typer.Option(help="skyprofile, as a JSON object.")] = "",
    claim: Annotated[
        list[str] | None, typer.Option(help="name=value more claims; values are JSON or text.")
    ] = None,
    expires_in: Annotated[int, typer.Option(help="Seconds from now to exp.")] = 3600,
    algorithm: Annotated[str, typer.Option(help="HS256, HS384 or HS512.")] = "HS256",
    bad: Annotated[
        str, typer.Option(help=f"Make one that is refused: {', '.join(bad_tokens.KINDS)}.")
    ] = "",
    secret: SecretText = None,
    database: cli.Database = None,
) -> None:
    """Print a custom token for SUBJECT, as an authentication server makes them."""
    claims: dict[str, object] = (
        {"skyprofile": cli.read_object(profile, "--profile")} if profile else {}
    )
    claims |= dict(_read_claim(text) for text in claim or [])
    texts = _secret_texts(secret, database)
    if not texts:
        cli.fail("no custom token secret is accepted: set CUSTOM_TOKEN_SECRET, or rotate one in")
    lifetime, text, now = timedelta(seconds=expires_in), texts[0][1], system_now()
    try:
        if bad:
            token = bad_tokens.mint(
                bad, subject, text, now, claims, lifetime=lifetime, algorithm=algorithm
            )
        else:
            token = minting.mint(subject, text, now, lifetime, algorithm, claims)
    except ValueError as error:
        cli.fail(str(error))
    print(token)


def _read_claim(text: str) -> tuple[str, object]:
    name, equals, value = text.partition("=")
    if not equals or not name:
        cli.fail(f"--claim {text!r} is not name=value")
    try:
        return name, json.loads(value)
    except ValueError:
        return name, value


@app.command()
def explain(
    token: Annotated[str, typer.Argument(help="The token, or - to read it from standard input.")],
    secret: SecretText = None,
    database: cli.Database = None,
    as_json: cli.AsJson = False,
) -> None:
    """Decode TOKEN and say whether it logs in, and why not. Exits with 1 if not."""
    if token == "-":
        token = sys.stdin.read().strip()
    settings = cli.storage_settings(database)
    known = [Secret(name, prepare_key(text)) for name, text in _secret_texts(secret, database)]
    verdict = explaining.explain(token, known, system_now(), explaining.rules_of(settings))
    if as_json:
        cli.print_json(verdict.as_dict())
    else:
        _print_verdict(verdict)
    raise SystemExit(0 if verdict.accepted else 1)


def _print_verdict(verdict: explaining.Verdict) -> None:
    # rich is on the start-up list.
    from rich.console import Console  # noqa: PLC0415
    from rich.table import Table  # noqa: PLC0415
    from rich.text import Text  # noqa: PLC0415

    console = Console()
    table = Table(show_header=False, box=None)
    for part, values in (("header", verdict.header), ("claims", verdict.claims)):
        table.add_row(Text(part, style="bold"))
        for name, value in values:
            shown = json.dumps(value, ensure_ascii=False)
            note = verdict.notes.get(name, "") if part == "claims" else ""
            table.add_row(Text(f"  {name}"), Text(f"{shown}  {note}".rstrip()))
    console.print(table)
    style = "green" if verdict.accepted else "red"
    word = "accepted" if verdict.accepted else "refused"
    console.print(Text(f"{word}: {verdict.explanation}", style=style))
    if not verdict.accepted:
        console.print(Text(f"answer: {verdict.status} {verdict.error} ({verdict.reason})"))
    if verdict.contract_note:
        console.print(Text(verdict.contract_note))


def _secret_texts(given: str | None, database: str | None) -> list[tuple[str, str]]:
    """Return the secrets with their names: given, from the environment, or from the database."""
    if given:
        return [("given", given)]
    settings = cli.storage_settings(database)
    return [(one.id, one.secret) for one in cli.accepted_secrets(settings, settings.app_name)]
