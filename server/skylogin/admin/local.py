"""The admin API without a server: a command asks the database in the same words."""

import json
from collections.abc import AsyncGenerator, Sequence
from contextlib import aclosing
from typing import Any

from skylogin.admin import document, people, running
from skylogin.admin.call import AdminCall, problem_of, read_request
from skylogin.admin.document import InvalidRequestError
from skylogin.errors import SkygearError
from skylogin.operations.operator import Operator, RefusedError

# It makes the app where it may, and says so where it may not.
MAKES_ITS_APP = frozenset(("seedApp",))


async def ask(
    operator: Operator, method: str, path: str, query: Sequence[tuple[str, str]], body: object
) -> Any:
    """Return what a server would answer, None where it only does it.

    *path* is as it is on the line. Raises Problem.
    """
    try:
        result = await _carry_out(operator, method, path, query, body)
    except (InvalidRequestError, RefusedError, SkygearError) as error:
        raise problem_of(error) or error from error
    return None if result is None else json.loads(json.dumps(result))


async def follow(
    operator: Operator, path: str, query: Sequence[tuple[str, str]]
) -> AsyncGenerator[Any, None]:
    """Give what a server would send of attempts as they come. Raises Problem."""
    try:
        _, parameters = read_request("GET", path, query, operator.settings.mode)
        await operator.check_app(parameters["app"])
    except (InvalidRequestError, RefusedError) as error:
        raise problem_of(error) or error from error
    async with aclosing(people.following(AdminCall(operator, parameters, None))) as following:
        async for entry in following:
            yield people.attempt_body(entry)


async def _carry_out(
    operator: Operator, method: str, path: str, query: Sequence[tuple[str, str]], body: object
) -> object:
    operation, parameters = read_request(method, path, query, operator.settings.mode)
    if operation.body is not None:
        body = {} if body is None else body
        document.check_body(operation, body)
    if "app" in parameters and operation.name not in MAKES_ITS_APP:
        await operator.check_app(parameters["app"])
    return await running.HANDLERS[operation.name](AdminCall(operator, parameters, body))
