"""The custom token secrets that an app accepts. Changes apply within a second."""

import secrets
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from typing import NamedTuple

from skylogin import clock
from skylogin.apps.refreshed import Refreshed
from skylogin.database import Store, Transaction
from skylogin.store import apps
from skylogin.store import secrets as stored_secrets
from skylogin.store.secrets import StoredSecret
from skylogin.tokens import jws
from skylogin.tokens.custom_token import Secret

ENVIRONMENT = "environment"
SECRET_BYTES = 32
FIRST_SECRET = "first_custom_token_secret"
_LONG_AGO = datetime(1970, 1, 1, tzinfo=UTC)


def generate(now: datetime) -> StoredSecret:
    """Return a new secret: 32 random bytes as urlsafe base64."""
    return StoredSecret(secrets.token_hex(8), secrets.token_urlsafe(SECRET_BYTES), now, None)


def accepted_texts(stored: Sequence[StoredSecret], now: datetime) -> list[str]:
    """Return the texts of the secrets that are accepted at *now*."""
    return [secret.secret for secret in stored if secret.accepted_at(now)]


class _Prepared(NamedTuple):
    stored: StoredSecret
    secret: Secret


def _prepared(stored: StoredSecret) -> _Prepared:
    return _Prepared(stored, Secret(stored.id, jws.prepare_key(stored.secret)))


class SecretCache:
    """The secrets of an app, newest first.

    *fixed* is the environment's secret, which replaces those in the database: None if the
    environment has none, empty if login with custom token is off.
    """

    def __init__(
        self,
        store: Store,
        app: str,
        fixed: str | None,
        monotonic: Callable[[], float] = clock.monotonic,
    ) -> None:
        self._fixed = fixed

        async def load() -> list[_Prepared]:
            if self._fixed is None:
                stored = await store.run(lambda tx: stored_secrets.load(tx, app), write=False)
            elif self._fixed:
                stored = [StoredSecret(ENVIRONMENT, self._fixed, _LONG_AGO, None)]
            else:
                stored = []
            return [_prepared(one) for one in stored]

        self._known = Refreshed(load, monotonic)

    def put(self, stored: Sequence[StoredSecret]) -> None:
        """Use *stored*, which was just read from the database."""
        self._known.put([_prepared(one) for one in stored])

    def change(self, fixed: str | None) -> None:
        """Use another secret of the environment."""
        self._fixed = fixed
        self.forget()

    async def accepted(self, now: datetime) -> list[Secret]:
        """Return the secrets that may sign a token at *now*."""
        return _accepted(await self._known.get(), now)

    async def accepted_anew(self, now: datetime) -> list[Secret]:
        """Return the same from a load that begins now, and so sees what other servers made."""
        return _accepted(await self._known.get_newer(), now)

    async def texts(self, now: datetime) -> list[str]:
        """Return the texts of the secrets that may sign a token at *now*."""
        return accepted_texts([one.stored for one in await self._known.get()], now)

    async def last_texts(self, now: datetime) -> list[str]:
        """Return the same from the last load, even while the database cannot be used."""
        return accepted_texts([one.stored for one in await self._known.get_last()], now)

    def forget(self) -> None:
        """Load the secrets again at their next use."""
        self._known.forget()


def _accepted(known: Sequence[_Prepared], now: datetime) -> list[Secret]:
    return [one.secret for one in known if one.stored.accepted_at(now)]


async def keep_first(tx: Transaction, app: str, now: datetime) -> list[StoredSecret]:
    """Generate a secret if *app* never had one, and return its secrets.

    If several servers try, one succeeds.
    """
    stored = await stored_secrets.load(tx, app)
    if stored:
        return stored
    new = generate(now)
    if await apps.keep_setting(tx, app, FIRST_SECRET, new.id) != new.id:
        return await stored_secrets.load(tx, app)
    await stored_secrets.add(tx, app, new)
    return [new]
