"""What handlers share while the server runs."""

import asyncio
import functools
import math
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any

from skylogin.actions import batches
from skylogin.actions.batches import LastSeen, LoggedAttempt, Lookup
from skylogin.apps.attempt_limits import FREE_FAILURES, AttemptLimits
from skylogin.apps.limits import Limits
from skylogin.apps.load import Load
from skylogin.apps.registry import App, AppRegistry
from skylogin.apps.shared_limits import SharedLimits
from skylogin.apps.trouble_log import TroubleLog
from skylogin.config import DEV, Settings
from skylogin.database import Store
from skylogin.database.group_commit import Batcher
from skylogin.domain.limit_table import CALLS_WAITING, PORTAL_SIGN_INS
from skylogin.domain.login import Login
from skylogin.domain.user import User
from skylogin.ids import IdMaker
from skylogin.metrics import Metrics
from skylogin.tokens.custom_token import Rules


@dataclass(slots=True)
class Services:
    """What handlers may use. *app* is the default app; each call has its own.

    Only *settings* are replaced while the server runs. *stopping* is set when it begins to stop.
    """

    settings: Settings
    rules: Rules
    store: Store
    apps: AppRegistry
    app: App
    now: Callable[[], datetime]
    ids: IdMaker
    logins: Batcher[LoggedAttempt, Login]
    lookups: Batcher[Lookup, User | None]
    visits: Batcher[LastSeen, None]
    limits: Limits
    load: Load
    attempt_limits: AttemptLimits
    trouble: TroubleLog
    metrics: Metrics
    stopping: asyncio.Event = field(default_factory=asyncio.Event)

    async def pause(self, seconds: float) -> None:
        """Wait for *seconds*, or until the server stops."""
        with suppress(TimeoutError):
            await asyncio.wait_for(self.stopping.wait(), seconds)

    def change(self, values: Mapping[str, Any]) -> None:
        """Replace keys and secrets, given by the names of their fields, from the next call on."""
        self.settings = replace(self.settings, **values)
        self.apps.change(self.settings)


@asynccontextmanager
async def open_services(
    settings: Settings, store: Store, now: Callable[[], datetime]
) -> AsyncIterator[Services]:
    """Open the default app and yield the services; at the end, write what is still pending."""
    ids = IdMaker()
    apps = AppRegistry(settings, store, now, ids)
    log_in = functools.partial(batches.log_in_many, settings.auth_record_keys)
    limits = Limits(settings.limit_rules)
    for name in limits.rules:
        store.metrics.limits.follow(functools.partial(limits.hits.__getitem__, name), name)
    waiting = limits.rules.get(CALLS_WAITING)
    load = Load(waiting.number if waiting else 0)
    attempt_limits = AttemptLimits(
        free_failures=_free_failures(settings, limits),
        report=functools.partial(limits.report, PORTAL_SIGN_INS),
    )
    limits.counters[PORTAL_SIGN_INS] = attempt_limits.count
    async with AsyncExitStack() as at_end:
        at_end.push_async_callback(apps.close)
        services = Services(
            settings=settings,
            rules=settings.rules,
            store=store,
            apps=apps,
            app=await apps.open_default(),
            now=now,
            ids=ids,
            logins=Batcher(
                store, log_in, batches.were_committed, kind="logins", note_wait=load.note
            ),
            lookups=Batcher(
                store, batches.find_many, write=False, kind="lookups", note_wait=load.note
            ),
            visits=Batcher(store, batches.see_many, kind="visits", note_wait=load.note),
            limits=limits,
            load=load,
            attempt_limits=attempt_limits,
            trouble=TroubleLog(),
            metrics=store.metrics,
        )
        if limits.rules and store.dialect == "postgresql":
            shared = SharedLimits(limits, store, now, ids.random_id())
            sharing = asyncio.create_task(shared.run())
            at_end.callback(sharing.cancel)
        for batcher in (services.visits, services.lookups, services.logins):
            at_end.push_async_callback(batcher.close)
        yield services


def _free_failures(settings: Settings, limits: Limits) -> float:
    """Return how many wrong passwords an operator may enter without having to wait."""
    rule = limits.rules.get(PORTAL_SIGN_INS)
    if rule is None:
        # Under `skylogin dev` no attempt has to wait, and the audit log stays short.
        return FREE_FAILURES if settings.mode == DEV else math.inf
    return rule.number
