"""The shell snippets, pasted page by page against real servers, and the output that they show."""

import os
import re
import shutil
import subprocess
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.docs.pages import ROOT, SNIPPETS, Snippet
from tests.docs.shell import Shell, is_like
from tests.examples.commands import beside_skylogin, copy_example
from tests.examples.languages import LANGUAGES
from tests.local_services import free_port
from tests.processes import ServerProcess

Require = Callable[..., None]
PACKAGE = ROOT / "server" / "skylogin"
DATABASE_URL = "postgresql://skylogin:PASSWORD@db.example.com/skylogin"


@dataclass(frozen=True, slots=True)
class Reader:
    """What somebody who reads a page has at hand: a checkout, a server, what a page is about."""

    has_checkout: bool = False
    has_server: bool = False
    needs_node: bool = False
    needs_postgresql: bool = False


READERS = {
    "README.md": Reader(has_checkout=True, needs_node=True, needs_postgresql=True),
    "docs/apps.md": Reader(has_server=True),
    "docs/backups.md": Reader(has_server=True),
    "docs/commands.md": Reader(has_checkout=True, has_server=True),
    "docs/containers.md": Reader(),
    "docs/controls.md": Reader(has_server=True),
    "docs/custom-tokens.md": Reader(has_server=True),
    "docs/portal.md": Reader(has_server=True),
    "docs/seeds.md": Reader(has_server=True),
    "docs/self-hosting.md": Reader(needs_postgresql=True),
    "docs/testing.md": Reader(),
}

# Snippets that are not run here, by their first line, and why.
NOT_RUN = {
    "docker compose up --build": "no container engine; tests/examples runs the file's commands",
    'pg_dump --format=custom --file=skylogin.dump --dbname="$DATABASE_URL"': (
        "tests/crash/test_postgresql_backups.py runs it"
    ),
    'pg_basebackup --pgdata=/backups/base --checkpoint=fast --dbname="$DATABASE_URL"': (
        "tests/crash/test_postgresql_backups.py runs it"
    ),
}
# What is neither pasted nor printed, by language and page: the test that checks it.
CHECKED_BY = {
    ("", "docs/architecture.md"): "below",
    ("text", "docs/seeds.md"): "tests/seeds/test_reader.py",
    ("text", "docs/testing.md"): "test_testing_page.py",
    ("text", "docs/moving-from-skygear.md"): "tests/skygear/test_moving_page.py",
    ("text", "README.md"): "tests/cli/test_dev_on_terminal.py",
    ("python", "README.md"): "test_testing_page.py",
    ("python", "docs/testing.md"): "test_testing_page.py",
    ("js", "README.md"): "test_a_page_runs_as_pasted",
    ("js", "kits/javascript/README.md"): "kits/javascript/tests/readme.test.js",
    ("text", "kits/javascript/README.md"): "kits/javascript/tests/runners.test.js",
    ("yaml", "docs/seeds.md"): "test_a_page_runs_as_pasted",
    ("text", "docs/controls.md"): "tests/sdk/test_javascript_sdk.py",
    ("ini", "docs/tls.md"): "test_secret_files.py",
    ("console", "docs/tls.md"): "tests/cli/test_service.py",
    ("ini", "docs/systemd.md"): "test_secret_files.py",
    ("console", "docs/systemd.md"): "tests/release/test_service_unit.py",
    ("yaml", "docs/metrics.md"): "tests/release/test_prometheus.py",
    ("ini", "docs/backups.md"): "tests/crash/test_postgresql_backups.py",
    ("nginx", "docs/proxies.md"): "tests/web/test_behind_proxies.py",
    ("haproxy", "docs/proxies.md"): "tests/web/test_behind_proxies.py",
    **{
        (language, "docs/custom-tokens.md"): "test_token_snippets.py"
        for language in ("js", "python", "ruby", "java")
    },
}
OUTPUTS = ("json", "text")
# Commands that end with another code than 0, by their first line.
CODES = {'skylogin token explain "$TOKEN"': 1}


def test_every_page_with_a_shell_snippet_has_a_reader() -> None:
    """A new page is added to the table above."""
    assert {one.page for one in SNIPPETS if one.language == "sh"} == READERS.keys()


