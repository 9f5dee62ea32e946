"""The settings that commands read from the environment."""

import io
import os
import stat
from collections.abc import Collection, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Annotated

import typer

from skylogin import config, logs
from skylogin.cli.output import print_warnings
from skylogin.config import DEV, SERVE, ConfigurationError, Settings
from skylogin.domain import text_file
from skylogin.domain.text_file import NotTextError

ENV_FILE = Path(".env")
FOR_OTHERS = stat.S_IRWXG | stat.S_IRWXO
DATABASE_VARIABLES = ("SKYLOGIN_DATABASE_URL", "DATABASE_URL")
CUSTOM_TOKEN_SECRET = "CUSTOM_TOKEN_SECRET"
# What `dev` does not read. A project has a DATABASE_URL of its own in its shell, and a `.env` of
# production must not make `dev` use its database, or leave loopback.
NOT_FOR_DEV = frozenset(("DATABASE_URL",))
NOT_FOR_DEV_FROM_FILE = frozenset((*DATABASE_VARIABLES, "HOST"))


def _check_given(value: str | None) -> str | None:
    """Refuse an empty URL, which a shell makes of a variable that is not set."""
    if value is not None and not value.strip():
        raise typer.BadParameter("it is empty; give a URL, or leave the option out")
    return value


Database = Annotated[
    str | None,
    typer.Option(
        callback=_check_given,
        help="Database URL; default: SKYLOGIN_DATABASE_URL or DATABASE_URL.",
    ),
]
OwnDatabase = Annotated[
    str | None,
    typer.Option(callback=_check_given, help="Database URL; default: SKYLOGIN_DATABASE_URL."),
]
Given = Annotated[
    list[str] | None,
    typer.Option(
        "--set", metavar="NAME=VALUE", help="Set a setting by its variable. Can be repeated."
    ),
]


def server_settings(  # noqa: PLR0913
    mode: str,
    *,
    isolated: bool = False,
    given: Sequence[str] = (),
    calls_shown: bool = False,
    worker: bool = False,
    project: Mapping[str, str] | None = None,
    **flags: object,
) -> Settings:
    """Return the settings of a server: flags first, then *given*, the environment, and `.env`.

    Those of the *project* come last. With *calls_shown*, calls are logged unless a setting says
    otherwise. An *isolated* server reads only skylogin's own variables from the environment.
    Warnings are printed, except by a *worker*, because its parent has printed them.
    """
    environment = own_variables() if isolated else environment_of(mode)
    environment = config.with_given(project or {}, environment)
    environment = _with_flags(config.with_given(environment, _read_given(given)), flags)
    if calls_shown:
        environment.setdefault("SKYLOGIN_LOG_CALLS", "yes")
    settings = config.read(environment, mode)
    logs.set_up(settings, for_people=calls_shown)
    if not worker:
        print_warnings([*settings.warnings, *file_warnings(environment, isolated=isolated)])
    return settings


def settings_now(mode: str, **flags: object) -> Settings:
    """Return the settings of a running server, as files and `.env` have them now."""
    return config.read(_with_flags(environment_of(mode), flags), mode)


def _with_flags(environment: Mapping[str, str], flags: Mapping[str, object]) -> dict[str, str]:
    given = {name: str(value) for name, value in flags.items() if value is not None}
    environment = config.with_given(environment, given)
    if flags.get("PORT") is not None and environment.get("HOST"):
        # The flag --port takes precedence over a port in HOST. `read` reports an invalid HOST.
        with suppress(ValueError):
            host, _ = config.address(environment["HOST"])
            environment["HOST"] = f"[{host}]" if ":" in host else host
    return environment


def file_warnings(environment: Mapping[str, str], *, isolated: bool = False) -> list[str]:
    """Return a warning for each file with secrets that other users may read.

    An *isolated* server reads no `.env`.
    """
    in_env_file = {} if isolated else _read_env_file(ENV_FILE)
    variables = [f"{name}_FILE" for name in config.FROM_FILES if name in config.NOT_SHOWN]
    named = (environment.get(variable) for variable in (*variables, "SKYLOGIN_TLS_KEY"))
    files = [Path(name) for name in named if name]
    if any(in_env_file.get(name) for name in config.NOT_SHOWN):
        files.insert(0, ENV_FILE)
    return [
        f"other users of this machine may read {file}, which has secrets: its mode is {mode:03o}"
        for file in files
        if (mode := _mode(file)) & FOR_OTHERS
    ]


