"""`skylogin token`: make custom tokens, and say why one is refused."""

import json
import sys
from collections.abc import Mapping
from datetime import timedelta
from typing import Annotated, Any, NamedTuple

import typer

from skylogin.cli import environment, output
from skylogin.cli.target import DatabaseTarget, Target, reaching
from skylogin.clock import system_now
from skylogin.config import Settings
from skylogin.encoding import json_text
from skylogin.encoding.json_text import NotJsonError
from skylogin.operations import secrets
from skylogin.tokens import bad_tokens
from skylogin.tokens import explain as explaining
from skylogin.tokens import mint as minting
from skylogin.tokens.custom_token import Secret
from skylogin.tokens.jws import prepare_key

app = typer.Typer(help="Make custom tokens, and say why one is refused.", no_args_is_help=True)

SecretText = Annotated[
    str | None, typer.Option(help="The secret, instead of CUSTOM_TOKEN_SECRET or the database's.")
]


@app.command()
@reaching
def mint(  # noqa: PLR0913, PLR0917
    there: Target,
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
) -> None:
    """Print a custom token for SUBJECT, as an authentication server makes them."""
    claims: dict[str, object] = (
        {"skyprofile": output.read_object(profile, "--profile")} if profile else {}
    )
    claims |= dict(_read_claim(text) for text in claim or [])
    given = _given(there, secret)
    if given is None:
        order = {"sub": subject, "claims": claims, "expires_in": expires_in, "bad": bad or None}
        print(there.order("POST", "tokens", algorithm=algorithm, **order)["token"])
        return
    if not given:
        output.fail("no custom token secret is accepted: set CUSTOM_TOKEN_SECRET, or rotate one in")
    lifetime, text, now = timedelta(seconds=expires_in), given[0].text, system_now()
    try:
        if bad:
            token = bad_tokens.mint(
                bad, subject, text, now, claims, lifetime=lifetime, algorithm=algorithm
            )
        else:
            token = minting.mint(subject, text, now, lifetime, algorithm, claims)
    except ValueError as error:
        output.fail(str(error))
    print(token)


def _read_claim(text: str) -> tuple[str, object]:
    name, equals, value = text.partition("=")
    if not equals or not name:
        output.fail(f"--claim {text!r} is not name=value")
    try:
        return name, json_text.read_whole(value)
    except NotJsonError:
        return name, value


@app.command()
@reaching
def explain(
    there: Target,
    token: Annotated[str, typer.Argument(help="The token, or - to read it from standard input.")],
    secret: SecretText = None,
    as_json: output.AsJson = False,
) -> None:
    """Decode TOKEN and say whether it logs in, and why not. Exits with 1 if not."""
    if token == "-":
        token = sys.stdin.read().strip()
    given = _given(there, secret)
    if given is None:
        verdict = there.order("POST", "tokens", "explain", token=token)
    else:
        known = [Secret(one.name, prepare_key(one.text)) for one in given]
        rules = _settings(there).rules
        verdict = explaining.explain(token, known, system_now(), rules).as_dict()
    if as_json:
        output.print_json(verdict)
    else:
        _print_verdict(verdict)
    raise SystemExit(0 if verdict["accepted"] else 1)


def _print_verdict(verdict: Mapping[str, Any]) -> None:
    # rich is on the start-up list.
    from rich.console import Console  # noqa: PLC0415
    from rich.table import Table  # noqa: PLC0415
    from rich.text import Text  # noqa: PLC0415

    console = Console()
    table = Table(show_header=False, box=None)
    for part in ("header", "claims"):
        table.add_row(Text(part, style="bold"))
        for name, value in verdict[part].items():
            shown = json.dumps(value, ensure_ascii=False)
            note = verdict["times"].get(name, "") if part == "claims" else ""
            table.add_row(Text(f"  {name}"), Text(f"{shown}  {note}".rstrip()))
    console.print(table)
    style = "green" if verdict["accepted"] else "red"
    word = "accepted" if verdict["accepted"] else "refused"
    console.print(Text(f"{word}: {verdict['explanation']}", style=style))
    if not verdict["accepted"]:
        console.print(Text("answer: {status} {error} ({reason})".format(**verdict)))
    if verdict["contract_note"]:
        console.print(Text(verdict["contract_note"]))


class _GivenSecret(NamedTuple):
    name: str
    text: str


def _given(there: Target, text: str | None) -> list[_GivenSecret] | None:
    """Return the secrets that are known without asking anybody; None where somebody is asked.

    Those are the one that is given, and the one of the environment, but where there is a server:
    its own secret and its clock are what counts there.
    """
    if text:
        return [_GivenSecret("given", text)]
    if not isinstance(there, DatabaseTarget):
        return None
    fixed = secrets.in_environment(there.settings, there.app, system_now())
    return None if fixed is None else [_GivenSecret(one.id, one.secret) for one in fixed]


def _settings(there: Target) -> Settings:
    return (
        there.settings if isinstance(there, DatabaseTarget) else environment.storage_settings(None)
    )
