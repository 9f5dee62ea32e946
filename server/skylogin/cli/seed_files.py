"""Seed files named on the command line."""

import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from skylogin.cli.output import STANDARD, fail

if TYPE_CHECKING:
    from skylogin.seeds.seed import SeedApp


SeedFiles = Annotated[
    list[str] | None,
    typer.Option(help="A file of users to begin with, YAML or JSON; more than one may be given."),
]


def read_seeds(files: Sequence[str], default_app: str) -> "list[SeedApp]":
    """Return the apps of seeds, of which *default_app* is the one that goes without a name.

    Exits with 1 where anything is wrong, with every fault.
    """
    from skylogin.seeds import reader  # noqa: PLC0415
    from skylogin.seeds.nodes import SeedError  # noqa: PLC0415

    read: list[SeedApp] = []
    faults: list[str] = []
    for file in files:
        try:
            data = sys.stdin.buffer.read() if file == STANDARD else Path(file).read_bytes()
            read += reader.read(data, file, default_app)
        except SeedError as error:
            faults += [str(fault) for fault in error.problems]
        except OSError as error:
            faults.append(f"{file}: {error.strerror}")
    if faults:
        fail(*faults)
    return read
