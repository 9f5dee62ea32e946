"""`skylogin.yaml`: the settings and the seed of a project."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from skylogin.config import PROJECT_FILE
from skylogin.seeds import document, project_place, reader
from skylogin.seeds.nodes import Node, SeedError, SeedProblem
from skylogin.seeds.seed import SeedApp


@dataclass(frozen=True, slots=True)
class Project:
    """The content of a project's file. *settings* are texts, by variable."""

    file: str
    root: Node
    settings: Mapping[str, str]

    def seeds(self, default_app: str) -> list[SeedApp]:
        """Return the apps for which the file has more than settings. Raises SeedError."""
        apps = reader.read_node(self.root, self.file, default_app, may_be_empty=True)
        return [app for app in apps if app.plain]


def read(path: Path) -> Project:
    """Return the project whose file is at *path*. Raises SeedError and OSError."""
    file = str(path)
    root = document.read(path.read_bytes(), file)
    return Project(file, root, reader.read_settings(root, file))


def seed_of_app(name: str) -> SeedApp | None:
    """Return the seed for the app *name* in the project of the working directory, None without one.

    In the project's file, it is outside of `apps`, or in `apps` by name. Raises SeedError.
    """
    try:
        path = project_place.find(Path.cwd())
        apps = read(path).seeds(name) if path else []
    except OSError as error:
        problem = SeedProblem("", f"cannot be read: {error.strerror}", 0, PROJECT_FILE)
        raise SeedError([problem]) from None
    return next((app for app in apps if app.name == name), None)
