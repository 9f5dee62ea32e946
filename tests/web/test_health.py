"""`/healthz` and `/readyz`, which load balancers ask."""

from http import HTTPStatus

from skylogin.store import apps
from skylogin.web.keys import SERVICES

from tests.applications import Client


async def test_a_server_whose_database_cannot_be_written_is_not_ready(client: Client) -> None:
    """Its process still answers, but without the reason."""
    await client.app[SERVICES].store.close()

    health = await client.get("/healthz")
    ready = await client.get("/readyz")

    assert (health.status, await health.text()) == (HTTPStatus.OK, "ok\n")
    assert ready.status == HTTPStatus.SERVICE_UNAVAILABLE
    assert await ready.text() == "the database cannot be written\n"


async def test_a_server_that_can_write_is_ready(client: Client) -> None:
    """The check leaves nothing in the database."""
    answer = await client.get("/readyz")

    services = client.app[SERVICES]
    kept = await services.store.run(
        lambda tx: apps.read_setting(tx, services.settings.app_name, "readyz")
    )
    assert (answer.status, await answer.text()) == (HTTPStatus.OK, "ok\n")
    assert kept is None
