"""The command `skylogin`: registers the commands and turns errors into exit codes."""

import os
import sys
from collections.abc import Sequence
from typing import Annotated

import typer

import skylogin
from skylogin.cli import output, project_file, run_command, servers
from skylogin.cli.output import fail
from skylogin.config import ConfigurationError
from skylogin.operations.operator import RefusedError
from skylogin.seeds.nodes import SeedError

# These start faster without the other commands.
RUN_A_SERVER = frozenset(("dev", "serve", "exec"))


def main(arguments: Sequence[str] | None = None) -> None:
    """Run the command line *arguments*, by default those of this process."""
    arguments = sys.argv[1:] if arguments is None else arguments
    output.prepare_streams()
    app = make_app(*RUN_A_SERVER.intersection(arguments[:1]))
    try:
        try:
            app(arguments)
        finally:
            sys.stdout.flush()
    except OSError as error:
        if error.filename is None:
            # Standard output is closed: buffered output cannot be printed either.
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        fail(f"{error.filename or 'standard output'}: {error.strerror or error}")
    except SeedError as error:
        fail(*map(str, error.problems))
    except RefusedError as error:
        fail(str(error))
    except ConfigurationError as error:
        fail("skylogin cannot run:", *(f"  - {problem}" for problem in error.problems))


def version(as_json: output.AsJson = False) -> None:
    """Print the version."""
    output.print_result({"version": skylogin.__version__}, skylogin.__version__, as_json=as_json)


def _print_version(wanted: bool) -> None:
    if wanted:
        version()
        raise typer.Exit


def _global_options(
    _: Annotated[
        bool,
        typer.Option(
            "--version", callback=_print_version, is_eager=True, help="Print the version."
        ),
    ] = False,
) -> None:
    """Skygear's login with a custom token, for tests and production."""


def make_app(only: str = "") -> typer.Typer:
    """Return the application with all commands, or *only* with one of those that run a server."""
    app = typer.Typer(
        no_args_is_help=True,
        add_completion=not only,
        pretty_exceptions_enable=False,
        context_settings={"help_option_names": ["-h", "--help"]},
    )
    app.callback()(_global_options)
    for command in (
        version,
        project_file.init,
        servers.dev,
        servers.serve,
        servers.wait,
        servers.migrate,
    ):
        if only in ("", command.__name__):
            app.command()(command)
    if only in ("", "exec"):
        app.command(
            "exec",
            context_settings={"ignore_unknown_options": True, "allow_interspersed_args": False},
        )(run_command.execute)
    if not only:
        _add_operator_commands(app)
    return app


def _add_operator_commands(app: typer.Typer) -> None:
    # On the start-up list: these import the admin API.
    from skylogin.cli import (  # noqa: PLC0415
        apps,
        backups,
        doctor,
        login_attempts,
        overview,
        secrets,
        tokens,
        users,
    )
    from skylogin.cli import seeds as seed_commands  # noqa: PLC0415
    from skylogin.cli import skygear as skygear_commands  # noqa: PLC0415

    app.add_typer(tokens.app, name="token")
    app.add_typer(secrets.app, name="secret")
    app.add_typer(apps.app, name="apps")
    app.add_typer(users.app, name="users")
    for command in (
        login_attempts.logins,
        overview.overview,
        overview.settings,
        overview.audit,
        doctor.doctor,
        backups.backup,
        backups.restore,
        seed_commands.seed,
        seed_commands.export,
        skygear_commands.import_skygear,
        skygear_commands.export_skygear,
    ):
        app.command()(command)
