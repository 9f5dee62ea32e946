"""`skylogin.yaml`: the settings and the seed of a project."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from skylogin.seeds import document, reader
from skylogin.seeds.nodes import Node
from skylogin.seeds.seed import SeedApp


@dataclass(frozen=True, slots=True)
class Project:
    """What the file of a project says. *settings* are texts, by their variables."""

    file: str
    root: Node
    settings: Mapping[str, str]

    def seeds(self, default_app: str) -> list[SeedApp]:
        """Return the apps that it has users or roles for. Raises SeedError."""
        apps = reader.read_node(self.root, self.file, default_app, may_be_empty=True)
        return [app for app in apps if app.plain]


def read(path: Path) -> Project:
    """Return the project whose file is at *path*. Raises SeedError and OSError."""
    file = str(path)
    root = document.read(path.read_bytes(), file)
    return Project(file, root, reader.read_settings(root, file))
