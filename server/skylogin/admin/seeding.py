"""The admin API of seeds. `skylogin serve` has none of it."""

from http import HTTPStatus

from skylogin import seeds
from skylogin.admin.call import AdminCall, Handler, Problem
from skylogin.operations import seeding
from skylogin.operations.seeding import SeedRefusedError
from skylogin.seed_text import SeedError


async def seed_app(call: AdminCall) -> object:
    """Put users into an app."""
    try:
        wanted = seeds.read_app(call.body, call.app)
        return {"users": await seeding.seed(call.operator, call.app, wanted)}
    except (SeedError, SeedRefusedError) as error:
        faults = [str(fault) for fault in error.faults]
        detail = f"the seed has {len(faults)} fault{'s' * (len(faults) > 1)}"
        raise Problem(HTTPStatus.UNPROCESSABLE_ENTITY, detail, faults=faults) from None


async def export_seed(call: AdminCall) -> object:
    """Show the users of an app as a seed."""
    return await seeding.export(call.operator, call.app)


HANDLERS: dict[str, Handler] = {"seedApp": seed_app, "exportSeed": export_seed}
