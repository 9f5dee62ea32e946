"""The settings that commands read from the environment."""

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated

import typer

from skylogin import config, logs
from skylogin.cli.output import print_warnings
from skylogin.config import DEV, SERVE, ConfigurationError, Settings

Database = Annotated[str | None, typer.Option(help="Database URL; default: DATABASE_URL.")]


def server_settings(mode: str, **flags: object) -> Settings:
    """Return the settings of a server: flags first, then the environment, then `.env`."""
    environment = environment_of(mode)
    environment |= {name: str(value) for name, value in flags.items() if value is not None}
    if flags.get("PORT") is not None and environment.get("HOST"):
        # The flag --port takes precedence over a port in HOST.
        host, _ = config.address(environment["HOST"])
        environment["HOST"] = f"[{host}]" if ":" in host else host
    settings = config.read(environment, mode)
    logs.set_up(settings)
    print_warnings(settings.warnings)
    return settings


def environment_of(mode: str) -> dict[str, str]:
    """Return the environment, with the variables of `.env` as defaults."""
    from_file: Mapping[str, str | None] = {}
    if Path(".env").is_file():
        from dotenv import dotenv_values  # noqa: PLC0415

        from_file = dotenv_values(".env", interpolate=False)
    # A `.env` of production must not make `dev` use its database, or leave loopback.
    ignored = {"DATABASE_URL", "HOST"} if mode == DEV else set()
    values = {name: value or "" for name, value in from_file.items() if name not in ignored}
    return _with_files({**values, **os.environ})


def _with_files(environment: dict[str, str]) -> dict[str, str]:
    """Return *environment* with the contents of the files named by `…_FILE` variables."""
    problems = []
    for name in config.FROM_FILES:
        path = environment.get(f"{name}_FILE")
        if not path:
            continue
        if environment.get(name):
            problems.append(f"{name} and {name}_FILE are both set; set only one of them")
        try:
            environment[name] = Path(path).read_text(encoding="utf-8").strip()
        except (OSError, UnicodeDecodeError) as error:
            reason = error.strerror if isinstance(error, OSError) else "not UTF-8 text"
            problems.append(f"{name}_FILE {path}: {reason}")
    if problems:
        raise ConfigurationError(problems)
    return environment


def variable(name: str) -> str:
    """Return an environment variable, empty if unset."""
    return os.environ.get(name, "")


def storage_settings(database: str | None) -> Settings:
    """Return the settings of a command that opens a database.

    The database is *database*, else the environment's, else that of `skylogin dev` in this
    folder, else the one in `.env`.
    """
    environment = environment_of(DEV)
    if database is not None:
        environment["DATABASE_URL"] = database
    settings = config.read(environment, DEV)
    embedded = settings.embedded_url.removeprefix(config.SQLITE_PREFIX)
    if settings.database_url or Path(embedded).is_file():
        return settings
    return config.read(environment_of(SERVE), DEV)


def read_settings(mode: str, database_url: str | None) -> Settings:
    """Return the settings of a server in *mode*, on *database_url* if given.

    Raises ConfigurationError.
    """
    environment = environment_of(mode)
    if database_url:
        environment["DATABASE_URL"] = database_url
    return config.read(environment, mode)


def migration_settings(database: str | None) -> Settings:
    """Return the settings for a migration, which needs no keys."""
    environment = environment_of(SERVE)
    if database is not None:
        environment["DATABASE_URL"] = database
    return config.read(environment, DEV)
