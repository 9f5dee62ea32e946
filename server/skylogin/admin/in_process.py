"""The admin API without HTTP: commands ask a database in the same words, tests their server."""

import json
from collections.abc import AsyncGenerator, Sequence
from contextlib import aclosing
from typing import Any

from skylogin.actions.services import Services
from skylogin.admin import routes, users
from skylogin.admin.openapi import InvalidRequestError, Operation
from skylogin.admin.request import AdminCall, problem_of, read_body, read_request
from skylogin.apps.registry import App
from skylogin.errors import SkygearError
from skylogin.operations.operator import Operator, RefusedError, enter

# It makes the app where it may, and says so where it may not.
MAKES_ITS_APP = frozenset(("seedApp",))


async def ask(  # noqa: PLR0913, PLR0917
    operator: Operator,
    method: str,
    path: str,
    query: Sequence[tuple[str, str]],
    data: bytes | None,
    services: Services | None = None,
) -> Any:
    """Return what a server would answer, None where it only does it.

    *path* is as it is on the line, *data* the body. With *services* it is a server's own
    process that asks, which knows more of an app than the database does. Raises Problem.
    """
    try:
        operation, parameters = read_request(method, path, query, operator.settings.mode)
        body = None if operation.body is None else _read_body(operation, data)
        app: App | None = None
        if "app" in parameters:
            app, operator = await _enter(operator, operation, parameters["app"], services)
        result = await routes.HANDLERS[operation.name](AdminCall(operator, parameters, body, app))
    except (InvalidRequestError, RefusedError, SkygearError) as error:
        raise problem_of(error) or error from error
    return None if result is None else json.loads(json.dumps(result))


def _read_body(operation: Operation, data: bytes | None) -> Any:
    return {} if not data and not operation.body_required else read_body(operation, data or b"")


async def _enter(
    operator: Operator, operation: Operation, name: str, services: Services | None
) -> tuple[App | None, Operator]:
    if services is not None:
        return await enter(services, operator, name, may_make=operation.dev_only)
    if operation.name not in MAKES_ITS_APP:
        await operator.check_app(name)
    return None, operator


async def follow(
    operator: Operator, path: str, query: Sequence[tuple[str, str]]
) -> AsyncGenerator[Any, None]:
    """Give what a server would send of attempts as they come. Raises Problem."""
    try:
        _, parameters = read_request("GET", path, query, operator.settings.mode)
        await operator.check_app(parameters["app"])
    except (InvalidRequestError, RefusedError) as error:
        raise problem_of(error) or error from error
    async with aclosing(users.following(AdminCall(operator, parameters, None))) as following:
        async for entry in following:
            yield users.attempt_body(entry)
