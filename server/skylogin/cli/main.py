"""The command `skylogin`: registers the commands and turns errors into exit codes."""

import os
import sys
from typing import TYPE_CHECKING

import typer

import skylogin
from skylogin.cli import servers
from skylogin.cli.output import fail
from skylogin.config import ConfigurationError
from skylogin.operations.operator import RefusedError

if TYPE_CHECKING:
    pass


# They are ready sooner without the other commands.
RUN_A_SERVER = ("dev", "serve", "exec")
app = typer.Typer(
    help="Skygear's login with custom token: a stand-in for tests, and an endpoint of your own.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)


def main() -> None:
    """Run the command line."""
    add_servers()
    if sys.argv[1:2] not in [[name] for name in RUN_A_SERVER]:
        add_groups()
    try:
        try:
            app()
        finally:
            sys.stdout.flush()
    except OSError as error:
        if error.filename is None:
            # What is still to be printed cannot be printed either.
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        fail(f"{error.filename or 'standard output'}: {error.strerror or error}")
    except RefusedError as error:
        fail(str(error))
    except ConfigurationError as error:
        fail("skylogin cannot run:", *(f"  - {problem}" for problem in error.problems))


@app.command()
def version() -> None:
    """Print the version."""
    print(skylogin.__version__)


def add_servers() -> None:
    """Add the commands that run a server, wait for one, or prepare its database."""
    for command in (servers.dev, servers.serve, servers.wait, servers.migrate):
        app.command()(command)
    app.command(
        "exec",
        context_settings={"ignore_unknown_options": True, "allow_interspersed_args": False},
    )(servers.execute)


def add_groups() -> None:
    """Add the groups of commands, whose modules use this one."""
    from skylogin.cli import apps, login_attempts, overview, secrets, tokens, users  # noqa: PLC0415
    from skylogin.cli import seeds as cli_seeds  # noqa: PLC0415

    app.add_typer(tokens.app, name="token")
    app.add_typer(secrets.app, name="secret")
    app.add_typer(apps.app, name="apps")
    app.add_typer(users.app, name="users")
    app.command("logins")(login_attempts.logins)
    for command in (
        overview.overview,
        overview.settings,
        overview.audit,
        overview.doctor,
    ):
        app.command()(command)
    app.command("seed")(cli_seeds.seed)
    app.command("export")(cli_seeds.export)
