"""The operator of an act, and the audit of acts."""

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import TypeVar

from skylogin.actions.services import Services
from skylogin.apps.limits import Limits
from skylogin.apps.registry import App, AppRegistry
from skylogin.clock import system_now
from skylogin.config import Settings
from skylogin.database import Store, Transaction
from skylogin.errors import ExpectedError
from skylogin.ids import IdMaker
from skylogin.store import apps, audit_log
from skylogin.store.audit_log import Act

T = TypeVar("T")

# Acts after which the cached keys, secrets and rules of an app are still valid.
KEEP_CACHES = frozenset(
    (
        "user.edit",
        "user.disable",
        "user.enable",
        "user.set_roles",
        "user.sign_out",
        "user.delete",
        "app.export",
        # It invalidates the rules itself.
        "app.reset",
    )
)


# The audit log keeps this many rows of each app. One act in 256, whose random id ends with
# TRIMS, deletes older ones.
ROWS_KEPT, TRIMS = 20_000, "00"


class RefusedError(ExpectedError):
    """An act that cannot be done. The text says why, and how to fix it."""


class MissingError(RefusedError):
    """The subject of the act does not exist."""


class ConflictError(RefusedError):
    """The act conflicts with what exists."""


def no_such_app(name: str) -> MissingError:
    """Return the error about an app that does not exist."""
    return MissingError(f"there is no app called {name}")


@dataclass(frozen=True, slots=True)
class Operator:
    """The operator: the store that acts change, and *via* which interface.

    *now* is the clock of the app that is acted on, *server_now* orders acts and login attempts.
    *apps* are those of the running server, None for a command that opened the database.
    """

    store: Store
    settings: Settings
    via: str = "command"
    address: str = ""
    now: Callable[[], datetime] = system_now
    server_now: Callable[[], datetime] = system_now
    ids: IdMaker = field(default_factory=IdMaker)
    apps: AppRegistry | None = None
    limits: Limits = field(default_factory=lambda: Limits({}))

    async def act(
        self,
        app: str,
        name: str,
        target: str,
        work: Callable[[Transaction], Awaitable[T]],
        details: Mapping[str, object] | None = None,
    ) -> T:
        """Run *work* and add the act to the audit log, in one transaction.

        The act happens exactly once even if the connection is lost: its row in the audit log
        tells whether the transaction was committed. *details* must not contain secrets.
        """
        at, row_id = self.now(), self.ids.timed_id(self.server_now())
        row = Act(row_id, at, name, target, self.via, self.address, dict(details or {}))

        async def work_and_audit(tx: Transaction) -> T:
            result = await work(tx)
            await audit_log.add(tx, app, row)
            if row.id.endswith(TRIMS):
                await audit_log.keep_latest(tx, app, ROWS_KEPT)
            return result

        result = await self.store.run(
            work_and_audit, was_committed=lambda tx: audit_log.has(tx, app, row.id)
        )
        if self.apps is not None and name not in KEEP_CACHES:
            # An act on all apps has its app as the target.
            self.apps.forget(app or target)
        return result

    async def note(
        self, app: str, name: str, target: str, details: Mapping[str, object] | None = None
    ) -> None:
        """Add an act that writes nothing else, such as an export that begins, to the audit log."""

        async def nothing(tx: Transaction) -> None:
            pass

        await self.act(app, name, target, nothing, details)

    async def flush(self, app: str) -> None:
        """Write the log entries of *app* that the server still holds."""
        if self.apps is not None:
            await self.apps.flush(app)

    async def check_app(self, app: str) -> None:
        """Raise MissingError if *app* does not exist."""
        if app == self.settings.app_name:
            return
        if await self.store.run(lambda tx: apps.load(tx, app), write=False) is None:
            raise no_such_app(app)


def operator_of(services: Services, via: str, address: str) -> Operator:
    """Return the operator who acts on a running server *via* an interface from an *address*."""
    return Operator(
        services.store,
        services.settings,
        via,
        address,
        now=services.now,
        server_now=services.now,
        ids=services.ids,
        apps=services.apps,
        limits=services.limits,
    )


async def enter(
    services: Services, operator: Operator, name: str, *, may_make: bool = False
) -> tuple[App, Operator]:
    """Return the app called *name*, and the operator with that app's clock.

    With *may_make*, `skylogin dev` creates a missing app. Raises MissingError.
    """
    app = await services.apps.find(name, may_make=may_make)
    if app is None:
        raise no_such_app(name)
    return app, replace(operator, now=app.clock)


async def list_acts(operator: Operator, app: str, before: str = "", limit: int = 50) -> list[Act]:
    """Return the latest acts on *app*, newest first; *before* an id if one is given."""
    return await operator.store.run(
        lambda tx: audit_log.load_latest(tx, app, before, limit), write=False
    )


async def page_of_acts(
    operator: Operator, app: str, before: str, limit: int
) -> tuple[list[Act], str]:
    """Return a page of the acts, and the cursor of the next page, empty on the last one."""
    acts = await list_acts(operator, app, before, limit + 1)
    return acts[:limit], acts[limit - 1].id if len(acts) > limit else ""
