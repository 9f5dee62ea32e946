"""`skylogin seed` and `skylogin export`: users into apps from a file, and out into one."""

import re
import sys
from pathlib import Path
from typing import Annotated

import typer

from skylogin.cli import output, seed_files
from skylogin.cli.target import Target, reaching
from skylogin.client.errors import AdminError
from skylogin.seeds import document
from skylogin.seeds.seed import SeedApp

WRITERS = {
    ".yaml": document.write_yaml,
    ".yml": document.write_yaml,
    ".json": document.write_json,
}
_OF_USER = re.compile(r"users\[(\d+)\]\.?(.*?): (.*)", re.DOTALL)


@reaching
def seed(
    there: Target,
    file: Annotated[str, typer.Argument(help="The seed, YAML or JSON, or - for standard input.")],
) -> None:
    """Put the users of a seed into apps; what it does not say stays as it is."""
    wanted = seed_files.read_seeds([file], there.app)
    others = [one.name for one in wanted if one.name != there.app]
    if there.given_app and others:
        output.fail(f"{file} names its apps itself, {', '.join(others)}: it goes without --app")
    for one in wanted:
        print(f"{one.name} has {_sow(there, one)} users of it")


@reaching
def export(
    there: Target,
    file: Annotated[
        str, typer.Argument(help="The file, .yaml or .json, or - for standard output, as YAML.")
    ],
    every: Annotated[bool, typer.Option("--all", help="All apps.")] = False,
) -> None:
    """Write the users of apps into a seed: profiles, roles, who is disabled, password hashes."""
    if every and there.given_app:
        output.fail("--all are all apps, --app is one of them")
    write = WRITERS.get(".yaml" if file == output.STANDARD else Path(file).suffix.lower())
    if write is None:
        output.fail(f"{file}: its name has to end with {', '.join(WRITERS)}")
    listed = there.ask("GET", "apps")["apps"] if every else [{"name": there.app}]
    names = [one["name"] for one in listed]
    found = {name: there.ask("GET", "apps", name, "seed") for name in names}
    # What is for the app of the environment may be for another one's tomorrow.
    is_named = every or bool(there.given_app)
    text = write({"apps": found} if is_named else found[names[0]])
    if file == output.STANDARD:
        sys.stdout.buffer.write(text.encode())
        sys.stdout.buffer.flush()
    else:
        try:
            with output.whole_file(Path(file)) as target:
                target.write(text.encode())
        except OSError as error:
            output.fail(f"{file}: {error.strerror}")
    number = sum(len(one["users"]) for one in found.values())
    print(f"{number} users of {', '.join(names)} are written", file=sys.stderr)


def _sow(there: Target, wanted: SeedApp) -> int:
    try:
        return int(there.ask("POST", "apps", wanted.name, "seed", body=dict(wanted.plain))["users"])
    except AdminError as error:
        if not error.faults:
            raise
        output.fail(*(_located(wanted, fault) for fault in error.faults))


def _located(wanted: SeedApp, fault: str) -> str:
    """Return a fault that the server found, with the place in the file."""
    match = _OF_USER.fullmatch(fault)
    if match is None:
        return f"{wanted.file}: {fault}"
    return str(wanted.problem(int(match[1]), match[2], match[3]))
