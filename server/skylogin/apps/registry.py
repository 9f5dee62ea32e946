"""The apps that this server serves, opened at their first use."""

import asyncio
import functools
import hashlib
import hmac
import secrets as randomness
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import NamedTuple

from skylogin.apps import names, token_secrets
from skylogin.apps.calls import Calls
from skylogin.apps.clock import Clock, Reading
from skylogin.apps.faults import Faults
from skylogin.apps.login_log import LoginLog
from skylogin.apps.outbox import Outbox
from skylogin.apps.refreshed import Refreshed
from skylogin.apps.stubs import AddedStub, Stubs
from skylogin.apps.token_secrets import SecretCache
from skylogin.apps.token_stores import TokenStore, TokenStores
from skylogin.clock import monotonic
from skylogin.config import DEV, Settings
from skylogin.database import Store, Transaction
from skylogin.domain.access import AccessRules
from skylogin.ids import IdMaker
from skylogin.store import access_rules, apps
from skylogin.store.apps import StoredApp
from skylogin.store.snapshots import AppSnapshot

MADE_BY_USE_MAX = 1000
# An empty app that was idle for this long makes room for a new one.
IDLE_SECONDS, REMOVED_AT_ONCE = 600, 20


class NamedSnapshot(NamedTuple):
    """An app at one time by its clock: its rows by table, its clock's reading and its stubs."""

    name: str
    at: datetime
    rows: Mapping[str, Sequence[Mapping[str, object]]]
    clock: Reading
    stubs: Sequence[AddedStub] = ()


@dataclass(slots=True)
class App:
    """An open app: its keys, and what belongs to it alone."""

    name: str
    api_key: str
    master_key: str
    secrets: SecretCache
    access_rules: Refreshed[AccessRules]
    login_log: LoginLog
    tokens: TokenStore
    # For tests under `skylogin dev`.
    clock: Clock
    faults: Faults = field(default_factory=Faults)
    stubs: Stubs = field(default_factory=Stubs)
    calls: Calls = field(default_factory=Calls)
    outbox: Outbox = field(default_factory=Outbox)
    snapshots: dict[str, NamedSnapshot] = field(default_factory=dict)
    # The rows of the new app; set by the first reset.
    first: AppSnapshot | None = None
    # None for the default app.
    created_at: datetime | None = None
    # By the monotonic clock.
    used_at: float = field(default_factory=monotonic)


