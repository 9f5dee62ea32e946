"""What an operator does: one function per act. The commands call these and nothing else."""

import secrets as randomness
from dataclasses import dataclass
from datetime import datetime, timedelta

from skylogin import app_names, token_secrets
from skylogin.config import Settings
from skylogin.store import Store, Transaction, apps, secrets
from skylogin.store.apps import StoredApp
from skylogin.store.secrets import StoredSecret

OVERLAP = timedelta(hours=24)
KEY_BYTES = 24


class AppRefusedError(Exception):
    """An app of this name cannot be made; the text says why."""


async def list_apps(store: Store) -> list[StoredApp]:
    """Return every app but the one of the environment, by name."""
    return await store.run(apps.load_all, write=False)


async def create_app(store: Store, settings: Settings, name: str, now: datetime) -> StoredApp:
    """Make an app with keys and a custom token secret of its own. Raises AppRefusedError."""
    if not app_names.is_name(name):
        raise AppRefusedError(
            f"{name!r} names no app: a name has 1 to 63 of a-z, 0-9 and '-', "
            "and neither begins nor ends with '-'"
        )
    app = StoredApp(
        name,
        randomness.token_urlsafe(KEY_BYTES),
        randomness.token_urlsafe(KEY_BYTES),
        now,
    )

    async def create(tx: Transaction) -> bool:
        if name == settings.app_name or not await apps.add(tx, app):
            return False
        await apps.prepare(tx, name, settings.auth_record_keys)
        await token_secrets.keep_first(tx, name, now)
        return True

    async def is_there(tx: Transaction) -> bool:
        return await apps.load(tx, name) == app

    if not await store.run(create, witness=is_there):
        raise AppRefusedError(f"there is an app called {name}")
    return app


class NoSuchSecretError(Exception):
    """The id names no secret that is accepted."""


@dataclass(frozen=True, slots=True)
class Rotation:
    """A secret that was made, and those that it replaces, each with its end."""

    new: StoredSecret
    old: tuple[StoredSecret, ...]


async def list_secrets(store: Store, app: str) -> list[StoredSecret]:
    """Return every custom token secret that *app* ever had, the newest first."""
    return await store.run(lambda tx: secrets.load(tx, app), write=False)


async def rotate_secret(
    store: Store, app: str, now: datetime, overlap: timedelta = OVERLAP
) -> Rotation:
    """Make a new secret; those accepted so far end after *overlap*, or sooner if they did."""

    new = token_secrets.generate(now)

    async def rotate(tx: Transaction) -> Rotation:
        for secret in await secrets.load(tx, app):
            await secrets.end(tx, app, secret.id, now + overlap)
        await secrets.add(tx, app, new)
        everything = await secrets.load(tx, app)
        old = [one for one in everything if one.id != new.id and one.accepted_at(now)]
        return Rotation(new, tuple(old))

    async def is_there(tx: Transaction) -> bool:
        return any(secret.id == new.id for secret in await secrets.load(tx, app))

    return await store.run(rotate, witness=is_there)


async def revoke_secret(store: Store, app: str, secret_id: str, now: datetime) -> None:
    """End a secret now; every node refuses it within 2 seconds. Raises NoSuchSecretError."""

    async def has_ended(tx: Transaction) -> bool:
        everything = await secrets.load(tx, app)
        return any(one.id == secret_id and one.ends_at == now for one in everything)

    if not await store.run(lambda tx: secrets.end(tx, app, secret_id, now), witness=has_ended):
        raise NoSuchSecretError(secret_id)
