"""Custom token secrets: list, rotate with an overlap, revoke."""

from dataclasses import dataclass
from datetime import datetime, timedelta

from skylogin.apps import token_secrets
from skylogin.apps.login_counter import USES_AGE_MAX
from skylogin.config import Settings
from skylogin.database import Transaction
from skylogin.operations.operator import ConflictError, MissingError, Operator, RefusedError
from skylogin.store import apps, secrets
from skylogin.store.secrets import StoredSecret

OVERLAP = timedelta(hours=24)
OVERLAP_MAX = timedelta(days=366)


@dataclass(frozen=True, slots=True)
class Rotation:
    """A new secret, and the ones that it replaces, each with the time it expires."""

    new: StoredSecret
    old: tuple[StoredSecret, ...]


def in_environment(settings: Settings, app: str, now: datetime) -> list[StoredSecret] | None:
    """Return the secrets that the environment sets for *app*, None if it sets none."""
    if app != settings.app_name or settings.custom_token_secret is None:
        return None
    text = settings.custom_token_secret
    return [StoredSecret(token_secrets.ENVIRONMENT, text, now, None)] if text else []


def check_changeable(settings: Settings, app: str) -> None:
    """Raise ConflictError if the environment sets the secret of *app*."""
    if app == settings.app_name and settings.custom_token_secret is not None:
        raise ConflictError(
            "CUSTOM_TOKEN_SECRET is set in the environment or in .env: change it there"
        )


@dataclass(frozen=True, slots=True)
class Listing:
    """The secrets of an app, newest first; *is_fixed* if the app itself cannot change them."""

    secrets: list[StoredSecret]
    is_fixed: bool


async def listing(operator: Operator, app: str) -> Listing:
    """Return every secret that *app* uses: the environment's, its own, or the default app's."""
    return await operator.store.run(lambda tx: _listing(tx, operator, app), write=False)


async def _listing(tx: Transaction, operator: Operator, app: str) -> Listing:
    owner, default = app, operator.settings.app_name
    if app != default:
        # An app without its own keys uses the default app's secrets too.
        stored = await apps.load(tx, app)
        owner = default if stored is not None and stored.api_key is None else app
    fixed = in_environment(operator.settings, owner, operator.now())
    if fixed is not None:
        return Listing(fixed, is_fixed=True)
    return Listing(await secrets.load(tx, owner), is_fixed=owner != app)


async def _check_own(tx: Transaction, operator: Operator, app: str) -> None:
    """Raise ConflictError if *app* uses the default app's secrets."""
    stored = await apps.load(tx, app)
    if stored is not None and stored.api_key is None:
        raise ConflictError(
            f"{app} uses the secrets of {operator.settings.app_name}: "
            f"change them there, or give {app} its own keys"
        )


async def list_accepted(operator: Operator, app: str) -> list[StoredSecret]:
    """Return the secrets that a custom token may be signed with now, newest first."""
    now = operator.now()
    listed = (await listing(operator, app)).secrets
    return [one for one in listed if one.accepted_at(now)]


async def get(operator: Operator, app: str, secret_id: str) -> StoredSecret:
    """Return one secret with its text. Raises MissingError."""
    for secret in (await listing(operator, app)).secrets:
        if secret.id == secret_id:
            return secret
    raise MissingError(f"there is no secret {secret_id}")


async def rotate(operator: Operator, app: str, overlap: timedelta = OVERLAP) -> Rotation:
    """Make a new secret; the old ones expire after *overlap*, or earlier if they already did.

    Raises ConflictError if the environment sets the secret, RefusedError on an overlap that is
    negative or longer than a year.
    """
    check_changeable(operator.settings, app)
    if not timedelta() <= overlap <= OVERLAP_MAX:
        raise RefusedError(f"an overlap is between 0 and {OVERLAP_MAX.days * 24} hours")
    now = operator.now()
    new = token_secrets.generate(now)

    async def work(tx: Transaction) -> Rotation:
        await _check_own(tx, operator, app)
        for secret in await secrets.load(tx, app):
            await secrets.end(tx, app, secret.id, now + overlap)
        await secrets.add(tx, app, new)
        await secrets.drop_ended(tx, app, now - USES_AGE_MAX)
        everything = await secrets.load(tx, app)
        old = [one for one in everything if one.id != new.id and one.accepted_at(now)]
        return Rotation(new, tuple(old))

    details = {"overlap_hours": overlap / timedelta(hours=1)}
    return await operator.act(app, "secret.rotate", new.id, work, details)


async def revoke(operator: Operator, app: str, secret_id: str) -> None:
    """Revoke a secret; every node refuses it within 2 seconds.

    Raises MissingError, and ConflictError if the environment sets the secret.
    """
    check_changeable(operator.settings, app)
    now = operator.now()

    async def work(tx: Transaction) -> None:
        await _check_own(tx, operator, app)
        if not await secrets.end(tx, app, secret_id, now):
            raise MissingError(f"no accepted secret has the id {secret_id}")

    await operator.act(app, "secret.revoke", secret_id, work)
