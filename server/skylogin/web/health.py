"""`/healthz` and `/readyz`, for supervisors and load balancers."""

import logging

from aiohttp import web

from skylogin.actions.services import Services
from skylogin.database import Transaction
from skylogin.store import apps
from skylogin.web.keys import SERVICES

logger = logging.getLogger("skylogin.web")


async def healthz(request: web.Request) -> web.Response:
    """Answer that the process runs."""
    return web.Response(text="ok\n")


async def readyz(request: web.Request) -> web.Response:
    """Answer whether the database can be written. The cause of a failure is only logged."""
    try:
        await _try_to_write(request.app[SERVICES])
    except Exception:
        logger.exception("not ready")
        return web.Response(status=503, text="the database cannot be written\n")
    return web.Response(text="ok\n")


class _RolledBack(Exception):
    """Rolls back a transaction."""


async def _try_to_write(services: Services) -> None:
    async def write(tx: Transaction) -> None:
        await apps.write_setting(tx, services.settings.app_name, "readyz", "tried")
        raise _RolledBack

    try:
        await services.store.run(write)
    except _RolledBack:
        return
