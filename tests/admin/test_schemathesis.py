"""The admin API against its document: every operation, with valid and invalid requests.

`make fast` leaves this file out: importing Schemathesis takes seconds.
"""

import re
from collections.abc import Iterator
from typing import Any

import pytest
import schemathesis
from hypothesis import HealthCheck, settings
from schemathesis.checks import CHECKS
from schemathesis.specs.openapi.checks import positive_data_acceptance
from skylogin.admin import openapi
from skylogin.client.admin_api import BASE
from skylogin.testing import SkyloginServer

TOKEN = "an-admin-token"
HEADERS = {"Authorization": f"Bearer {TOKEN}"}
ENVIRONMENT = {"SKYLOGIN_ADMIN_TOKEN": TOKEN}
schema = schemathesis.openapi.from_dict(openapi.load())
# Every request has the token; test_access tests requests without it. Schemathesis would take a
# request that lacks only the token for a valid one.
schema.config.generation.with_security_parameters = False
# Longer than a login attempt may be waited for.
schema.config.update(request_timeout=90)


@pytest.fixture(scope="module")
def server() -> Iterator[SkyloginServer]:
    """A server whose state grows with the requests."""
    with SkyloginServer(ENVIRONMENT) as running:
        yield running


# Requests that may be refused although they match the schema, such as a time out of range, or
# the cursor of a page that was never given.
REFUSED_BEYOND_SCHEMA = {
    "listUsers",
    "editUser",
    "importApp",
    "setClock",
    "advanceClock",
    "addFault",
    "addStub",
    "waitForCall",
    "seedApp",
}


@schemathesis.serializer("application/jsonl")
def write_lines(context: Any, value: Any) -> bytes:
    """Send text as it is."""
    return value if isinstance(value, bytes) else str(value).encode(errors="replace")


each_operation = schema.exclude(operation_id="followAttempts").parametrize()
without_limits = settings(deadline=None, suppress_health_check=list(HealthCheck))


@pytest.mark.slow
@each_operation
@settings(without_limits, max_examples=5)
def test_an_operation_answers_as_documented(case: Any, server: SkyloginServer) -> None:
    """It never crashes, and every answer is in the document."""
    check_answer(case, server)


@pytest.mark.long
@each_operation
@settings(without_limits, max_examples=100)
def test_an_operation_answers_as_documented_in_full(case: Any, server: SkyloginServer) -> None:
    """The same, with many more requests."""
    check_answer(case, server)


@pytest.mark.long
def test_operations_after_each_other_answer_as_documented(server: SkyloginServer) -> None:
    """What one made, the next one finds; what one deleted, it does not."""

    class Sequence(schema.exclude(operation_id="followAttempts").as_state_machine()):  # type: ignore[misc]
        def get_call_kwargs(self, case: Any) -> dict[str, Any]:
            return {"base_url": f"{server.url}{BASE}", "headers": HEADERS, "timeout": 90}

        def validate_response(self, response: Any, case: Any, **_: Any) -> None:
            case.validate_response(response, headers=HEADERS, excluded_checks=not_checked(case))

    Sequence.run(settings=settings(without_limits, max_examples=40, stateful_step_count=8))


def test_every_check_is_on() -> None:
    """Also those that a later version of Schemathesis brings."""
    operation = next(iter(schema.get_all_operations())).ok()
    config = schema.config.checks_config_for(operation=operation, phase=None)
    names = set(CHECKS.get_all_names())

    assert len(names) >= CHECKS_KNOWN
    assert {name for name in names if not getattr(config, name).enabled} == set()


CHECKS_KNOWN = 14
# The operations that wait, where each has its `timeout`, and the longest one in seconds.
WAITING = {"waitForCall": ("body", 10), "waitForAttempt": ("query", 60)}


def check_answer(case: Any, server: SkyloginServer) -> None:
    """Send a request, and check its answer against the document."""
    wait_a_moment(case)
    case.call_and_validate(
        base_url=f"{server.url}{BASE}", headers=HEADERS, excluded_checks=not_checked(case)
    )


def wait_a_moment(case: Any) -> None:
    """Let a request that would wait for seconds, as most do, wait for a moment only."""
    place, seconds_max = WAITING.get(case.operation.definition.raw["operationId"], ("", 0))
    given = getattr(case, place) if place else None
    if isinstance(given, dict):
        timeout = given.get("timeout", seconds_max)
        # A query has numbers as text.
        numbers = (int, float, str) if place == "query" else (int, float)
        is_number = type(timeout) in numbers and re.fullmatch(r"\d+(\.\d+)?", str(timeout))
        if is_number and float(timeout) <= seconds_max:
            given["timeout"] = 0.1


def not_checked(case: Any) -> list[Any]:
    """Return the checks that this request may fail."""
    may_be_refused = case.operation.definition.raw["operationId"] in REFUSED_BEYOND_SCHEMA
    return [positive_data_acceptance] if may_be_refused else []