def _mode(path: Path) -> int:
    """Return the permissions of a file, 0 if they cannot be read."""
    try:
        return stat.S_IMODE(path.stat().st_mode)
    except OSError:
        return 0


def environment_of(mode: str, without: Collection[str] = ()) -> dict[str, str]:
    """Return the environment as `dev` or `serve` reads it, with `.env` for what it lacks.

    The variables *without* are left out, and so is an empty secret for `serve`: files of settings
    for services have lines without a value.
    """
    values = _read_env_file(ENV_FILE)
    variables = dict(os.environ)
    if mode == DEV:
        values = _without(values, NOT_FOR_DEV_FROM_FILE)
        variables = _without(variables, NOT_FOR_DEV)
    merged = _without({**values, **variables}, without)
    if mode == SERVE and not merged.get(CUSTOM_TOKEN_SECRET):
        merged.pop(CUSTOM_TOKEN_SECRET, None)
    return merged


def own_variables() -> dict[str, str]:
    """Return the variables of the environment that only skylogin uses."""
    return {name: value for name, value in os.environ.items() if config.is_own(name)}


def _read_env_file(path: Path) -> dict[str, str]:
    """Return the variables in the file *path*, if there is one. Raises ConfigurationError."""
    if not path.is_file():
        return {}
    from dotenv import dotenv_values  # noqa: PLC0415

    try:
        text = text_file.read(path.read_bytes())
    except NotTextError as error:
        raise ConfigurationError([f"{path}, line {error.line}: it {error}"]) from None
    values = dotenv_values(stream=io.StringIO(text), interpolate=False)
    return {name: value or "" for name, value in values.items()}


def _without(values: Mapping[str, str], names: Collection[str]) -> dict[str, str]:
    """Return *values* without the variables *names*, and without those that name files for them."""
    return {
        name: value for name, value in values.items() if name.removesuffix("_FILE") not in names
    }


def _read_given(pairs: Sequence[str]) -> dict[str, str]:
    """Return the settings in *pairs* of NAME=VALUE. Raises ConfigurationError."""
    values: dict[str, str] = {}
    problems = []
    for pair in pairs:
        name, equals, value = pair.partition("=")
        if equals:
            values[name] = value
        else:
            # The text itself may be a secret.
            problems.append("--set takes NAME=VALUE, and one of them has no =")
    problems += [f"--set: {problem}" for problem in config.check_names(values)]
    if problems:
        raise ConfigurationError(problems)
    return values


def variable(name: str) -> str:
    """Return an environment variable, empty if unset."""
    return os.environ.get(name, "")


def storage_settings(database: str | None) -> Settings:
    """Return the settings of a command that opens a database.

    The database is *database*, else the environment's, else that of `skylogin dev` in this
    directory, else the one in `.env`.
    """
    environment = _environment_on(database, SERVE)
    if database is None and not any(variable(name) for name in DATABASE_VARIABLES):
        of_dev = config.read(_without(environment, DATABASE_VARIABLES), DEV)
        if Path(of_dev.embedded_url.removeprefix(config.SQLITE_PREFIX)).is_file():
            return of_dev
    return config.read(environment, DEV)


def settings_without_database() -> Settings:
    """Return the settings of a command that works on a server and opens no database."""
    return config.read(environment_of(SERVE, DATABASE_VARIABLES), DEV)


def settings_in_exec() -> Settings:
    """Return the settings of a command that works on the server of `skylogin exec`."""
    return config.read(own_variables(), DEV)


def read_settings(mode: str, database: str | None) -> Settings:
    """Return the settings of a server in *mode*, on *database* if given.

    Raises ConfigurationError.
    """
    return config.read(_environment_on(database, mode), mode)


def migration_settings(database: str | None) -> Settings:
    """Return the settings for a migration, which needs no keys."""
    return config.read(_environment_on(database, SERVE), DEV)


def _environment_on(database: str | None, mode: str) -> dict[str, str]:
    """Return the environment with *database*, if given, in place of its own."""
    if database is None:
        return environment_of(mode)
    return {**environment_of(mode, DATABASE_VARIABLES), "SKYLOGIN_DATABASE_URL": database}
