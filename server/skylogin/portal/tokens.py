"""The page Token, which explains and makes custom tokens."""

from datetime import timedelta
from typing import Any

from aiohttp import web

from skylogin.config import DEV
from skylogin.operations import tokens
from skylogin.operations.operator import RefusedError
from skylogin.operations.tokens import TokenOrder
from skylogin.portal.request import PageRequest, read_object, status_with
from skylogin.tokens import bad_tokens

SECONDS_MAX = 10**9


async def show_token(request: PageRequest, **more: Any) -> web.Response:
    """Show the forms for tokens."""
    values: dict[str, Any] = {
        "token": "",
        "verdict": None,
        "minted": "",
        "problem": "",
        "subject": "alice",
        "profile": "{}",
        "expires_in": "3600",
        "bad": "",
        "bad_kinds": bad_tokens.KINDS,
        "can_mint": request.operator.settings.mode == DEV,
        **more,
    }
    return request.render("token.html", status=status_with(values["problem"]), **values)


async def explain_token(request: PageRequest) -> web.Response:
    """Explain how a login with a token would end."""
    token = request.text("token")
    verdict = await tokens.explain(request.operator, request.app, token)
    return await show_token(request, token=token, verdict=verdict)


async def mint_token(request: PageRequest) -> web.Response:
    """Make a token, or a bad one of the chosen kind, and explain it."""
    typed = {name: request.text(name) for name in ("subject", "profile", "expires_in", "bad")}
    try:
        profile = read_object(typed["profile"] or "{}", "The profile")
        lifetime = timedelta(seconds=_read_seconds(typed["expires_in"]))
        claims = {"sub": typed["subject"], "skyprofile": profile}
        order = TokenOrder(claims, lifetime, bad=typed["bad"])
        minted = await tokens.mint(request.operator, request.app, order)
    except RefusedError as error:
        return await show_token(request, **typed, problem=str(error))
    verdict = await tokens.explain(request.operator, request.app, minted)
    return await show_token(request, **typed, minted=minted, token=minted, verdict=verdict)


def _read_seconds(text: str) -> int:
    try:
        seconds = int(text)
    except ValueError:
        raise RefusedError(f"{text!r} is not a whole number of seconds.") from None
    if abs(seconds) > SECONDS_MAX:
        raise RefusedError(f"{text} seconds is out of range.")
    return seconds
