"""`skylogin.yaml` as the pytest plugin uses it."""

from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple

from skylogin.seeds import project_place


class Project(NamedTuple):
    """The settings of a project's server, and what each test's app begins with."""

    settings: Mapping[str, str]
    seed: Mapping[str, object]


def find(directory: Path) -> Project | None:
    """Return the project of *directory*, None if there is none. Raises ValueError on a bad file.

    The named `apps` in the file do not apply to the app of a test.
    """
    path = project_place.find(directory)
    if path is None:
        return None
    # On the start-up list: most projects have no such file.
    from skylogin.seeds import project_file  # noqa: PLC0415

    project = project_file.read(path)
    seeds = {app.name: app.plain for app in project.seeds("")}
    return Project(project.settings, seeds.get("", {}))
