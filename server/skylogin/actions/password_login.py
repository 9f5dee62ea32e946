"""Signing in: what every login but that of a batch does in its transaction."""

from collections.abc import Awaitable, Callable
from dataclasses import replace

from skylogin.actions.call import Call, Services
from skylogin.database import Transaction
from skylogin.domain import login, login_attempt
from skylogin.domain.login import Changes, Login, LoginAttempt
from skylogin.domain.user import Account
from skylogin.errors import SkygearError
from skylogin.store import login_attempts as stored_journal
from skylogin.store import login_batch

Find = Callable[[Transaction], Awaitable[Account | None]]
Also = Callable[[Transaction, Changes], Awaitable[None]]


async def _nothing(tx: Transaction, changes: Changes) -> None:
    pass


async def sign_in(
    call: Call, services: Services, attempt: LoginAttempt, find: Find, also: Also = _nothing
) -> Login:
    """Let somebody in, in one transaction: find, decide, save, note, and *also* what else is due.

    Raises SkygearError where they are refused; then nothing is changed.
    """
    app, key_sets = call.app.name, services.settings.auth_record_keys
    entry_id = services.ids.timed_id(services.now())
    attempt = replace(attempt, access=await call.app.access.rules())

    async def work(tx: Transaction) -> Login:
        account = await find(tx)
        snapshot = await login_batch.load_one(tx, app, attempt, account, key_sets)
        [outcome], changes = login.decide_all([attempt], snapshot)
        if isinstance(outcome, SkygearError):
            raise outcome
        await login_batch.save(tx, app, changes)
        await also(tx, changes)
        entry = login_attempt.accepted(entry_id, call.action, call.origin, attempt, outcome)
        await call.app.journal.add(tx, [entry])
        return outcome

    async def happened(tx: Transaction) -> bool:
        return await stored_journal.has(tx, app, entry_id)

    return await services.store.run(work, witness=happened)
