"""The page about security names tests that exist, and decides about every setting."""

import re

from skylogin.config import SETTINGS

from tests.docs.pages import PAGES, ROOT, section

PAGE = PAGES["docs/security.md"]
NAMED = re.compile(r"`([\w/]+\.py)::(\w+)`")
VARIABLE = re.compile(r"`([A-Z][A-Z0-9_]+)`")


def rows(title: str) -> list[str]:
    """Return the rows of the table below a heading, without its head."""
    return re.findall(r"^\| .*$", section(PAGE, title), re.MULTILINE)[2:]


def test_the_tests_of_every_threat_exist() -> None:
    """Each row names at least one."""
    threats = rows("## Threats")

    assert threats
    assert [row for row in threats if not NAMED.search(row)] == []
    assert [one for one in NAMED.findall(PAGE) if not is_test(*one)] == []


def is_test(path: str, name: str) -> bool:
    """Return whether a file below tests/ has a test of that name."""
    file = ROOT / "tests" / path
    return file.is_file() and f"def {name}(" in file.read_text(encoding="utf-8")


def test_every_setting_weakens_or_is_harmless() -> None:
    """A new one is put into the table of those that weaken, or into the list below it."""
    text = section(PAGE, "## Settings that weaken")
    harmless = VARIABLE.findall(text[text.index("\nHarmless") :])
    weakening = [name for row in rows("## Settings that weaken") for name in first_names(row)]

    assert sorted(weakening + harmless) == sorted(setting.variable for setting in SETTINGS)


def first_names(row: str) -> list[str]:
    """Return the variables in the first cell of a row."""
    return VARIABLE.findall(row.split(" | ", maxsplit=1)[0])
