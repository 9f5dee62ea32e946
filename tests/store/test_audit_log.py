"""The audit list: how much of it is kept."""

from datetime import UTC, datetime

from skylogin.database import Store, Transaction
from skylogin.domain.stored_names import EVERY_APP
from skylogin.store import audit_log
from skylogin.store.audit_log import Act

APP = "shop"


def act(number: int, name: str) -> Act:
    """Return the act with this number."""
    at = datetime(2026, 1, 1, tzinfo=UTC)
    return Act(f"{number:04}", at, name, "", "portal", "192.0.2.1", {})


async def test_strangers_push_no_act_out_of_the_list(store: Store) -> None:
    """Each kind of refused attempt has its own limit of rows; so has the list of an app."""

    async def work(tx: Transaction) -> None:
        for number in range(20):
            name = "portal.sign_in_refused" if number % 2 else "app.create"
            await audit_log.add(tx, EVERY_APP, act(number, name))
            await audit_log.add(tx, APP, act(number, name))
        await audit_log.keep_latest(tx, EVERY_APP, 3, "portal.sign_in_refused")
        await audit_log.keep_latest(tx, APP, 4)

    await store.run(work)

    def latest(app: str) -> list[int]:
        return [int(one.id) for one in acts[app]]

    acts = {
        app: await store.run(lambda tx, app=app: audit_log.load_latest(tx, app, "", 50))
        for app in (EVERY_APP, APP)
    }
    assert latest(APP) == [19, 18, 17, 16]
    assert latest(EVERY_APP) == [19, 18, 17, 16, 15, 14, 12, 10, 8, 6, 4, 2, 0]
