"""`skylogin.yaml`: the settings and the seed of the project in a folder."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from skylogin.seeds import reader
from skylogin.seeds.seed import SeedApp


@dataclass(frozen=True, slots=True)
class Project:
    """What the file of a project says. *settings* are texts, by their variables."""

    file: str
    data: bytes
    settings: Mapping[str, str]

    def seeds(self, default_app: str) -> list[SeedApp]:
        """Return the apps that it has users or roles for. Raises SeedError."""
        apps = reader.read(self.data, self.file, default_app, may_be_empty=True)
        return [app for app in apps if app.plain]


def read(path: Path) -> Project:
    """Return the project whose file is at *path*. Raises SeedError and OSError."""
    data = path.read_bytes()
    return Project(str(path), data, reader.read_settings(data, str(path)))
