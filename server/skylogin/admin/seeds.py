"""The admin API's operations on seeds. Only `skylogin dev` has them."""

from http import HTTPStatus

from skylogin.admin.request import AdminRequest, Json, Problem
from skylogin.operations import stubs
from skylogin.seeds import apply, export, reader
from skylogin.seeds.apply import SeedRefusedError
from skylogin.seeds.nodes import SeedError


async def seed_app(request: AdminRequest) -> Json:
    """Apply a seed to an app."""
    try:
        wanted = reader.read_app(request.body, request.app)
        # Without a server, stubs are refused before anything is written.
        app = request.opened_app if wanted.stubs else None
        users = await apply.seed(request.operator, request.app, wanted)
        if app is not None:
            await stubs.add_seeded(request.operator, app, wanted.stubs)
        return {"users": users}
    except (SeedError, SeedRefusedError) as error:
        problems = [str(problem) for problem in error.problems]
        places = [problem.path for problem in error.problems]
        detail = f"the seed has {len(problems)} problem{'s' * (len(problems) > 1)}"
        raise Problem(
            HTTPStatus.UNPROCESSABLE_ENTITY, detail, errors=problems, places=places
        ) from None


async def export_seed(request: AdminRequest) -> object:
    """Return an app's users as a seed."""
    return await export.seed(request.operator, request.app)
