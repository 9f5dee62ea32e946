"""Apps: list, create, replace keys, delete."""

import secrets as randomness

from skylogin.apps import names, token_secrets
from skylogin.database import Transaction
from skylogin.domain.stored_names import EVERY_APP
from skylogin.operations.operator import ConflictError, Operator, RefusedError, no_such_app
from skylogin.store import apps
from skylogin.store.apps import StoredApp

KEY_BYTES = 24


async def list_all(operator: Operator) -> list[StoredApp]:
    """Return every app but the default app, by name."""
    return await operator.store.run(apps.load_all, write=False)


async def list_names(operator: Operator, number: int) -> list[str]:
    """Return the names of the latest *number* apps, sorted."""
    return await operator.store.run(lambda tx: apps.load_names(tx, number), write=False)


async def get(operator: Operator, name: str) -> StoredApp:
    """Return the app called *name*. Raises MissingError."""
    stored = await operator.store.run(lambda tx: apps.load(tx, name), write=False)
    if stored is None:
        raise no_such_app(name)
    return stored


async def create(operator: Operator, name: str) -> StoredApp:
    """Create an app with its own keys and custom token secret.

    Raises RefusedError on an invalid name, ConflictError on one that is taken.
    """
    if not names.is_name(name):
        raise RefusedError(
            f"{name!r} is not a valid name: a name has 1 to 63 of a-z, 0-9 and '-', "
            "and neither begins nor ends with '-'"
        )
    now = operator.now()
    app = StoredApp(name, _new_key(), _new_key(), now)

    async def add(tx: Transaction) -> None:
        if name == operator.settings.app_name or not await apps.add(tx, app):
            raise ConflictError(f"an app called {name} already exists")
        await apps.prepare(tx, name, operator.settings.auth_record_keys)
        await token_secrets.keep_first(tx, name, now)

    await operator.act(EVERY_APP, "app.create", name, add)
    return app


async def rotate_keys(operator: Operator, name: str) -> StoredApp:
    """Replace an app's API key and master key; the old ones stop working within a second.

    Raises MissingError, and ConflictError for the default app.
    """
    _check_not_default(operator, name)
    api_key, master_key = _new_key(), _new_key()

    async def rotate(tx: Transaction) -> StoredApp:
        stored = await apps.load(tx, name)
        if stored is None:
            raise no_such_app(name)
        if stored.api_key is None:
            # Until now it shared the default app's secret.
            await token_secrets.keep_first(tx, name, operator.now())
        await apps.set_keys(tx, name, api_key, master_key)
        return stored._replace(api_key=api_key, master_key=master_key)

    return await operator.act(EVERY_APP, "app.rotate_keys", name, rotate)


async def delete(operator: Operator, name: str) -> None:
    """Delete an app with its users, records, secrets and login log.

    Raises MissingError, and ConflictError for the default app.
    """
    _check_not_default(operator, name)
    # A login attempt that was logged later could land in a new app of this name.
    await operator.flush(name)

    async def remove(tx: Transaction) -> None:
        if not await apps.remove(tx, name):
            raise no_such_app(name)

    await operator.act(EVERY_APP, "app.delete", name, remove)


def _check_not_default(operator: Operator, name: str) -> None:
    if name == operator.settings.app_name:
        raise ConflictError(
            f"{name} is the default app: change API_KEY and MASTER_KEY in the environment"
        )


def _new_key() -> str:
    return randomness.token_urlsafe(KEY_BYTES)
