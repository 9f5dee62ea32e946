"""What the pages say about tests: copied out, it passes; and nothing of it is missing."""

import inspect
import re
from pathlib import Path

import pytest
from skylogin.testing import Attempt, LoggedIn, Mail, RecordedCall, SkyloginApp, Stub, User
from skylogin.testing.calls import Calls
from skylogin.testing.clock import AppClock
from skylogin.testing.faults import Faults
from skylogin.testing.outbox import Outbox
from skylogin.testing.stubs import Stubs

from tests.docs.pages import PAGES, SNIPPETS, Snippet
from tests.docs.shell import is_like
from tests.processes import run_python

PAGE = PAGES["docs/testing.md"]
TESTS_MIN = 50
ASYNCHRONOUS_APP = """
import threading
import pytest

@pytest.fixture
def app(skylogin):
    class App:
        def start(self, token):
            threading.Timer(0.1, skylogin.login_with, [token]).start()
    return App()
"""


def python_on(page: str, *, named: bool) -> list[Snippet]:
    """Return the Python of *page* that has a file's name, or that has none."""
    found = [one for one in SNIPPETS if one.page == page and one.language == "python"]
    return [one for one in found if bool(one.file_name) is named]


def run_pytest(folder: Path, *arguments: str) -> str:
    """Return what a run of pytest in *folder* prints."""
    return run_python(folder, "-m", "pytest", "-p", "no:cacheprovider", "-q", *arguments).stdout


@pytest.mark.slow
def test_the_test_of_the_readme_passes(tmp_path: Path) -> None:
    """In a directory with nothing else in it."""
    [snippet] = python_on("README.md", named=True)
    (tmp_path / snippet.file_name).write_text(snippet.text)

    assert re.search(r"^2 passed", run_pytest(tmp_path), re.MULTILINE)


@pytest.mark.slow
def test_the_project_of_the_page_passes(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    """Made from the page alone: an app, its settings, and its tests until there are 50."""
    files = {one.file_name: one.text for one in python_on("docs/testing.md", named=True)}
    for name, text in files.items():
        (tmp_path / name).write_text(text)
    tests = files["test_greeter.py"]
    for number in range(1, -(-TESTS_MIN // tests.count("\ndef test_"))):
        (tmp_path / f"test_greeter_{number}.py").write_text(tests)

    printed = run_pytest(tmp_path)

    passed = re.search(r"^(\d+) passed in ([\d.]+)s", printed, re.MULTILINE)
    assert passed, printed
    assert int(passed[1]) >= TESTS_MIN
    with capfd.disabled():
        print(f"\nthe project of docs/testing.md: {passed[0]}")


@pytest.mark.slow
def test_the_other_tests_of_the_page_pass(tmp_path: Path) -> None:
    """An asynchronous one, and unittest's by both ways."""
    (tmp_path / "conftest.py").write_text(ASYNCHRONOUS_APP)
    for number, snippet in enumerate(python_on("docs/testing.md", named=False)):
        (tmp_path / f"test_{number}.py").write_text(snippet.text)

    printed = run_pytest(tmp_path, "-o", "asyncio_mode=auto")

    assert re.search(r"^3 passed", printed, re.MULTILINE), printed
    plain = [path.stem for path in tmp_path.glob("test_*.py") if "setUpClass" in path.read_text()]
    ended = run_python(tmp_path, "-m", "unittest", *plain)
    assert ended.returncode == 0, ended.stderr


@pytest.mark.slow
def test_a_failed_test_shows_what_the_page_shows(tmp_path: Path) -> None:
    """Its login attempts, below a title."""
    [shown] = [
        one.text for one in SNIPPETS if one.page == "docs/testing.md" and "skylogin:" in one.text
    ]
    (tmp_path / "test_fails.py").write_text("""
def test_fails(skylogin):
    skylogin.login_with(skylogin.mint("alice", expires_in=-12))
""")

    printed = run_pytest(tmp_path, "--tb=short", "-rN")

    title = shown.splitlines()[0]
    assert title in printed, printed
    section = printed[printed.index(title) :].split("\n1 failed")[0]
    assert is_like(shown, section, "text"), printed


def public(kind: type) -> set[str]:
    """Return the names that a class has for its users."""
    names = {name for name in vars(kind) if not name.startswith("_")} - {"read"}
    return names | {name for name in inspect.get_annotations(kind) if not name.startswith("_")}


def words_in(page: str) -> set[str]:
    """Return the words that stand in backquotes."""
    return set(re.findall(r"\w+", " ".join(re.findall(r"`([^`\n]+)`", page))))


KINDS = (
    SkyloginApp,
    LoggedIn,
    User,
    Attempt,
    AppClock,
    Faults,
    Stub,
    Stubs,
    RecordedCall,
    Calls,
    Mail,
    Outbox,
)
PARTS = {kind.__name__: kind for kind in KINDS}


@pytest.mark.parametrize("kind", PARTS.values(), ids=PARTS)
def test_every_name_of_a_class_is_on_the_page(kind: type) -> None:
    """Whatever a test can ask of an app stands there in backquotes."""
    assert public(kind) - words_in(PAGE) == set()


def test_every_part_of_an_app_is_on_the_page() -> None:
    """Those too that it is made with."""
    parts = ("users", "logins", "clock", "faults", "stubs", "calls", "outbox", "bad", "name")

    assert set(parts) - words_in(PAGE) == set()
