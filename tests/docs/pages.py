"""The pages of the documentation, and the snippets on them."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parents[2]
PATHS = (
    ROOT / "README.md",
    ROOT / "CHANGELOG.md",
    *sorted((ROOT / "docs").rglob("*.md")),
    ROOT / "kits" / "javascript" / "README.md",
)
PAGES = {path.relative_to(ROOT).as_posix(): path.read_text(encoding="utf-8") for path in PATHS}

FENCE = re.compile(r"^( *)```(\w*)\n(.*?)^\1```$", re.MULTILINE | re.DOTALL)
FILE_NAME = re.compile(r"(?:#|//) ([\w./-]+\.\w+)\n")


@dataclass(frozen=True, slots=True)
class Snippet:
    """A fenced block: where it is, its language and its text."""

    page: str
    line: int
    language: str
    text: str

    @property
    def file_name(self) -> str:
        """Return the name of the file that its first line gives, empty where it gives none."""
        found = FILE_NAME.match(self.text)
        return found[1] if found else ""

    def __str__(self) -> str:
        return f"{self.page}:{self.line}"


def _snippets() -> Iterator[Snippet]:
    for page, text in PAGES.items():
        for found in FENCE.finditer(text):
            line = text.count("\n", 0, found.start()) + 1
            yield Snippet(page, line, found[2], found[3])


SNIPPETS = tuple(_snippets())


def section(page: str, title: str) -> str:
    """Return what stands below the heading *title*, up to the next one of its level."""
    hashes = title.split(maxsplit=1)[0]
    begin = page.index(f"\n{title}\n")
    end = page.find(f"\n{hashes} ", begin + 1)
    return page[begin : end if end >= 0 else len(page)]


def first_cells(text: str) -> set[str]:
    """Return what stands in backquotes at the beginning of the rows of *text*."""
    return set(re.findall(r"^\| `([^`]*)`", text, re.MULTILINE))