@pytest.mark.slow
@pytest.mark.parametrize("page", READERS)
def test_a_page_runs_as_pasted(
    page: str,
    tmp_path: Path,
    require: Require,
    request: pytest.FixtureRequest,
    capfd: pytest.CaptureFixture[str],
) -> None:
    """Every snippet succeeds, and prints what the page shows below it."""
    reader = READERS[page]
    require("curl", *(LANGUAGES["javascript"].needs if reader.needs_node else ()))
    folder = tmp_path / "folder"
    make_checkout(folder) if reader.has_checkout else folder.mkdir()
    replaced = free_ports()
    if reader.needs_postgresql:
        replaced[DATABASE_URL] = request.getfixturevalue("postgresql_url")
    environment = beside_skylogin({"PORT": replaced[":3000"].removeprefix(":")})
    with (
        server_in(folder, environment if reader.has_server else None),
        Shell(folder, environment) as shell,
    ):
        reading = Reading(folder, shell, replaced)
        for snippet in SNIPPETS:
            if snippet.page == page:
                skipped = reading.read(snippet)
                if skipped:
                    with capfd.disabled():
                        print(f"\n{snippet} is not run: {skipped}")


class Reading:
    """Somebody who does what a page says, with other ports than the page's."""

    def __init__(self, folder: Path, shell: Shell, replaced: dict[str, str]) -> None:
        self._folder = folder
        self._shell = shell
        self._replaced = replaced
        self._printed = ""

    def read(self, snippet: Snippet) -> str:
        """Do what *snippet* says; return why that is left out, if it is."""
        first, text = snippet.text.splitlines()[0], snippet.text
        for shown, ours in self._replaced.items():
            text = text.replace(shown, ours)
        if first in NOT_RUN:
            return NOT_RUN[first]
        if snippet.language == "js" and snippet.page == "README.md":
            # Where its import finds the SDK.
            (self._folder / "examples" / "javascript" / snippet.file_name).write_text(text)
            self._printed = self._shell.paste(f"node examples/javascript/{snippet.file_name}")
            assert self._printed == "alice\n"
        elif snippet.file_name:
            path = self._folder / snippet.file_name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text)
        elif snippet.language == "sh":
            self._printed = self._shell.paste(text, CODES.get(first, 0))
        elif is_output(snippet):
            assert is_like(snippet.text, self._printed, snippet.language), (
                f"{snippet}\n{self._printed}"
            )
        return ""


def is_output(snippet: Snippet) -> bool:
    """Return whether *snippet* is what the one before it prints."""
    return snippet.language in OUTPUTS and (snippet.language, snippet.page) not in CHECKED_BY


@contextmanager
def server_in(folder: Path, environment: dict[str, str] | None) -> Iterator[None]:
    """Run `skylogin dev` in *folder* for the block, if it has an environment."""
    if environment is None:
        yield
        return
    server = ServerProcess(folder, "dev", PORT=environment["PORT"])
    try:
        assert server.url
        yield
    finally:
        server.stop()


def free_ports() -> dict[str, str]:
    """Return what stands in for the ports that the pages name."""
    ports = {}
    for shown in ("3000", "8080"):
        port = free_port()
        ports |= {f":{shown}": f":{port}", f"--port {shown}": f"--port {port}"}
    return ports


def make_checkout(folder: Path) -> None:
    """Make a copy of this checkout as it is after `make dev` and `make test`."""
    listed = subprocess.run(
        ["git", "-C", str(ROOT), "ls-files", "-z"], check=True, capture_output=True, text=True
    ).stdout
    for name in listed.rstrip("\0").split("\0"):
        if (ROOT / name).is_file():
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(ROOT / name, folder / name)
    (folder / ".venv").symlink_to(ROOT / ".venv")
    for path in (folder / "pyproject.toml", *(folder / "constraints").iterdir()):
        # Older than what is installed, so that make does not install the copy into our .venv.
        os.utime(path, (0, 0))
    shutil.rmtree(folder / "examples" / "javascript")
    copy_example("javascript", folder)


def test_every_snippet_is_checked() -> None:
    """Each language of each page has a test that runs or reads it."""
    unchecked = [
        f"{one} ({one.language})"
        for one in SNIPPETS
        if not (
            one.language == "sh"
            or (is_output(one) and one.page in READERS)
            or (one.language, one.page) in CHECKED_BY
        )
    ]

    assert unchecked == []


def test_the_way_of_one_login_names_what_exists() -> None:
    """Every module in the picture of docs/architecture.md is one of the package."""
    [picture] = [one.text for one in SNIPPETS if one.page == "docs/architecture.md"]
    named = re.findall(r"^\W*((?:\w+\.)+\w+)", picture, re.MULTILINE)
    modules = {path.stem for path in PACKAGE.rglob("*.py")} | {
        path.name for path in PACKAGE.iterdir() if path.is_dir()
    }

    assert named
    assert [name for name in named if name.split(".")[0] not in modules] == []
