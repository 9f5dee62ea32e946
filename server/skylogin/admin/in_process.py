"""The admin API on an open database, without a server. Only commands use it."""

import json
from collections.abc import AsyncGenerator, Iterator, Sequence
from contextlib import aclosing, contextmanager
from typing import Any

from skylogin.admin import login_attempts
from skylogin.admin.openapi import read_body, read_request
from skylogin.admin.request import AdminRequest, Problem, problem_of
from skylogin.admin.routes import HANDLERS
from skylogin.client.errors import AdminError
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

    *path* is percent-encoded; *data* is the request's body. Raises AdminError.
    """
    with _translating_errors():
        operation, parameters = read_request(method, path, query, operator.settings.mode)
        body = read_body(operation, data)
        if "app" in parameters and operation.name not in CREATES_APP:
            await operator.check_app(parameters["app"])
        result = await HANDLERS[operation.name](AdminRequest(operator, parameters, body))
    return None if result is None else json.loads(json.dumps(result))


async def follow(
    operator: Operator, path: str, query: Sequence[tuple[str, str]]
) -> AsyncGenerator[Any, None]:
    """Yield new login attempts as a server would send them. Raises AdminError."""
    with _translating_errors():
        _, parameters = read_request("GET", path, query, operator.settings.mode)
        await operator.check_app(parameters["app"])
    async with aclosing(login_attempts.following(AdminRequest(operator, parameters, None))) as new:
        async for entry in new:
            yield login_attempts.attempt_body(entry)


@contextmanager
def _translating_errors() -> Iterator[None]:
    """Raise AdminError where a server would answer with a problem."""
    try:
        yield
    except (Problem, RefusedError, SkygearError) as error:
        found = problem_of(error)
        if found is None:
            raise
        raise AdminError(
            found.status, found.detail, found.errors, code=found.code, places=found.places
        ) from error
