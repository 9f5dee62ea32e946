"""docs/moving-from-skygear.md: its SQL and its commands do what it says."""

import re
import shlex

import pytest
from skylogin.domain.importing import KINDS

from tests.docs.pages import PAGES
from tests.skygear.databases import NewDatabase, OldDatabase

PAGE = PAGES["docs/moving-from-skygear.md"]
SQL, COMMAND = re.findall(r"^ *```text\n(.+?)```$", PAGE, re.DOTALL | re.MULTILINE)[:2]


def test_every_kind_is_explained() -> None:
    """What may be unclear has a row of the page."""
    assert re.findall(r"^\| `([a-z][a-z-]+)` \| .+ \| .+ \|$", PAGE, re.MULTILINE) == list(KINDS)


@pytest.mark.slow
@pytest.mark.parametrize("new", ["sqlite"], indirect=True)
def test_a_user_who_can_only_read_is_enough(old: OldDatabase, new: NewDatabase) -> None:
    """The page's SQL gives the rights, and its command needs no others."""
    role = f"reader_{old.url.rpartition('_')[2]}_{old.url.rpartition('/')[2][5:]}"
    old.sql(SQL.replace("reader", role).replace("app_myapp", "app__"))
    try:
        command = shlex.split(COMMAND)
        url, name = command.index("--from") + 1, command.index("--app-name") + 1
        command[url] = old.url.replace("postgres@", f"{role}@")
        command[name] = "_"
        done = new.run(*command[1:])

        assert done.returncode == 0, done.stderr
        assert "users\t58\t58" in done.stdout
        assert not (new.folder / "skylogin.db").exists()
    finally:
        old.sql(f"DROP OWNED BY {role}", f"DROP ROLE {role}")
