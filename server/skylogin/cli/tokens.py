"""`skylogin token`: make custom tokens, and explain why one is refused."""

import json
import sys
from collections.abc import Mapping
from datetime import timedelta
from typing import Annotated, Any

import typer

from skylogin.cli import environment, output
from skylogin.cli.command import with_app_target
from skylogin.cli.database_target import DatabaseTarget
from skylogin.cli.target import Target, check_is_json
from skylogin.clock import system_now
from skylogin.config import Settings
from skylogin.domain import text_file
from skylogin.domain.text_file import NotTextError
from skylogin.encoding import json_text
from skylogin.encoding.json_text import NotJsonError
from skylogin.operations import secrets, tokens
from skylogin.store.secrets import StoredSecret
from skylogin.tokens import bad_tokens

app = typer.Typer(help="Make custom tokens, and explain why one is refused.", no_args_is_help=True)

SecretText = Annotated[
    str | None,
    typer.Option(help="A secret to use instead of CUSTOM_TOKEN_SECRET or the database's."),
]


@app.command()
@with_app_target
def mint(  # noqa: PLR0913, PLR0917
    target: Target,
    subject: Annotated[str, typer.Argument(help="The sub claim.")],
    profile: Annotated[str, typer.Option(help="The skyprofile claim, as a JSON object.")] = "",
    claim: Annotated[
        list[str] | None,
        typer.Option(help="Another claim, as name=value. The value is JSON or text."),
    ] = None,
    expires_in: Annotated[int, typer.Option(help="Seconds until the token expires.")] = 3600,
    algorithm: Annotated[str, typer.Option(help="HS256, HS384 or HS512.")] = "HS256",
    bad: Annotated[
        str, typer.Option(help=f"Make a token that is refused: {', '.join(bad_tokens.KINDS)}.")
    ] = "",
    secret: SecretText = None,
    as_json: output.AsJson = False,
) -> None:
    """Print a custom token for SUBJECT, as an authentication server would make it."""
    claims: dict[str, object] = (
        {"skyprofile": output.read_object(profile, "--profile")} if profile else {}
    )
    claims |= dict(_read_claim(text) for text in claim or [])
    check_is_json([subject, claims])
    known = _known_secrets(target, secret)
    if known is None:
        order = {"sub": subject, "claims": claims, "expires_in": expires_in, "bad": bad or None}
        token = target.ask_app("POST", "tokens", algorithm=algorithm, **order)["token"]
    elif known:
        claims, lifetime = {"sub": subject, **claims}, timedelta(seconds=expires_in)
        wanted = tokens.TokenOrder(claims, lifetime, algorithm, bad)
        token = wanted.sign(known[0].secret, system_now())
    else:
        output.fail(
            "no custom token secret: set CUSTOM_TOKEN_SECRET or run `skylogin secret rotate`"
        )
    output.print_result({"token": token}, token, as_json=as_json)


def _read_claim(text: str) -> tuple[str, object]:
    name, equals, value = text.partition("=")
    if not equals or not name:
        output.fail(f"--claim {text!r} is not name=value")
    try:
        return name, json_text.read_whole(value)
    except NotJsonError:
        return name, value


@app.command()
@with_app_target
def explain(
    target: Target,
    token: Annotated[str, typer.Argument(help="The token, or - for standard input.")],
    secret: SecretText = None,
    as_json: output.AsJson = False,
) -> None:
    """Decode TOKEN and explain whether a login accepts it. Exits with 1 if not."""
    if token == "-":
        token = _read_input().strip()
    known = _known_secrets(target, secret)
    if known is None:
        verdict = target.ask_app("POST", "tokens", "explain", token=token)
    else:
        rules = _settings(target).rules
        verdict = tokens.explain_with(known, token, system_now(), rules).as_dict()
    if as_json:
        output.print_json(verdict)
    else:
        _print_verdict(verdict)
    raise SystemExit(0 if verdict["accepted"] else 1)


def _read_input() -> str:
    """Return the text of standard input. Exits with 1 if it is not UTF-8."""
    try:
        return text_file.read(sys.stdin.buffer.read())
    except NotTextError as error:
        output.fail(f"standard input {error}")


def _print_verdict(verdict: Mapping[str, Any]) -> None:
    facts = []
    for part in ("header", "claims"):
        facts.append((part, ""))
        for name, value in verdict[part].items():
            note = verdict["times"].get(name, "") if part == "claims" else ""
            text = json.dumps(value, ensure_ascii=False)
            facts.append((f"  {name}", f"{text}  {note}".rstrip()))
    output.print_facts(facts)
    word = "accepted" if verdict["accepted"] else "refused"
    output.say(f"{word}: {verdict['explanation']}")
    if not verdict["accepted"]:
        output.say("answer: {status} {error} ({reason})".format(**verdict))
    if verdict["contract_note"]:
        output.say(verdict["contract_note"])


def _known_secrets(target: Target, text: str | None) -> list[StoredSecret] | None:
    """Return the secrets of the option or the environment, or None if the target must be asked.

    A server is always asked, because its own secrets and clock apply.
    """
    if text:
        return [StoredSecret("given", text, system_now(), None)]
    if not isinstance(target, DatabaseTarget):
        return None
    return secrets.in_environment(target.settings, target.app, system_now())


def _settings(target: Target) -> Settings:
    if isinstance(target, DatabaseTarget):
        return target.settings
    return environment.storage_settings(None)
