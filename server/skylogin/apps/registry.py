"""The apps that this server serves, opened when they are first asked for."""

import asyncio
import hashlib
import hmac
import secrets as randomness
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime

from skylogin.apps import names, token_secrets
from skylogin.apps.access_rules import AccessCache
from skylogin.apps.faults import Faults
from skylogin.apps.login_log import LoginLog
from skylogin.apps.token_secrets import SecretCache
from skylogin.apps.token_stores import TokenStore, TokenStores
from skylogin.clock import Clock, Reading
from skylogin.config import DEV, Settings
from skylogin.database import Store, Transaction
from skylogin.ids import IdMaker
from skylogin.store import apps
from skylogin.store.apps import StoredApp
from skylogin.store.snapshots import AppSnapshot

MADE_BY_USE_MAX = 1000
FRESH_SECONDS = 1.0


@dataclass(frozen=True, slots=True)
class NamedSnapshot:
    """An app as it was *at* a time by its clock: its rows by table, and how its clock stood."""

    name: str
    at: datetime
    rows: Mapping[str, Sequence[Mapping[str, object]]]
    clock: Reading


@dataclass(slots=True)
class App:
    """One app: its keys, and what is its alone."""

    name: str
    api_key: str
    master_key: str
    secrets: SecretCache
    login_log: LoginLog
    tokens: TokenStore
    access: AccessCache
    # What a test may move, break and keep; nobody does under `skylogin serve`.
    clock: Clock
    faults: Faults = field(default_factory=Faults)
    snapshots: dict[str, NamedSnapshot] = field(default_factory=dict)
    # What a new app has from the start, once somebody asked for a new one.
    first: AppSnapshot | None = None
    # When it was made, as the database has it; the default app always is.
    created_at: datetime | None = None


async def _do_nothing() -> None:
    pass


