"""The admin API's operations on seeds. Only `skylogin dev` has them."""

from collections.abc import Iterator
from contextlib import contextmanager
from http import HTTPStatus

from skylogin.admin.request import AdminRequest, Json, Problem
from skylogin.operations import controls, stubs
from skylogin.seeds import apply, export, project_file, reader
from skylogin.seeds.nodes import SeedError
from skylogin.seeds.seed import SeedApp


async def reset_app(request: AdminRequest) -> None:
    """Reset an app, and apply the project file to it."""
    with _problems_answered():
        with_project = (request.body or {}).get("project", False)
        # A file with a problem is refused before anything is deleted.
        wanted = project_file.seed_of_app(request.app) if with_project else None
        await controls.reset(request.operator, request.opened_app)
        if wanted is not None:
            await _apply(request, wanted)


async def seed_app(request: AdminRequest) -> Json:
    with _problems_answered():
        return {"users": await _apply(request, _wanted(request.body, request.app))}


def _wanted(body: object, app: str) -> SeedApp:
    """Return the seed in *body*, or in the text of a file that is in it. Raises SeedError."""
    if isinstance(body, dict) and set(body) == {"file", "text"}:
        file, text = body["file"], body["text"]
        if isinstance(file, str) and isinstance(text, str):
            return reader.read_app_text(text, file, app)
    return reader.read_app(body, app)


async def _apply(request: AdminRequest, wanted: SeedApp) -> int:
    # Without a server, stubs are refused before anything is written.
    app = request.opened_app if wanted.stubs else None
    users = await apply.seed(request.operator, request.app, wanted)
    if app is not None:
        await stubs.add_seeded(request.operator, app, wanted.stubs)
    return users


@contextmanager
def _problems_answered() -> Iterator[None]:
    """Answer with all problems of a seed."""
    try:
        yield
    except SeedError as error:
        problems = [str(problem) for problem in error.problems]
        places = [problem.path for problem in error.problems]
        detail = f"the seed has {len(problems)} problem{'s' * (len(problems) > 1)}"
        raise Problem(
            HTTPStatus.UNPROCESSABLE_ENTITY, detail, errors=problems, places=places
        ) from None


async def export_seed(request: AdminRequest) -> object:
    """Return an app's users as a seed."""
    return await export.seed(request.operator, request.app)
