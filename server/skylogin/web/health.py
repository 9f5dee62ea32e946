"""`/healthz` and `/readyz`, for supervisors and load balancers.

A check writes to the database and the token store, so probes share one a second, unless a call
has failed since. A probe does not wait for a check that hangs.
"""

import asyncio
import logging

from aiohttp import web

from skylogin.actions.services import Services
from skylogin.apps import token_stores
from skylogin.clock import monotonic
from skylogin.errors import database_trouble
from skylogin.store import apps
from skylogin.web.keys import SERVICES

logger = logging.getLogger("skylogin.web")

CHECK_SECONDS_MAX = 1.8
KNOWN_SECONDS = 1.0
DATABASE_FAILS = "the database cannot be written"
NO_ANSWER = "the database or the token store does not answer"
TOKENS_FAIL = "access tokens cannot be stored"


async def healthz(request: web.Request) -> web.Response:
    """Answer that the process runs."""
    return web.Response(text="ok\n")


async def readyz(request: web.Request) -> web.Response:
    """Answer whether logins can be stored. The cause of a failure is only logged."""
    problem = await request.app[READINESS].find_problem(request.app[SERVICES])
    return web.Response(status=503 if problem else 200, text=f"{problem or 'ok'}\n")


class Readiness:
    """The last check of a server. A failure is logged when it begins."""

    def __init__(self) -> None:
        self._check: asyncio.Task[str] | None = None
        self._began_at = self._ended_at = float("-inf")
        self._times_unavailable = 0
        self._logged = ""

    async def find_problem(self, services: Services) -> str:
        """Return why the server is not ready, empty if it is; within two seconds."""
        if self._check is None or (self._check.done() and self._is_old(services)):
            self._began_at = monotonic()
            self._check = asyncio.create_task(self._run(services))
        left = self._began_at + CHECK_SECONDS_MAX - monotonic()
        await asyncio.wait([self._check], timeout=max(0, left))
        if self._check.done():
            return self._check.result()
        self._log(NO_ANSWER)
        return NO_ANSWER

    def _is_old(self, services: Services) -> bool:
        has_failed = services.store.times_unavailable != self._times_unavailable
        return has_failed or monotonic() - self._ended_at >= KNOWN_SECONDS

    async def _run(self, services: Services) -> str:
        try:
            async with asyncio.TaskGroup() as group:
                database = group.create_task(self._check_database(services))
                tokens = group.create_task(self._check_token_store(services))
            problem = database.result() or tokens.result()
        finally:
            self._ended_at = monotonic()
            self._times_unavailable = services.store.times_unavailable
        if not problem and self._logged:
            self._logged = ""
            logger.warning("ready again")
        return problem

    async def _check_database(self, services: Services) -> str:
        if services.store.file is not None:
            services.store.file.look()
        try:
            await services.store.run(lambda tx: apps.try_writing(tx, services.now()))
        except Exception as error:
            trouble = database_trouble(error)
            self._log(trouble or DATABASE_FAILS, error=None if trouble else error)
            return DATABASE_FAILS
        return ""

    async def _check_token_store(self, services: Services) -> str:
        cause = await token_stores.find_problem(services.settings)
        if not cause:
            return ""
        self._log(cause)
        return TOKENS_FAIL

    def _log(self, cause: str, error: Exception | None = None) -> None:
        if cause != self._logged:
            self._logged = cause
            logger.error("not ready: %s", cause, exc_info=error)

    async def close(self) -> None:
        """End the check."""
        if self._check is not None:
            self._check.cancel()
            await asyncio.wait([self._check])


READINESS = web.AppKey("readiness", Readiness)
