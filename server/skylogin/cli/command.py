"""Find a command's target, from its options and the environment."""

import functools
import inspect
import re
from collections.abc import Callable
from http import HTTPStatus
from typing import Annotated, Any

import typer

from skylogin.cli import environment, output
from skylogin.cli.database_target import DatabaseTarget
from skylogin.cli.server_target import ServerTarget
from skylogin.cli.target import Target, TargetError
from skylogin.client.errors import AdminError

AppName = Annotated[
    str, typer.Option("--app", help="The name of the app; default: the default app.")
]
Url = Annotated[
    str,
    typer.Option(
        help="The URL of a running server or app, instead of a database; "
        "default: the server of `skylogin exec`."
    ),
]
AdminToken = Annotated[
    str,
    typer.Option(
        "--admin-token",
        "--master-key",
        help="The server's admin token, or the master key of `skylogin dev`; "
        "default: SKYLOGIN_ADMIN_TOKEN or SKYGEAR_MASTER_KEY.",
    ),
]

GIVES_TOKEN = "give it with --admin-token or SKYLOGIN_ADMIN_TOKEN"
# An error's place in the request, which means nothing to the user of a command.
_PLACE_IN_REQUEST = re.compile("^(query: |body/)")


def with_app_target(work: Callable[..., None]) -> Callable[..., None]:
    """Make *work* a command: add the options of `find_target`, and pass a `Target` first."""
    return _with_target(work, _target_options())


def with_target(work: Callable[..., None]) -> Callable[..., None]:
    """Do as `with_app_target` without --app: the command is on all apps, or takes an argument."""
    return _with_target(work, [one for one in _target_options() if one.name != "app_name"])


def _with_target(
    work: Callable[..., None], target_options: list[inspect.Parameter]
) -> Callable[..., None]:
    own = list(inspect.signature(work, eval_str=True).parameters.values())[1:]
    parameters = [
        one.replace(kind=inspect.Parameter.KEYWORD_ONLY) for one in (*own, *target_options)
    ]

    @functools.wraps(work)
    def command(**values: Any) -> None:
        options = {one.name: values.pop(one.name) for one in target_options}
        try:
            with find_target(**options) as target:
                work(target, **values)
        except AdminError as error:
            if error.status == HTTPStatus.UNAUTHORIZED:
                output.fail(f"{target.name}: {error.detail} ({GIVES_TOKEN})")
            if error.status == HTTPStatus.FORBIDDEN:
                output.fail(f"{target.name}: {error.detail}")
            lines = [_PLACE_IN_REQUEST.sub("", line) for line in error.problems]
            output.fail(*(lines or [error.detail]))

    # typer reads both.
    command.__signature__ = inspect.Signature(parameters)  # type: ignore[attr-defined]
    command.__annotations__ = {one.name: one.annotation for one in parameters}
    return command


def _target_options() -> list[inspect.Parameter]:
    return list(inspect.signature(find_target, eval_str=True).parameters.values())


def find_target(
    app_name: AppName = "",
    database: environment.Database = None,
    url: Url = "",
    admin_token: AdminToken = "",
) -> Target:
    """Return the target that the options name, or else the environment. Raises TargetError."""
    if url and database is not None:
        raise TargetError("use either --url or --database, not both")
    url_of_exec = _url_of_exec() if database is None else ""
    if url_of_exec:
        settings = environment.settings_in_exec()
    elif url:
        settings = environment.settings_without_database()
    else:
        settings = environment.storage_settings(database)
    url = url or url_of_exec
    if not url:
        return DatabaseTarget(settings, app_name, database)
    token = admin_token or settings.admin_token or environment.variable("SKYGEAR_MASTER_KEY")
    return ServerTarget(url, token or settings.master_key, app_name)


def _url_of_exec() -> str:
    """Return the URL of the server of `skylogin exec`, empty outside of it.

    SKYGEAR_ENDPOINT alone may name a real Skygear server, which must not receive our keys.
    """
    return environment.variable("SKYGEAR_ENDPOINT") if environment.variable("SKYLOGIN_APP") else ""
