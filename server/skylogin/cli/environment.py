"""What commands read from the environment: the only reader of os.environ but the pytest plugin."""

import os
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from skylogin import config, logs
from skylogin.cli.output import print_warnings
from skylogin.config import DEV, SERVE, ConfigurationError, Settings

if TYPE_CHECKING:
    pass


Database = Annotated[str | None, typer.Option(help="Database URL, instead of DATABASE_URL.")]


def server_settings(mode: str, **flags: object) -> Settings:
    """Return the settings: flags win over the environment, the environment over `.env`."""
    environment = environment_of(mode)
    environment |= {name: str(value) for name, value in flags.items() if value is not None}
    if flags.get("PORT") is not None and environment.get("HOST"):
        # The flag counts although the variable HOST names a port as well.
        host, _ = config.address(environment["HOST"])
        environment["HOST"] = f"[{host}]" if ":" in host else host
    settings = config.read(environment, mode)
    logs.set_up(settings)
    print_warnings(settings.warnings)
    return settings


def environment_of(mode: str) -> dict[str, str]:
    """Return the environment with what `.env` adds to it."""
    from_file: Mapping[str, str | None] = {}
    if Path(".env").is_file():
        from dotenv import dotenv_values  # noqa: PLC0415

        from_file = dotenv_values(".env", interpolate=False)
    # A stand-in never gets to a production database, or out of loopback, by a file.
    kept_out = {"DATABASE_URL", "HOST"} if mode == DEV else set()
    values = {name: value or "" for name, value in from_file.items() if name not in kept_out}
    return _with_files({**values, **os.environ})


def _with_files(environment: dict[str, str]) -> dict[str, str]:
    """Return *environment* with what stands in the files that it names."""
    faults = []
    for name in config.FROM_FILES:
        path = environment.get(f"{name}_FILE")
        if not path:
            continue
        if environment.get(name):
            faults.append(f"{name} and {name}_FILE are both set; one of them is enough")
        try:
            environment[name] = Path(path).read_text(encoding="utf-8").strip()
        except (OSError, UnicodeDecodeError) as error:
            reason = error.strerror if isinstance(error, OSError) else "it is no text"
            faults.append(f"{name}_FILE {path}: {reason}")
    if faults:
        raise ConfigurationError(faults)
    return environment


def variable(name: str) -> str:
    """Return what the environment says about a server that runs already."""
    return os.environ.get(name, "")


def storage_settings(database: str | None) -> Settings:
    """Return the settings of a command that speaks to the database, not to a server.

    Its database is the one it is told, else the environment's, else the one that
    `skylogin dev` keeps here, else the one that `.env` names.
    """
    environment = environment_of(DEV)
    if database is not None:
        environment["DATABASE_URL"] = database
    settings = config.read(environment, DEV)
    embedded = settings.embedded_url.removeprefix(config.SQLITE_PREFIX)
    if settings.database_url or Path(embedded).is_file():
        return settings
    return config.read(environment_of(SERVE), DEV)


def read_settings(mode: str, database_url: str) -> Settings:
    """Return the settings as a server in *mode* reads them here. Raises ConfigurationError."""
    environment = environment_of(mode)
    if database_url:
        environment["DATABASE_URL"] = database_url
    return config.read(environment, mode)


def migration_environment(database: str | None) -> dict[str, str]:
    environment = environment_of(SERVE)
    return environment if database is None else {**environment, "DATABASE_URL": database}
