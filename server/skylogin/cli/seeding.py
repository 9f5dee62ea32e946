"""Seed files from the command line, and a server that starts with them and its project's seed."""

import sys
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from skylogin.actions.services import Services
from skylogin.cli.output import STANDARD
from skylogin.config import Settings
from skylogin.database import Store
from skylogin.operations import stubs
from skylogin.operations.operator import Operator, enter, operator_of
from skylogin.seeds.nodes import SeedError, SeedProblem
from skylogin.web import server

if TYPE_CHECKING:
    from skylogin.seeds.project_file import Project
    from skylogin.seeds.seed import SeedApp

SeedFiles = Annotated[
    list[str] | None,
    typer.Option(help="A YAML or JSON file with initial users. Can be repeated."),
]


def read_seeds(
    files: Sequence[str], default_app: str, project: "Project | None" = None
) -> "list[SeedApp]":
    """Return the apps of seeds, those of the *project* first.

    Users without a named app belong to *default_app*. Raises SeedError with the problems of all
    files.
    """
    # On the start-up list: most servers start without a seed.
    from skylogin.seeds import reader  # noqa: PLC0415

    apps: list[SeedApp] = []
    problems: list[SeedProblem] = []
    if project is not None:
        try:
            apps += project.seeds(default_app)
        except SeedError as error:
            problems += error.problems
    for file in files:
        try:
            data = sys.stdin.buffer.read() if file == STANDARD else Path(file).read_bytes()
            apps += reader.read(data, file, default_app)
        except SeedError as error:
            problems += error.problems
        except OSError as error:
            problems.append(SeedProblem("", error.strerror or str(error), file=file))
    if problems:
        raise SeedError(problems)
    return apps


class Seeding:
    """The apps of *project* and of seed *files*. Raises SeedError."""

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
