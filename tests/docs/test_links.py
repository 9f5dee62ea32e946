"""Links lead somewhere, and nothing leads to one place only."""

import re
import subprocess
from pathlib import Path

import pytest

from tests.docs.pages import FENCE, PAGES, ROOT

LINK = re.compile(r"\]\(([^)\s]+)\)")
HEADING = re.compile(r"^#+ (.+)$", re.MULTILINE)
# Written so that they do not find themselves.
REGISTRY = re.compile(
    r"pypi\.org|pythonhosted\.org|npmjs\.(?:org|com)|yarnpkg\.com|rubygems\.org|crates\.io"
    r"|(?:docker|ghcr|quay)\.io|gcr\.io|goproxy\.|proxy\.golang\.org|maven\.org"
    r"|(?:deb|security)\.debian\.org|archive\.ubuntu\.com"
)
HOME = re.compile(r"(?<![\w.~-])/(?:root|home|Users|work)/[\w.-]")


def without_snippets(page: str) -> str:
    """Return the text of *page* outside of its fenced blocks."""
    return FENCE.sub("", PAGES[page])


def anchors(page: str) -> set[str]:
    """Return what links to the headings of *page* end with."""
    plain = (
        re.sub(r"[^\w\s-]", "", title.lower()) for title in HEADING.findall(without_snippets(page))
    )
    return {re.sub(r"\s+", "-", title.strip()) for title in plain}


def is_broken(page: str, link: str) -> bool:
    """Return whether *link* leads to no file of this project, or to no heading of a page."""
    path, _, anchor = link.partition("#")
    target = (ROOT / page).parent.joinpath(path).resolve() if path else ROOT / page
    if not target.exists() or not target.is_relative_to(ROOT):
        return True
    return bool(anchor) and anchor not in anchors(target.relative_to(ROOT).as_posix())


@pytest.mark.parametrize("page", PAGES)
def test_the_links_of_a_page_lead_somewhere(page: str) -> None:
    """Each to a file or a heading that exists; none of them to another host."""
    links = LINK.findall(without_snippets(page))

    assert [link for link in links if is_broken(page, link)] == []


def test_every_page_can_be_reached_from_the_readme() -> None:
    """By links from page to page."""
    reached, new = set(), {"README.md"}
    while new:
        reached |= new
        paths = {
            (ROOT / page).parent.joinpath(link.partition("#")[0]).resolve()
            for page in new
            for link in LINK.findall(PAGES[page])
        }
        new = {path.relative_to(ROOT).as_posix() for path in paths} & PAGES.keys() - reached

    assert PAGES.keys() - reached == set()


def tracked_files() -> list[Path]:
    """Return the files that git has, or skip where there is no git."""
    command = ["git", "-C", str(ROOT), "ls-files", "-z"]
    try:
        listed = subprocess.run(command, check=True, capture_output=True).stdout
    except (OSError, subprocess.CalledProcessError):
        pytest.skip("not a checkout")
    paths = [ROOT / name.decode() for name in listed.split(b"\0") if name]
    return [path for path in paths if path.is_file()]


@pytest.mark.heavy
@pytest.mark.parametrize("pattern", [REGISTRY, HOME], ids=["registry", "home"])
def test_nothing_depends_on_one_place(pattern: re.Pattern[str]) -> None:
    """No file names the host of a package registry, or a directory of one machine."""
    found = [
        f"{path.relative_to(ROOT)}: {match.group()}"
        for path in tracked_files()
        for match in pattern.finditer(path.read_bytes().decode("utf-8", "replace"))
    ]

    assert found == []
