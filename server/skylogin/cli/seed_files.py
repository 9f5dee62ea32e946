"""Seed files named on the command line."""

import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from skylogin.cli.output import STANDARD, fail

if TYPE_CHECKING:
    from skylogin.seeds.project_file import Project
    from skylogin.seeds.seed import SeedApp


SeedFiles = Annotated[
    list[str] | None,
    typer.Option(help="A YAML or JSON file of initial users. May be repeated."),
]


def read_seeds(
    files: Sequence[str], default_app: str, project: "Project | None" = None
) -> "list[SeedApp]":
    """Return the apps of seeds, that of the *project* first.

    Users without a named app belong to *default_app*.

    Prints all problems of all files, and exits with 1 if there are any.
    """
    # On the start-up list: most servers start without a seed.
    from skylogin.seeds import reader  # noqa: PLC0415
    from skylogin.seeds.nodes import SeedError  # noqa: PLC0415

    apps: list[SeedApp] = []
    problems: list[str] = []
    if project is not None:
        try:
            apps += project.seeds(default_app)
        except SeedError as error:
            problems += [str(problem) for problem in error.problems]
    for file in files:
        try:
            data = sys.stdin.buffer.read() if file == STANDARD else Path(file).read_bytes()
            apps += reader.read(data, file, default_app)
        except SeedError as error:
            problems += [str(problem) for problem in error.problems]
        except OSError as error:
            problems.append(f"{file}: {error.strerror}")
    if problems:
        fail(*problems)
    return apps
