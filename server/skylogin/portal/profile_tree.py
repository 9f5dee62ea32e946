"""A profile as the rows of a tree, for people to read. Pure."""

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from skylogin.domain.user import User
from skylogin.encoding import rfc3339

# Deeper values are shown at this depth.
DEPTH_MAX = 8
NAMES = ("name", "display_name", "displayName", "full_name", "username")
Member = tuple[str, object, int]


@dataclass(frozen=True, slots=True)
class Branch:
    """A row: a member or an element; *time* is its value if that is a time."""

    depth: int
    name: str
    text: str
    kind: str
    time: str = ""


def branches(profile: Mapping[str, object]) -> Iterator[Branch]:
    """Yield the rows of *profile*, each member before its own members."""
    # No recursion: a profile may be nested deeper than Python's stack.
    left = [(name, value, 0) for name, value in reversed(list(profile.items()))]
    while left:
        name, value, depth = left.pop()
        yield _branch(name, value, min(depth, DEPTH_MAX))
        left.extend((*member, depth + 1) for member in reversed(_members(value)))


def _members(value: object) -> list[tuple[str, object]]:
    """Return the members that get rows of their own."""
    if isinstance(value, dict) and "$type" not in value:
        return list(value.items())
    if isinstance(value, list) and any(isinstance(one, dict | list) for one in value):
        return [(str(number), one) for number, one in enumerate(value, 1)]
    return []


def _branch(name: str, value: object, depth: int) -> Branch:
    has_members = bool(_members(value))
    text, kind, time = "" if has_members else _text(value), "", ""
    match value:
        case "" | [] | {} if not value:
            text, kind = "", "empty"
        case list() if has_members:
            kind = f"list of {len(value)}"
        case {"$type": "date", "$date": str(date)}:
            text = time = date
        case {"$type": "geo", "$lat": latitude, "$lng": longitude}:
            text, kind = f"{latitude}, {longitude}", "place"
        case {"$type": str(name_of_type), **others}:
            text, kind = ", ".join(map(_text, others.values())), name_of_type
        case list():
            text = ", ".join(map(_text, value))
    return Branch(depth, name, text, kind, time)


def _text(value: object) -> str:
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)


def name_of(user: User) -> str:
    """Return the name that the profile gives the user, empty if it gives none."""
    data = user.record.data if user.record else {}
    names = (data.get(field) for field in NAMES)
    return next((one for one in names if isinstance(one, str) and one.strip()), "")


def last_login(user: User) -> object:
    """Return the time of the user's last login, None if there is none."""
    text = user.record.data.get("last_login_at") if user.record else None
    if isinstance(text, str) and rfc3339.is_stored(text):
        return rfc3339.read_moment(text)
    return None
