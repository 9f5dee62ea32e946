"""`skylogin.yaml`, with which `dev` and `exec` start, and `skylogin init`."""

import os
from pathlib import Path
from typing import TYPE_CHECKING

from skylogin.cli.output import AsJson, fail, print_done
from skylogin.config import PROJECT_FILE
from skylogin.seeds import project_place

if TYPE_CHECKING:
    from skylogin.seeds.project_file import Project

BEGINNING = """\
# Read by `skylogin dev`, `skylogin exec` and the pytest plugin, here and in the directories below.

# Settings by their variables. The environment and --set take precedence.
settings:
  # The secret with which your authentication server signs custom tokens. Unset: a random one.
  # CUSTOM_TOKEN_SECRET: a secret for tests
  # Fields of a user's profile that are unique.
  AUTH_RECORD_KEYS: username,email

# Users, with their sub, profile, roles, password or disabled state.
users:
  - sub: alice
    profile:
      username: alice
      email: alice@example.com
      name: Alice
    roles: [editor]
  - sub: bob
    profile: {username: bob}
    disabled: {message: Call us}

# Answers for actions that skylogin does not emulate, such as your cloud functions.
stubs:
  - action: hello:world
    result: {greeting: hi}
"""


def read() -> "Project | None":
    """Return the project of the current directory, if any. Raises SeedError."""
    try:
        path = project_place.find(Path.cwd())
    except FileNotFoundError:
        # The directory was deleted.
        return None
    if path is None:
        return None
    # On the start-up list: most directories have no such file.
    from skylogin.seeds import project_file  # noqa: PLC0415

    return project_file.read(Path(os.path.relpath(path)))


def init(as_json: AsJson = False) -> None:
    """Write an example skylogin.yaml with settings and users."""
    try:
        with Path(PROJECT_FILE).open("x", encoding="utf-8") as file:
            file.write(BEGINNING)
    except FileExistsError:
        fail(f"{PROJECT_FILE} exists already; nothing changed")
    print_done("wrote", PROJECT_FILE, as_json=as_json)
