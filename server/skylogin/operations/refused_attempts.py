"""Wrong passwords and tokens of operators: limited by address, and audited."""

from skylogin.apps.limits import source_of
from skylogin.database import Transaction
from skylogin.domain.limit_table import PORTAL_SIGN_INS
from skylogin.domain.stored_names import EVERY_APP
from skylogin.operations.operator import Operator, RefusedError
from skylogin.store import audit_log

# Anyone can cause these rows, so only the latest of each kind are kept.
ROWS_KEPT = 1000


class TooManyAttemptsError(RefusedError):
    """Too many wrong passwords or tokens from one address, which has to wait *seconds*."""

    def __init__(self, what: str, seconds: int) -> None:
        super().__init__(f"too many wrong {what}: try again in {seconds} seconds")
        self.seconds = seconds


def too_many(operator: Operator, what: str, seconds: int) -> TooManyAttemptsError:
    """Count a hit of the limit, and return the error that tells the operator to wait."""
    operator.limits.hits[PORTAL_SIGN_INS] += 1
    return TooManyAttemptsError(what, seconds)


def source(operator: Operator, kind: str) -> str:
    """Return the key by which an operator's attempts of a *kind* are counted."""
    return f"{kind} {source_of(operator.address)}"


async def audit(operator: Operator, name: str, number: int) -> None:
    """Add a refused attempt, the *number*-th from its address, to the audit log."""

    async def make_room(tx: Transaction) -> None:
        await audit_log.keep_latest(tx, EVERY_APP, ROWS_KEPT - 1, name)

    await operator.act(EVERY_APP, name, "", make_room, {"attempts": number})