class AppRegistry:
    """Finds apps by name. Keys that change, or an app that goes, are seen within a second."""

    def __init__(
        self, settings: Settings, store: Store, now: Callable[[], datetime], ids: IdMaker
    ) -> None:
        self._settings = settings
        self._store = store
        self._now = now
        self._token_stores = TokenStores(settings, ids)
        self._apps: dict[str, App] = {}
        self._looked_at: dict[str, float] = {}
        self._key = b""
        # Who comes while an app is opened waits for it.
        self._opening = asyncio.Lock()

    async def open_default(self) -> App:
        """Prepare the app of the environment in the database and return it."""
        settings, now = self._settings, self._now()

        async def prepare(tx: Transaction) -> str:
            await apps.prepare(tx, settings.app_name, settings.auth_record_keys)
            if settings.custom_token_secret is None:
                await token_secrets.keep_first(tx, settings.app_name, now)
            if settings.token_store_secret:
                return settings.token_store_secret
            generated = randomness.token_urlsafe(token_secrets.SECRET_BYTES)
            return await apps.keep_setting(tx, settings.app_name, "token_store_secret", generated)

        await self._token_stores.open()
        self._key = (await self._store.run(prepare)).encode()
        secrets = SecretCache(self._store, settings.app_name, settings.custom_token_secret)
        keys = settings.api_key, settings.master_key
        return await self._open(settings.app_name, keys, secrets, self._key)

    async def find(self, name: str, *, may_make: bool = True) -> App | None:
        """Return the app called *name*, None where there is none; empty means the default one.

        Under `skylogin dev` an app is made as soon as it is asked for, if it *may* be.
        """
        default = self._settings.app_name
        if name in ("", default):
            return self._apps[default]
        if self._is_fresh(name):
            return self._apps[name]
        if not names.is_name(name):
            return None
        async with self._opening:
            is_fresh = self._is_fresh(name)
            return self._apps[name] if is_fresh else await self._look(name, may_make=may_make)

    def _is_fresh(self, name: str) -> bool:
        return time.monotonic() - self._looked_at.get(name, float("-inf")) < FRESH_SECONDS

    async def _look(self, name: str, *, may_make: bool) -> App | None:
        moment = time.monotonic()
        stored = await self._store.run(lambda tx: apps.load(tx, name), write=False)
        if stored is None and may_make and self._settings.mode == DEV:
            stored = await self._store.run(lambda tx: self._make_by_use(tx, name))
        if stored is None:
            await self._drop(name)
            return None
        app = self._apps.get(name)
        if app is not None and app.created_at != stored.created_at:
            # It was deleted, and another made.
            await self._drop(name)
            app = None
        app = app or await self._open_stored(stored)
        app.api_key, app.master_key = self._keys_of(stored)
        app.secrets = self._secrets_of(stored)
        self._looked_at[name] = moment
        return app

    async def _make_by_use(self, tx: Transaction, name: str) -> StoredApp | None:
        if await apps.count_made_by_use(tx) >= MADE_BY_USE_MAX:
            return None
        await apps.add(tx, StoredApp(name, None, None, self._now()))
        return await apps.load(tx, name)

    async def _open_stored(self, stored: StoredApp) -> App:
        name, key_sets = stored.name, self._settings.auth_record_keys
        now = self._now()
        # An app without keys of its own goes by the default one's secret too.
        is_stand_in = stored.api_key is None

        async def prepare(tx: Transaction) -> None:
            await apps.prepare(tx, name, key_sets)
            if not is_stand_in:
                await token_secrets.keep_first(tx, name, now)

        await self._store.run(prepare)
        # No app's access token opens another.
        key = hmac.digest(self._key, f"app:{name}".encode(), hashlib.sha256).hex().encode()
        app = await self._open(name, self._keys_of(stored), self._secrets_of(stored), key)
        app.created_at = stored.created_at
        return app

    def _secrets_of(self, stored: StoredApp) -> SecretCache:
        """Return the secrets of an app: one without keys of its own goes by the default's."""
        default = self._apps[self._settings.app_name].secrets
        if stored.api_key is None:
            return default
        known = self._apps.get(stored.name)
        if known is not None and known.secrets is not default:
            return known.secrets
        return SecretCache(self._store, stored.name, None)

    def _keys_of(self, stored: StoredApp) -> tuple[str, str]:
        settings = self._settings
        return stored.api_key or settings.api_key, stored.master_key or settings.master_key

    async def _open(
        self, name: str, keys: tuple[str, str], secrets: SecretCache, key: bytes
    ) -> App:
        settings, clock = self._settings, Clock(self._now)
        login_log = LoginLog(
            self._store,
            name,
            rows_max=settings.login_log_rows_max,
            days=settings.login_log_days,
            now=self._now,
        )
        await login_log.open()
        tokens = self._token_stores.open_token_store(name, key)
        access = AccessCache(self._store, name)
        app = App(name, *keys, secrets, login_log, tokens, access, clock)
        self._apps[name] = app
        return app

    def forget(self, name: str) -> None:
        """Have everything about an app read again: an operator changed something."""
        self._looked_at.pop(name, None)
        if name in self._apps:
            self._apps[name].secrets.forget()
            self._apps[name].access.forget()

    async def signing(self, name: str, now: datetime) -> list[str]:
        """Return what tokens of an app are signed with at *now*, the newest secret first."""
        app = await self.find(name, may_make=False)
        return [] if app is None else await app.secrets.texts(now)

    async def flush(self, name: str) -> None:
        """Have what still waits about an app written now, so that it can be read."""
        if name in self._apps:
            await self._apps[name].login_log.write()

    async def _close(self, name: str) -> None:
        app = self._apps.pop(name, None)
        self._looked_at.pop(name, None)
        if app is not None:
            await app.login_log.close()

    async def _drop(self, name: str) -> None:
        """Close an app that was deleted: what still waits to be written is nobody's."""
        if name in self._apps:
            await self._apps[name].login_log.forget(_do_nothing)
        await self._close(name)

    async def close(self) -> None:
        """Write what still waits."""
        for name in list(self._apps):
            await self._close(name)
        await self._token_stores.close()