class AppRegistry:
    """Finds apps by name. New keys and deleted apps are seen within a second."""

    def __init__(
        self, settings: Settings, store: Store, now: Callable[[], datetime], ids: IdMaker
    ) -> None:
        self._settings = settings
        self._store = store
        self._now = now
        self._token_stores = TokenStores(settings, ids)
        self._open: dict[str, App] = {}
        self._known: dict[str, Refreshed[App | None]] = {}
        self._opening = asyncio.Lock()
        self._key = b""
        store.metrics.log_waiting.follow(
            lambda: sum(app.login_log.waiting for app in self._open.values())
        )

    async def open_default(self) -> App:
        """Prepare the default app in the database and return it."""
        settings, now = self._settings, self._now()

        secrets = SecretCache(self._store, settings.app_name, settings.custom_token_secret)

        async def prepare(tx: Transaction) -> str:
            await apps.prepare(tx, settings.app_name, settings.auth_record_keys)
            if settings.custom_token_secret is None:
                stored = await token_secrets.keep_first(tx, settings.app_name, now)
                tx.on_commit.append(lambda: secrets.put(stored))
            if settings.token_store_secret:
                return settings.token_store_secret
            generated = randomness.token_urlsafe(token_secrets.SECRET_BYTES)
            return await apps.keep_setting(tx, settings.app_name, "token_store_secret", generated)

        await self._token_stores.open()
        self._key = (await self._store.run(prepare)).encode()
        keys = settings.api_key, settings.master_key
        return await self._open_app(settings.app_name, keys, secrets, self._key)

    async def find(self, name: str, *, may_make: bool = True) -> App | None:
        """Return the app called *name*, None if it does not exist; empty means the default app.

        `skylogin dev` makes an app at its first use, if *may_make* allows it.
        """
        if name in ("", self._settings.app_name):
            return self._open[self._settings.app_name]
        if name not in self._known:
            if not names.is_name(name):
                return None
            self._known[name] = Refreshed(functools.partial(self._look_up, name))
        known = self._known[name]
        app = await known.get()
        if app is None and may_make and self._settings.mode == DEV:
            await self._make_by_use(name)
            known.forget()
            app = await known.get()
        if app is None:
            self._known.pop(name, None)
        else:
            app.used_at = monotonic()
        return app

    async def _look_up(self, name: str) -> App | None:
        """Return the app with its current keys, opened if it is not open yet."""
        stored = await self._store.run(lambda tx: apps.load(tx, name), write=False)
        app = self._open.get(name)
        if stored is None or app is None or app.created_at != stored.created_at:
            app = await self._open_or_close(name)
        else:
            self._take_keys(app, stored)
        return app

    async def _open_or_close(self, name: str) -> App | None:
        async with self._opening:
            # Another call may have opened it meanwhile.
            stored = await self._store.run(lambda tx: apps.load(tx, name), write=False)
            app = self._open.get(name)
            if app is not None and (stored is None or app.created_at != stored.created_at):
                # It was deleted, so its waiting log entries are dropped.
                await app.login_log.forget()
                await self._close(name)
                app = None
            if stored is None:
                return None
            if app is None:
                app = await self._open_stored(stored)
            self._take_keys(app, stored)
            return app

    def _take_keys(self, app: App, stored: StoredApp) -> None:
        app.api_key, app.master_key = self._keys_of(stored)
        app.secrets = self._secrets_of(stored)

    async def _make_by_use(self, name: str) -> None:
        """Make an app. If there are too many, first remove some that are idle and empty."""

        async def make(tx: Transaction) -> list[str]:
            removed = []
            if await apps.count_made_by_use(tx) >= MADE_BY_USE_MAX:
                before = self._now() - timedelta(seconds=IDLE_SECONDS)
                empty = await apps.load_empty(tx, before, MADE_BY_USE_MAX)
                removed = list(filter(self._is_idle, empty))[:REMOVED_AT_ONCE]
                if not removed:
                    return []
            for one in removed:
                await apps.remove(tx, one)
            await apps.add(tx, StoredApp(name, None, None, self._now()))
            return removed

        for one in await self._store.run(make):
            self._known.pop(one, None)
            await self._open_or_close(one)

    def _is_idle(self, name: str) -> bool:
        """Return whether no call has used the app for a while, and no test prepared it."""
        app = self._open.get(name)
        if app is None:
            return True
        is_prepared = (
            app.clock.is_moved or app.snapshots or app.faults.in_force() or app.stubs.all()
        )
        return not is_prepared and monotonic() - app.used_at >= IDLE_SECONDS

    async def _open_stored(self, stored: StoredApp) -> App:
        name, key_sets = stored.name, self._settings.auth_record_keys
        now = self._now()
        has_keys = stored.api_key is not None

        async def prepare(tx: Transaction) -> None:
            await apps.prepare(tx, name, key_sets)
            if has_keys:
                await token_secrets.keep_first(tx, name, now)

        await self._store.run(prepare)
        # An access token of one app is not valid in another.
        key = hmac.digest(self._key, f"app:{name}".encode(), hashlib.sha256).hex().encode()
        app = await self._open_app(name, self._keys_of(stored), self._secrets_of(stored), key)
        app.created_at = stored.created_at
        return app

    def _secrets_of(self, stored: StoredApp) -> SecretCache:
        """Return the secrets of an app; without its own keys, it uses the default app's."""
        default = self._open[self._settings.app_name].secrets
        if stored.api_key is None:
            return default
        app = self._open.get(stored.name)
        if app is not None and app.secrets is not default:
            return app.secrets
        return SecretCache(self._store, stored.name, None)

    def _keys_of(self, stored: StoredApp) -> tuple[str, str]:
        settings = self._settings
        return stored.api_key or settings.api_key, stored.master_key or settings.master_key

    async def _open_app(
        self, name: str, keys: tuple[str, str], secrets: SecretCache, key: bytes
    ) -> App:
        settings, store = self._settings, self._store
        login_log = LoginLog(
            store,
            name,
            rows_max=settings.login_log_rows_max,
            days=settings.login_log_days,
            now=self._now,
        )
        await login_log.open()

        async def load_access_rules() -> AccessRules:
            return await store.run(lambda tx: access_rules.load(tx, name), write=False)

        app = App(
            name,
            *keys,
            secrets=secrets,
            access_rules=Refreshed(load_access_rules),
            login_log=login_log,
            tokens=self._token_stores.open_token_store(name, key),
            clock=Clock(self._now),
        )
        self._open[name] = app
        return app

    def change(self, settings: Settings) -> None:
        """Use the keys and the custom token secret of *settings*."""
        self._settings = settings
        default = self._open[settings.app_name]
        default.api_key, default.master_key = settings.api_key, settings.master_key
        default.secrets.change(settings.custom_token_secret)
        # Apps without keys of their own use those of the default app.
        for known in self._known.values():
            known.forget()

    def forget(self, name: str) -> None:
        """Reload everything about an app after an operator changed something."""
        if name in self._known:
            self._known[name].forget()
        if name in self._open:
            self._open[name].secrets.forget()
            self._open[name].access_rules.forget()

    async def signing_secrets(self, name: str, now: datetime) -> list[str]:
        """Return the secrets that may sign an app's tokens at *now*, newest first."""
        app = await self.find(name, may_make=False)
        return [] if app is None else await app.secrets.texts(now)

    async def flush(self, name: str) -> None:
        """Write the waiting log entries of an app, so that they can be read."""
        if name in self._open:
            await self._open[name].login_log.write()

    async def _close(self, name: str) -> None:
        await self._open.pop(name).login_log.close()

    async def close(self) -> None:
        """Write waiting log entries, and close every app."""
        for name in list(self._open):
            await self._close(name)
        await self._token_stores.close()
