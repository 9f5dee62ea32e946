"""`skylogin seed` and `skylogin export`: users into apps from a file, and out into one.

Of a server that runs they are asked over HTTP, because nobody else can open the database of an
ephemeral one; otherwise they go to the database.
"""

import re
import sys
from collections.abc import Awaitable, Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, TypeVar
from urllib.parse import urlsplit

import typer

from skylogin import app_names, cli, seed_text
from skylogin.config import Settings
from skylogin.operations import apps, seeding
from skylogin.operations.operator import Operator
from skylogin.seeds import SeedApp
from skylogin.testing.admin_client import AdminClient
from skylogin.testing.connections import Connections
from skylogin.testing.refusals import AdminError
from skylogin.testing.server import RunningServer

Url = Annotated[
    str,
    typer.Option(
        help="A `skylogin dev` that runs, instead of a database; else SKYGEAR_ENDPOINT where set."
    ),
]
MasterKey = Annotated[
    str, typer.Option(help="Its master key or admin token; else SKYGEAR_MASTER_KEY where set.")
]
Item = TypeVar("Item")
Result = TypeVar("Result")
WRITERS = {
    ".yaml": seed_text.write_yaml,
    ".yml": seed_text.write_yaml,
    ".json": seed_text.write_json,
}
_OF_USER = re.compile(r"users\[(\d+)\]\.?(.*?): (.*)", re.DOTALL)


def seed(
    file: Annotated[str, typer.Argument(help="The seed, YAML or JSON, or - for standard input.")],
    app_name: cli.AppName = "",
    database: cli.Database = None,
    url: Url = "",
    master_key: MasterKey = "",
) -> None:
    """Put the users of a seed into apps; what it does not say stays as it is."""
    there = _find(database, url, master_key)
    wanted = cli.read_seeds([file], app_name or there.default_app())
    for one, number in zip(wanted, there.sow(wanted), strict=True):
        print(f"{one.name} has {number} users of it")


def export(  # noqa: PLR0913, PLR0917
    file: Annotated[
        str, typer.Argument(help="The file, .yaml or .json, or - for standard output, as YAML.")
    ],
    app_name: cli.AppName = "",
    every: Annotated[bool, typer.Option("--all", help="All apps.")] = False,
    database: cli.Database = None,
    url: Url = "",
    master_key: MasterKey = "",
) -> None:
    """Write the users of apps into a seed: profiles, roles, who is disabled, password hashes."""
    if every and app_name:
        cli.fail("--all are all apps, --app is one of them")
    write = WRITERS.get(".yaml" if file == cli.STANDARD else Path(file).suffix.lower())
    if write is None:
        cli.fail(f"{file}: its name has to end with {', '.join(WRITERS)}")
    there = _find(database, url, master_key)
    names = there.all_apps() if every else [app_name or there.default_app()]
    found = there.export(names)
    # What is for the app of the environment may be for another one's tomorrow.
    is_named = every or bool(app_name)
    text = write({"apps": found} if is_named else found[names[0]])
    if file == cli.STANDARD:
        sys.stdout.buffer.write(text.encode())
        sys.stdout.buffer.flush()
    else:
        try:
            with cli.whole_file(Path(file)) as target:
                target.write(text.encode())
        except OSError as error:
            cli.fail(f"{file}: {error.strerror}")
    number = sum(len(one["users"]) for one in found.values())
    print(f"{number} users of {', '.join(names)} are written", file=sys.stderr)


def _find(database: str | None, url: str, master_key: str) -> "_Database | _Server":
    """Return where the apps are: at a URL, or in a database, whichever is named first."""
    if url and database is not None:
        cli.fail("--url is a server, --database is none; one of them is enough")
    settings = cli.storage_settings(database)
    if database is None:
        url = url or cli.variable("SKYGEAR_ENDPOINT")
    if not url:
        return _Database(settings)
    key = master_key or settings.admin_token or cli.variable("SKYGEAR_MASTER_KEY")
    return _Server(url, key or settings.master_key)


@dataclass(frozen=True, slots=True)
class _Database:
    """Apps in a database."""

    settings: Settings

    def default_app(self) -> str:
        return self.settings.app_name

    def all_apps(self) -> list[str]:
        others = cli.with_operator(self.settings, apps.list_all)
        return [self.settings.app_name, *(one.name for one in others)]

    def sow(self, wanted: Sequence[SeedApp]) -> list[int]:
        return self._for_each(wanted, lambda operator, one: seeding.seed(operator, one.name, one))

    def export(self, names: Sequence[str]) -> dict[str, Any]:
        async def export_one(operator: Operator, name: str) -> dict[str, Any]:
            await operator.check_app(name)
            return await seeding.export(operator, name)

        return dict(zip(names, self._for_each(names, export_one), strict=True))

    def _for_each(
        self, items: Sequence[Item], work: Callable[[Operator, Item], Awaitable[Result]]
    ) -> list[Result]:
        async def do(operator: Operator) -> list[Result]:
            return [await work(operator, item) for item in items]

        return cli.with_operator(self.settings, do)


class _Server:
    """Apps of a `skylogin dev` that runs. *url* may be the endpoint of one of them."""

    def __init__(self, url: str, key: str) -> None:
        self._url, self._key = url, key
        parts = urlsplit(url)
        self._app, rest = app_names.split(parts.path or "/", "", "")
        if rest != "/" or parts.query or parts.fragment:
            cli.fail(f"{url} is no URL of a server or of an app")
        self._base = f"{parts.scheme}://{parts.netloc}"
        with self._said():
            self._connections = Connections(self._base)

    def default_app(self) -> str:
        return self._app or self.all_apps()[0]

    def all_apps(self) -> list[str]:
        with self._said():
            return RunningServer(self._base, self._key).apps()

    def sow(self, wanted: Sequence[SeedApp]) -> list[int]:
        return [self._sow_one(one) for one in wanted]

    def _sow_one(self, wanted: SeedApp) -> int:
        with self._said(wanted):
            answer = self._client(wanted.name).ask("POST", "seed", body=dict(wanted.plain))
        return int(answer["users"])

    def export(self, names: Sequence[str]) -> dict[str, Any]:
        found = {}
        for name in names:
            with self._said():
                found[name] = self._client(name).get("seed")
        return found

    def _client(self, name: str) -> AdminClient:
        return AdminClient(self._connections, self._key, name)

    @contextmanager
    def _said(self, wanted: SeedApp | None = None) -> Iterator[None]:
        """Say what goes wrong, of a seed where it stands in the file, and exit with 1."""
        try:
            yield
        except AdminError as error:
            if wanted is not None and error.faults:
                cli.fail(*(_located(wanted, fault) for fault in error.faults))
            cli.fail(f"{self._url}: {error.detail}", *error.faults)
        except (ConnectionError, ValueError) as error:
            cli.fail(str(error))


def _located(wanted: SeedApp, fault: str) -> str:
    """Return a fault that the server found, with the place in the file."""
    match = _OF_USER.fullmatch(fault)
    if match is None:
        return f"{wanted.file}: {fault}"
    return str(wanted.fault(int(match[1]), match[2], match[3]))
