"""The admin API of seeds. `skylogin serve` has none of it."""

from http import HTTPStatus

from skylogin.admin.request import AdminCall, Handler, Problem
from skylogin.seeds import apply, export, reader
from skylogin.seeds.apply import SeedRefusedError
from skylogin.seeds.nodes import SeedError


async def seed_app(call: AdminCall) -> object:
    """Put users into an app."""
    try:
        wanted = reader.read_app(call.body, call.app)
        return {"users": await apply.seed(call.operator, call.app, wanted)}
    except (SeedError, SeedRefusedError) as error:
        problems = [str(problem) for problem in error.problems]
        detail = f"the seed has {len(problems)} problem{'s' * (len(problems) > 1)}"
        raise Problem(HTTPStatus.UNPROCESSABLE_ENTITY, detail, faults=problems) from None


async def export_seed(call: AdminCall) -> object:
    """Show the users of an app as a seed."""
    return await export.seed(call.operator, call.app)


HANDLERS: dict[str, Handler] = {"seedApp": seed_app, "exportSeed": export_seed}
