"""Which custom token secrets are accepted, and a cache that sees changes within seconds."""

import asyncio
import secrets
import time
from collections.abc import Callable, Sequence
from datetime import datetime

from skylogin.database import Store, Transaction
from skylogin.store import apps
from skylogin.store import secrets as stored_secrets
from skylogin.store.secrets import StoredSecret
from skylogin.tokens import jws
from skylogin.tokens.custom_token import Secret

ENVIRONMENT = "environment"
SECRET_BYTES = 32
FRESH_SECONDS = 1.0
# A token with an unknown signature has them read again; those of a flood share a look.
DOUBTED_SECONDS = 0.005
FIRST_SECRET = "first_custom_token_secret"


def generate(now: datetime) -> StoredSecret:
    """Return a new secret: 32 random bytes as urlsafe base64."""
    return StoredSecret(secrets.token_hex(8), secrets.token_urlsafe(SECRET_BYTES), now, None)


def accepted_texts(stored: Sequence[StoredSecret], now: datetime) -> list[str]:
    """Return the secrets of *stored* that are accepted at *now*, as an issuer needs them."""
    return [secret.secret for secret in stored if secret.accepted_at(now)]


class SecretCache:
    """The accepted secrets of an app, read again when they are older than a second.

    A secret in the environment is the only one: *fixed* is it, or nothing where
    the login is switched off.
    """

    def __init__(
        self,
        store: Store,
        app: str,
        fixed: str | None,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self._store = store
        self._app = app
        self._monotonic = monotonic
        self._fixed_text = fixed
        self._fixed: list[Secret] | None = None
        if fixed is not None:
            self._fixed = [_prepared(ENVIRONMENT, fixed)] if fixed else []
        self._stored: list[tuple[StoredSecret, Secret]] = []
        self._read_at = float("-inf")
        self._forgotten = 0
        self._looks = 0
        # Who comes while they are read waits, or would find none at the start.
        self._reading = asyncio.Lock()

    async def accepted(self, now: datetime) -> list[Secret]:
        """Return the secrets that a token may be signed with at *now*."""
        if self._fixed is not None:
            return self._fixed
        await self._refresh()
        return self._accepted(now)

    async def texts(self, now: datetime) -> list[str]:
        """Return the secrets that are accepted at *now* as an issuer needs them, newest first."""
        if self._fixed_text is not None:
            return [self._fixed_text] if self._fixed_text else []
        await self._refresh()
        return accepted_texts([stored for stored, _ in self._stored], now)

    async def _refresh(self) -> None:
        async with self._reading:
            while self._monotonic() - self._read_at >= FRESH_SECONDS:
                await self._read()

    def _accepted(self, now: datetime) -> list[Secret]:
        return [secret for stored, secret in self._stored if stored.accepted_at(now)]

    async def accepted_anew(self, now: datetime) -> list[Secret]:
        """Return the same, from a look that begins after the call.

        So a secret that was made before it on another node is among them.
        """
        if self._fixed is not None:
            return self._fixed
        looks = self._looks
        pause = self._read_at + DOUBTED_SECONDS - self._monotonic()
        if pause > 0:
            # Not while others wait for us.
            await asyncio.sleep(pause)
        async with self._reading:
            while self._looks == looks or self._read_at == float("-inf"):
                await self._read()
        return self._accepted(now)

    async def _read(self) -> None:
        moment, forgotten = self._monotonic(), self._forgotten
        self._looks += 1
        stored = await self._store.run(self._load, write=False)
        self._stored = [(one, _prepared(one.id, one.secret)) for one in stored]
        # Where they changed while they were read, they are read again.
        self._read_at = moment if forgotten == self._forgotten else float("-inf")

    def forget(self) -> None:
        """Have the secrets read again when they are next asked for."""
        self._forgotten += 1
        self._read_at = float("-inf")

    async def _load(self, tx: Transaction) -> list[StoredSecret]:
        return await stored_secrets.load(tx, self._app)


def _prepared(secret_id: str, text: str) -> Secret:
    return Secret(secret_id, jws.prepare_key(text))


async def keep_first(tx: Transaction, app: str, now: datetime) -> None:
    """Generate the first secret of *app* where it never had one; of several nodes, one does."""
    if await stored_secrets.load(tx, app):
        return
    new = generate(now)
    if await apps.keep_setting(tx, app, FIRST_SECRET, new.id) == new.id:
        await stored_secrets.add(tx, app, new)
