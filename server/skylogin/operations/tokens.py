"""Custom tokens: explain one, and make one if that is allowed."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
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
    """Return how a login would end with *accepted* secrets. Raises RefusedError on a bad one."""
    try:
        keys = [Secret(one.id, jws.prepare_key(one.secret)) for one in accepted]
    except ValueError as error:
        raise RefusedError(str(error)) from None
    return explaining.explain(token, keys, now, rules)


@dataclass(frozen=True, slots=True)
class TokenOrder:
    """A custom token to make. *claims* contain its `sub`; *bad* names a kind that is refused."""

    claims: Mapping[str, object]
    lifetime: timedelta = timedelta(hours=1)
    algorithm: str = "HS256"
    bad: str = ""

    def sign(self, secret: str, now: datetime) -> str:
        """Return the token, signed with *secret*. Raises RefusedError on unusable values."""
        subject, lifetime, algorithm = str(self.claims["sub"]), self.lifetime, self.algorithm
        try:
            if not self.bad:
                return minting.mint(subject, secret, now, lifetime, algorithm, self.claims)
            given = (self.bad, subject, secret, now, self.claims)
            return bad_tokens.mint(*given, lifetime=lifetime, algorithm=algorithm)
        except ValueError as error:
            raise RefusedError(str(error)) from None


async def mint(operator: Operator, app: str, order: TokenOrder) -> str:
    """Return a custom token such as an authentication server makes.

    Raises RefusedError under `skylogin serve` and on an unknown kind of bad token, and
    ConflictError if no secret is accepted.
    """
    if operator.settings.mode != DEV:
        raise RefusedError("only `skylogin dev` makes custom tokens: your own server signs them")
    return order.sign(await _signing_secret(operator, app), operator.now())


async def _signing_secret(operator: Operator, app: str) -> str:
    """Return the newest secret. Raises ConflictError if none is accepted."""
    if operator.apps is not None:
        accepted = await operator.apps.signing_secrets(app, operator.now())
    else:
        accepted = [one.secret for one in await secrets.list_accepted(operator, app)]
    if not accepted:
        raise ConflictError("no custom token secret is accepted: make a new one")
    return accepted[0]
