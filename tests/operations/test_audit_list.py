"""The audit list is bounded."""

import pytest
from skylogin.domain.stored_names import EVERY_APP
from skylogin.operations import operator as operators
from skylogin.operations import refused_attempts
from skylogin.operations.operator import Operator, list_acts


async def test_the_list_keeps_the_latest_acts(
    operator: Operator, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Older ones are deleted now and then."""
    monkeypatch.setattr(operators, "ROWS_KEPT", 10)
    # Every id ends so.
    monkeypatch.setattr(operators, "TRIMS", "")

    async def nothing(tx: object) -> None:
        pass

    for number in range(25):
        await operator.act("shop", "app.reset", str(number), nothing)

    acts = await list_acts(operator, "shop")
    assert [act.target for act in acts] == [str(number) for number in range(24, 14, -1)]


async def test_refused_attempts_push_out_nothing_else(
    operator: Operator, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Strangers cause them, so they have their own limit of rows."""
    monkeypatch.setattr(refused_attempts, "ROWS_KEPT", 3)

    async def nothing(tx: object) -> None:
        pass

    await operator.act(EVERY_APP, "app.create", "shop", nothing)
    for number in range(1, 9):
        await refused_attempts.audit(operator, "portal.sign_in_refused", number)

    acts = await list_acts(operator, EVERY_APP)
    assert [act.details.get("attempts") for act in acts] == [8, 7, 6, None]
