"""Unusual tokens: their answers, log entries and counts."""

import asyncio

import pytest
from skylogin.domain.login_attempt import Filter
from skylogin.operations import login_attempts, overview
from skylogin.operations.operator import Operator

from tests.golden.verdicts import NOW, SECRET, recorded_verdicts
from tests.stores import Ask, Clock, MakeServices

AT_ONCE = 100


@pytest.mark.slow
async def test_unusual_tokens_are_answered_as_recorded(
    make_services: MakeServices, ask: Ask, clock: Clock, operator: Operator
) -> None:
    """Accepted or refused; and the login log shows each attempt."""
    recorded = recorded_verdicts()
    clock.moment = NOW
    services = await make_services(
        CUSTOM_TOKEN_SECRET=SECRET.decode(),
        SKYLOGIN_CONTRACT="original",
        SKYLOGIN_LOGIN_LOG_ROWS_MAX=str(len(recorded)),
    )

    wrong = []
    for start in range(0, len(recorded), AT_ONCE):
        some = recorded[start : start + AT_ONCE]
        answers = await asyncio.gather(
            *(ask(services, "sso:custom_token:login", token=line["token"]) for line in some)
        )
        for line, answer in zip(some, answers, strict=True):
            code = answer.body.get("error", {}).get("code", 0)
            if (answer.status, code) != (line["status"], line["code"] or 0):
                wrong.append((line["n"], line["odd"], answer.status, code))
    assert wrong == []

    await services.app.login_log.close()
    seen = await overview.overview(operator, "myapp")
    counted = sum(point.accepted + sum(point.refused.values()) for point in seen.day.points)
    assert counted == len(recorded)
    page = await login_attempts.find(operator, "myapp", Filter(accepted=False), "", AT_ONCE)
    assert len(page.attempts) == AT_ONCE
