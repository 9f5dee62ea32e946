"""A server that starts with the seeds of a command, and of its project."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

from skylogin.actions.services import Services
from skylogin.cli.seed_files import read_seeds
from skylogin.config import Settings
from skylogin.database import Store
from skylogin.operations import stubs
from skylogin.operations.operator import Operator, enter, operator_of
from skylogin.web import server

if TYPE_CHECKING:
    from skylogin.seeds.project_file import Project


class Seeding:
    """The apps of *project* and of seed *files*. Exits with 1 on any problem in a file."""

    def __init__(
        self, settings: Settings, files: list[str] | None, project: "Project | None"
    ) -> None:
        self._settings = settings
        is_needed = files or project
        self._apps = read_seeds(files or (), settings.app_name, project) if is_needed else []

    @asynccontextmanager
    async def running(self, *, ephemeral: bool) -> AsyncIterator[server.Running]:
        """Run a server that has the apps before it is ready."""
        starting = server.running(self._settings, ephemeral=ephemeral, prepare=self._add_users)
        async with starting as running:
            await self._add_stubs(running.services)
            yield running

    async def _add_users(self, store: Store) -> None:
        for app in self._apps:
            # On the start-up list: most servers start without a seed.
            from skylogin.seeds import apply  # noqa: PLC0415

            await apply.seed(Operator(store, self._settings, via="seed"), app.name, app)

    async def _add_stubs(self, services: Services) -> None:
        for wanted in self._apps:
            app, operator = await enter(services, operator_of(services, "seed", ""), wanted.name)
            await stubs.add_seeded(operator, app, wanted.stubs)
