"""Custom tokens: explain one, and make one if that is allowed."""

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta

from skylogin.config import DEV
from skylogin.operations import secrets
from skylogin.operations.operator import ConflictError, Operator, RefusedError
from skylogin.store.secrets import StoredSecret
from skylogin.tokens import bad_tokens, jws
from skylogin.tokens import explain as explaining
from skylogin.tokens import mint as minting
from skylogin.tokens.custom_token import Rules, Secret
from skylogin.tokens.explain import Verdict


async def explain(operator: Operator, app: str, token: str) -> Verdict:
    """Return how a login with *token* would end now, without logging in."""
    accepted = await secrets.list_accepted(operator, app)
    return explain_with(accepted, token, operator.now(), operator.settings.rules)


def explain_with(
    accepted: Sequence[StoredSecret], token: str, now: datetime, rules: Rules
) -> Verdict:
    """Return how a login would end with these secrets. Raises RefusedError on an unusable one."""
    try:
        keys = [Secret(one.id, jws.prepare_key(one.secret)) for one in accepted]
    except ValueError as error:
        raise RefusedError(str(error)) from None
    return explaining.explain(token, keys, now, rules)


async def mint(  # noqa: PLR0913, PLR0917
    operator: Operator,
    app: str,
    claims: Mapping[str, object],
    lifetime: timedelta = timedelta(hours=1),
    algorithm: str = "HS256",
    bad: str = "",
) -> str:
    """Return a custom token as an authentication server makes it; *claims* contain its `sub`.

    *bad* names a kind of token that is refused. Raises RefusedError under `skylogin serve` and on
    an unknown kind, and ConflictError if no secret is accepted.
    """
    if operator.settings.mode != DEV:
        raise RefusedError("only `skylogin dev` makes custom tokens: your own server signs them")
    secret = await _signing_secret(operator, app)
    return mint_with(secret, claims, operator.now(), lifetime, algorithm, bad)


def mint_with(  # noqa: PLR0913, PLR0917
    secret: str,
    claims: Mapping[str, object],
    now: datetime,
    lifetime: timedelta,
    algorithm: str,
    bad: str,
) -> str:
    """Return a custom token signed with *secret*. Raises RefusedError on unusable values."""
    subject = str(claims["sub"])
    try:
        if not bad:
            return minting.mint(subject, secret, now, lifetime, algorithm, claims)
        return bad_tokens.mint(
            bad, subject, secret, now, claims, lifetime=lifetime, algorithm=algorithm
        )
    except ValueError as error:
        raise RefusedError(str(error)) from None


async def _signing_secret(operator: Operator, app: str) -> str:
    """Return the newest secret. Raises ConflictError if none is accepted."""
    if operator.apps is not None:
        accepted = await operator.apps.signing(app, operator.now())
    else:
        accepted = [one.secret for one in await secrets.list_accepted(operator, app)]
    if not accepted:
        raise ConflictError("no custom token secret is accepted: make a new one")
    return accepted[0]
