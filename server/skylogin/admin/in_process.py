"""The admin API on an open database, without a server. Only commands use it."""

import json
from collections.abc import AsyncGenerator, Sequence
from contextlib import aclosing
from typing import Any

from skylogin.admin import login_attempts
from skylogin.admin.openapi import read_body, read_request
from skylogin.admin.request import AdminRequest, problem_of
from skylogin.admin.routes import HANDLERS
from skylogin.errors import SkygearError
from skylogin.operations.operator import Operator, RefusedError

# These operations handle a missing app themselves.
CREATES_APP = frozenset(("seedApp",))


async def ask(
    operator: Operator,
    method: str,
    path: str,
    query: Sequence[tuple[str, str]],
    data: bytes | None,
) -> Any:
    """Return the answer that a server would send, None if it has no body.

    *path* is percent-encoded; *data* is the request's body. Raises Problem.
    """
    try:
        operation, parameters = read_request(method, path, query, operator.settings.mode)
        body = read_body(operation, data)
        if "app" in parameters and operation.name not in CREATES_APP:
            await operator.check_app(parameters["app"])
        result = await HANDLERS[operation.name](AdminRequest(operator, parameters, body))
    except (RefusedError, SkygearError) as error:
        raise problem_of(error) or error from error
    return None if result is None else json.loads(json.dumps(result))


async def follow(
    operator: Operator, path: str, query: Sequence[tuple[str, str]]
) -> AsyncGenerator[Any, None]:
    """Yield new login attempts as a server would send them. Raises Problem."""
    try:
        _, parameters = read_request("GET", path, query, operator.settings.mode)
        await operator.check_app(parameters["app"])
    except RefusedError as error:
        raise problem_of(error) or error from error
    async with aclosing(login_attempts.following(AdminRequest(operator, parameters, None))) as new:
        async for entry in new:
            yield login_attempts.attempt_body(entry)
