"""Who acts, and by which way; and how an act gets into the audit list."""

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import TypeVar

from skylogin.actions.services import Services
from skylogin.apps.registry import App, AppRegistry
from skylogin.clock import system_now
from skylogin.config import Settings
from skylogin.database import Store, Transaction
from skylogin.ids import IdMaker
from skylogin.store import apps, audit_log
from skylogin.store.audit_log import Act

T = TypeVar("T")

# What concerns no app but all of them.
# After these a server knows the keys, the secrets and the rules of an app as well as before.
LEAVING_APP = frozenset(
    (
        "user.edit",
        "user.disable",
        "user.enable",
        "user.set_roles",
        "user.sign_out",
        "user.delete",
        "app.export",
        # But for the rules, which it forgets itself.
        "app.reset",
    )
)


class RefusedError(Exception):
    """An act that cannot be done. The text says why, and what would help."""


class MissingError(RefusedError):
    """What the act is about is not there."""


class ConflictError(RefusedError):
    """What is there stands in the way."""


@dataclass(frozen=True, slots=True)
class Operator:
    """Somebody who runs this: what they act on, and *via* which of the three ways."""

    store: Store
    settings: Settings
    via: str = "command"
    address: str = ""
    # The clock of the app that is acted on, and the server's, by which acts are in order.
    now: Callable[[], datetime] = system_now
    server_now: Callable[[], datetime] | None = None
    ids: IdMaker = field(default_factory=IdMaker)
    # The apps of the server that the act is done on; None for a command on a database.
    apps: AppRegistry | None = None

    @property
    def arrival(self) -> datetime:
        """Return the server's time, by which attempts and acts are in the order they came."""
        return (self.server_now or self.now)()

    def on(self, now: Callable[[], datetime]) -> "Operator":
        """Return the same operator, acting on an app whose clock is *now*."""
        return replace(self, now=now, server_now=self.server_now or self.now)

    async def act(
        self,
        app: str,
        name: str,
        target: str,
        work: Callable[[Transaction], Awaitable[T]],
        details: Mapping[str, object] | None = None,
    ) -> T:
        """Do *work* and put the act into the audit list, in one transaction.

        Exactly once, whatever becomes of the connection: the line in the list tells
        whether it happened. *details* hold no secret.
        """
        line = self.line(name, target, details)

        async def both(tx: Transaction) -> T:
            result = await work(tx)
            await audit_log.add(tx, app, line)
            return result

        done = await self.store.run(both, was_committed=lambda tx: audit_log.has(tx, app, line.id))
        if name not in LEAVING_APP:
            # What concerns no app alone is about the one that it is done to.
            self._forget(app or target)
        return done

    def _forget(self, app: str) -> None:
        if self.apps is not None:
            self.apps.forget(app)

    async def flush(self, app: str) -> None:
        """Write what the server still has to write about *app*."""
        if self.apps is not None:
            await self.apps.flush(app)

    def line(self, name: str, target: str, details: Mapping[str, object] | None = None) -> Act:
        """Return an act as it stands in the audit list."""
        line_id = self.ids.timed_id(self.arrival)
        return Act(line_id, self.now(), name, target, self.via, self.address, dict(details or {}))

    async def check_app(self, app: str) -> None:
        """Raise MissingError where there is no app called *app*."""
        if app == self.settings.app_name:
            return
        if await self.store.run(lambda tx: apps.load(tx, app), write=False) is None:
            raise MissingError(f"there is no app called {app}")


def operator_of(services: Services, via: str, address: str) -> Operator:
    """Return the operator who acts on a running server: *via* which face, from which *address*."""
    return Operator(
        services.store,
        services.settings,
        via,
        address,
        services.now,
        services.now,
        services.ids,
        services.apps,
    )


async def enter(
    services: Services, operator: Operator, name: str, *, may_make: bool = False
) -> tuple[App, Operator]:
    """Return the app called *name*, and the operator acting on it by its clock.

    Under `skylogin dev` a missing app is made, if it *may* be. Raises MissingError.
    """
    app = await services.apps.find(name, may_make=may_make)
    if app is None:
        raise MissingError(f"there is no app called {name}")
    return app, operator.on(app.clock)


async def list_acts(operator: Operator, app: str, before: str = "", number: int = 50) -> list[Act]:
    """Return the latest acts on *app*, the newest first; only those before the id *before*."""
    return await operator.store.run(
        lambda tx: audit_log.load_latest(tx, app, before, number), write=False
    )
