"""The tests that the page about security names exist."""

import re

from tests.docs.pages import PAGES, ROOT

NAMED = re.compile(r"`([\w/]+\.py)::(\w+)`")
ROW = re.compile(r"^\| (?!threat|---)", re.MULTILINE)


def test_the_tests_of_every_threat_exist() -> None:
    """Each row names at least one."""
    page = PAGES["docs/security.md"]
    named = NAMED.findall(page)
    rows = [line for line in page.splitlines() if ROW.match(line)]

    assert all(NAMED.search(row) for row in rows)
    assert [one for one in named if not is_test(*one)] == []


def is_test(path: str, name: str) -> bool:
    """Return whether a file below tests/ has a test of that name."""
    file = ROOT / "tests" / path
    return file.is_file() and f"def {name}(" in file.read_text(encoding="utf-8")
