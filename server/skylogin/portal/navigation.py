"""The navigation: a table of pages in groups, and which of them is the current one."""

from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Entry:
    """A row: the page's path below the app's pages, and its name."""

    path: str
    name: str
    dev_only: bool = False


@dataclass(frozen=True, slots=True)
class Link:
    """An entry as a page shows it. *current* is the value of its `aria-current`."""

    address: str
    name: str
    current: str


GROUPS: Mapping[str, tuple[Entry, ...]] = {
    "Login": (Entry("overview", "Overview"), Entry("logins", "Logins"), Entry("users", "Users")),
    "Set-up": (
        Entry("", "Start"),
        Entry("secrets", "Secrets"),
        Entry("token", "Tokens"),
        Entry("app", "Keys"),
    ),
    "Server": (
        Entry("tests", "Tests", dev_only=True),
        Entry("calls", "Calls", dev_only=True),
        Entry("audit", "Audit"),
        Entry("imports", "Imports"),
        Entry("settings", "Settings"),
        Entry("apps", "Apps"),
    ),
}
_ENTRIES = {entry.path: entry for entries in GROUPS.values() for entry in entries}


def section(page: str, *, is_dev: bool) -> str:
    """Return the path of the entry that a page belongs to: `users` for `users/anna/delete`.

    A page that does not exist belongs to Start.
    """
    first = page.partition("/")[0]
    entry = _ENTRIES.get(first)
    return first if entry and (is_dev or not entry.dev_only) else ""


def links(base: str, page: str, *, is_dev: bool) -> dict[str, list[Link]]:
    """Return the links of each group, for the *page* of the app whose pages are below *base*."""
    current = {section(page, is_dev=is_dev): "true", page: "page"}
    return {
        group: [
            Link(base + entry.path, entry.name, current.get(entry.path, ""))
            for entry in entries
            if is_dev or not entry.dev_only
        ]
        for group, entries in GROUPS.items()
    }
