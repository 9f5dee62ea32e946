"""What the pages say about tests: copied out, it runs; and nothing of it is missing."""

import inspect
import re
from pathlib import Path

import pytest
from skylogin.testing import Attempt, LoggedIn, SkyloginApp, User
from skylogin.testing.clock import AppClock
from skylogin.testing.faults import Faults
from skylogin.tokens.bad_tokens import KINDS

from tests.processes import run_python

ROOT = Path(__file__).parents[2]
README = (ROOT / "README.md").read_text(encoding="utf-8")
PAGE = (ROOT / "docs" / "testing.md").read_text(encoding="utf-8")
BLOCK = re.compile(r"^```python\n(.*?)^```$", re.MULTILINE | re.DOTALL)
NAMED = re.compile(r"^# (\w+\.py)\n")
TESTS_MIN = 50


def blocks(page: str) -> list[str]:
    """Return the pieces of Python on a page."""
    return BLOCK.findall(page)


def make_project(folder: Path) -> None:
    """Make the project that the README shows, with its tests as often as to be 50."""
    begin = README.index("\n## In your tests\n")
    text = README[begin : README.index("\n## ", begin + 1)]
    files = {match[1]: block for block in blocks(text) if (match := NAMED.match(block))}
    tests = {name: block for name, block in files.items() if name.startswith("test_")}
    each = sum(block.count("\ndef test_") for block in tests.values())
    for name, block in files.items():
        (folder / name).write_text(block)
    for number in range(1, -(-TESTS_MIN // each)):
        for name, block in tests.items():
            (folder / name.replace(".py", f"_{number}.py")).write_text(block)


def pytest_in(folder: Path, *arguments: str) -> str:
    """Return what a run of pytest in *folder* prints; it has to pass."""
    ended = run_python(folder, "-m", "pytest", "-p", "no:cacheprovider", *arguments)
    assert ended.returncode == 0, ended.stdout + ended.stderr
    return ended.stdout


@pytest.mark.slow
def test_the_project_of_the_readme_passes(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    """Made from its text alone, outside of this one: an app, its tests and its settings."""
    make_project(tmp_path)
    printed = pytest_in(tmp_path, "-q")

    passed = re.search(r"^(\d+) passed in ([\d.]+)s", printed, re.MULTILINE)
    assert passed
    assert int(passed[1]) >= TESTS_MIN
    with capfd.disabled():
        print(f"\nthe README's project: {passed[0]}")


@pytest.mark.slow
def test_the_tests_of_the_page_pass(tmp_path: Path) -> None:
    """Asynchronous ones, and unittest's by both ways."""
    (tmp_path / "conftest.py").write_text("""
import threading
import pytest

@pytest.fixture
def app(skylogin):
    class App:
        def start(self, token):
            threading.Timer(0.1, skylogin.login_with, [token]).start()
    return App()
""")
    for number, block in enumerate(blocks(PAGE)):
        (tmp_path / f"test_{number}.py").write_text(block)
    printed = pytest_in(tmp_path, "-q", "-o", "asyncio_mode=auto")
    assert re.search(r"^3 passed", printed, re.MULTILINE)

    plain = [path.stem for path in tmp_path.glob("test_*.py") if "setUpClass" in path.read_text()]
    ended = run_python(tmp_path, "-m", "unittest", *plain)
    assert ended.returncode == 0, ended.stderr


def public(kind: type) -> set[str]:
    """Return the names that a class has for its users."""
    names = {name for name in vars(kind) if not name.startswith("_")} - {"read"}
    return names | {name for name in inspect.get_annotations(kind) if not name.startswith("_")}


def words_in(page: str) -> set[str]:
    """Return the words that stand in backquotes."""
    return set(re.findall(r"\w+", " ".join(re.findall(r"`([^`\n]+)`", page))))


PARTS = {kind.__name__: kind for kind in (SkyloginApp, LoggedIn, User, Attempt, AppClock, Faults)}


@pytest.mark.parametrize("kind", PARTS.values(), ids=PARTS)
def test_all_of_it_is_written_down(kind: type) -> None:
    """Whatever a test can ask of an app stands on the page, in backquotes."""
    assert public(kind) - words_in(PAGE) == set()


def test_the_parts_of_an_app_are_written_down() -> None:
    """Those too that it is made with."""
    parts = ("users", "logins", "clock", "faults", "bad", "name")

    assert set(parts) - words_in(PAGE) == set()


def test_every_kind_of_bad_token_has_its_row() -> None:
    """In the words of the code."""
    rows = re.findall(r"^\| `(\w+)` \| (.+) \| `(\w+)` \|$", PAGE, re.MULTILINE)

    assert rows == [(name, kind.about, str(kind.reason)) for name, kind in KINDS.items()]
