"""The admin API against its document: every operation, with good requests and bad ones.

`make fast` leaves this file out: importing Schemathesis takes seconds.
"""

from collections.abc import Iterator
from typing import Any

import pytest
import schemathesis
from hypothesis import HealthCheck, settings
from schemathesis.specs.openapi.checks import positive_data_acceptance
from skylogin.admin import openapi
from skylogin.client.admin_api import BASE
from skylogin.testing import SkyloginServer

TOKEN = "an-admin-token"
ENVIRONMENT = {"SKYLOGIN_ADMIN_TOKEN": TOKEN}
schema = schemathesis.openapi.from_dict(openapi.load())
# Each request has the token: who comes without is tried in test_turned_away. A request whose only
# fault was to lack it would be a good one here.
schema.config.generation.with_security_parameters = False


@pytest.fixture(scope="module")
def server() -> Iterator[SkyloginServer]:
    """A server, whose state grows with what the requests do to it."""
    with SkyloginServer(ENVIRONMENT) as running:
        yield running


# Whether a profile can be stored, a seed sown, a line imported or a clock set hangs on more than
# a schema.
REFUSED_FOR_MORE = {"editUser", "importApp", "setClock", "advanceClock", "addFault", "seedApp"}


@schemathesis.serializer("application/jsonl")
def write_lines(context: Any, value: Any) -> bytes:
    """Send a text as it is."""
    return value if isinstance(value, bytes) else str(value).encode(errors="replace")


each_operation = schema.exclude(operation_id="followAttempts").parametrize()
whatever_it_takes = settings(deadline=None, suppress_health_check=list(HealthCheck))


@pytest.mark.slow
@each_operation
@settings(whatever_it_takes, max_examples=5)
def test_an_operation_keeps_to_the_document(case: Any, server: SkyloginServer) -> None:
    """Whatever it is asked: nothing crashes, and each answer is one that is documented."""
    check_answer(case, server)


@pytest.mark.long
@each_operation
@settings(whatever_it_takes, max_examples=100)
def test_an_operation_keeps_to_the_document_in_full(case: Any, server: SkyloginServer) -> None:
    """The same, with many more requests."""
    check_answer(case, server)


def check_answer(case: Any, server: SkyloginServer) -> None:
    """Send a request, and check its answer against the document."""
    is_refused_for_more = case.operation.definition.raw["operationId"] in REFUSED_FOR_MORE
    case.call_and_validate(
        base_url=f"{server.url}{BASE}",
        headers={"Authorization": f"Bearer {TOKEN}"},
        excluded_checks=[positive_data_acceptance] if is_refused_for_more else [],
    )
