"""The admin API without a server: a command asks the database in the same words."""

import json
from collections.abc import Sequence
from typing import Any

from skylogin.admin import document, running
from skylogin.admin.call import AdminCall, problem_of, read_request
from skylogin.operations.operator import Operator

# It makes the app where it may, and says so where it may not.
MAKES_ITS_APP = frozenset(("seedApp",))


async def ask(
    operator: Operator, method: str, path: str, query: Sequence[tuple[str, str]], body: object
) -> Any:
    """Return what a server would answer, None where it only does it.

    *path* is as it is on the line. Raises Problem.
    """
    try:
        operation, parameters = read_request(method, path, query, operator.settings.mode)
        if operation.body is not None:
            document.check_body(operation, {} if body is None else body)
        if "app" in parameters and operation.name not in MAKES_ITS_APP:
            await operator.check_app(parameters["app"])
        call = AdminCall(operator, parameters, {} if body is None else body)
        result = await running.HANDLERS[operation.name](call)
    except Exception as error:
        problem = problem_of(error)
        if problem is None or problem is error:
            raise
        raise problem from error
    return None if result is None else json.loads(json.dumps(result))
