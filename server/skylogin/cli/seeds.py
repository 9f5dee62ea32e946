"""`skylogin seed` and `skylogin export`: import users from a file, and export them."""

from pathlib import Path
from typing import Annotated

import typer

from skylogin.cli import output, seeding
from skylogin.cli.command import with_app_target
from skylogin.cli.target import Target
from skylogin.client.errors import AdminError
from skylogin.seeds import document
from skylogin.seeds.seed import SeedApp

WRITERS = {
    ".yaml": document.write_yaml,
    ".yml": document.write_yaml,
    ".json": document.write_json,
}


@with_app_target
def seed(
    target: Target,
    file: Annotated[str, typer.Argument(help="The seed in YAML or JSON, or - for standard input.")],
    as_json: output.AsJson = False,
) -> None:
    """Add the users of a seed to apps, or update them. Other data does not change."""
    apps = seeding.read_seeds([file], target.app)
    others = [app.name for app in apps if app.name != target.app]
    if target.given_app and others:
        output.fail(f"{file} names its apps: {', '.join(others)}. Leave out --app")
    seeded = []
    for app in apps:
        number = output.count(len(app.users), "user")
        with output.working(f"Seeding {number} of {app.name}"):
            users = _seed(target, app)
        seeded.append({"app": app.name, "users": users})
        if not as_json:
            output.say(f"seeded {output.count(users, 'user')} of {app.name}")
    if as_json:
        output.print_json(seeded)


@with_app_target
def export(
    target: Target,
    file: Annotated[
        str,
        typer.Argument(
            help="The .yaml or .json file, or - for standard output (YAML, or JSON with --json)."
        ),
    ],
    every: Annotated[bool, typer.Option("--all", help="Export all apps.")] = False,
    as_json: output.AsJson = False,
) -> None:
    """Export users of apps as a seed, with profiles, roles, disabled state and password hashes."""
    if every and target.given_app:
        output.fail("use either --all or --app, not both")
    suffix = ".json" if as_json else ".yaml"
    write = WRITERS.get(suffix if file == output.STANDARD else Path(file).suffix.lower())
    if write is None:
        output.fail(f"{file}: the name must end with {', '.join(WRITERS)}")
    listed = target.ask("GET", "apps")["apps"] if every else [{"name": target.app}]
    names = [one["name"] for one in listed]
    seeds = {}
    for name in names:
        with output.working(f"Exporting the users of {name}"):
            seeds[name] = target.ask("GET", "apps", name, "seed")
    # The default app may have another name where the seed is applied.
    is_named = every or bool(target.given_app)
    with output.output_file(file) as stream:
        stream.write(write({"apps": seeds} if is_named else seeds[names[0]]).encode())
    numbers = {name: len(one["users"]) for name, one in seeds.items()}
    value = [{"app": name, "users": number} for name, number in numbers.items()]
    text = f"{output.count(sum(numbers.values()), 'user')} of {', '.join(names)}"
    output.print_exported(file, value, text, as_json=as_json)


def _seed(target: Target, app: SeedApp) -> int:
    try:
        return int(target.ask("POST", "apps", app.name, "seed", body=dict(app.plain))["users"])
    except AdminError as error:
        if not error.places:
            raise
        pairs = zip(error.places, error.problems, strict=True)
        output.fail(*(_with_line(app, place, text) for place, text in pairs))


def _with_line(app: SeedApp, place: str, text: str) -> str:
    """Return a problem from the server, with its line in the file."""
    line = app.line_of(place)
    file = f"{app.file}:{line}" if line else app.file
    return f"{file}: {app.path}.{text}" if app.path else f"{file}: {text}"
