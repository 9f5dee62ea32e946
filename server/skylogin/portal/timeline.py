"""The times of a token beside the time of its login, as coordinates for an SVG. Pure."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime

from skylogin import relative_time
from skylogin.tokens import jws

ROW, TOP = 44, 20
STARTS, END = ("iat", "nbf"), "exp"
ABOUT = {"iat": "issued", "nbf": "valid from", "exp": "expires", "": "this login"}


@dataclass(frozen=True, slots=True)
class Event:
    """A claim, or the login itself, whose *name* is empty. *after* is the time since the last."""

    name: str
    about: str
    time: str
    after: str
    y: int


@dataclass(frozen=True, slots=True)
class Timeline:
    """Events from the top down. The token is valid between *valid_from* and *valid_until*."""

    events: list[Event]
    height: int
    valid_from: int
    valid_until: int


def draw(claims: Mapping[str, object], at: datetime) -> Timeline | None:
    """Return the timeline of a token that logged in *at* a time, None if it has no times."""
    login = int(at.timestamp())
    times = {
        name: value
        for name in (*STARTS, END)
        if isinstance(value := claims.get(name), int) and not isinstance(value, bool)
    }
    if not times:
        return None
    # A token is not valid in the second of its `exp`, so that comes before a login in this second.
    order = sorted([*times.items(), ("", login)], key=lambda one: (one[1], one[0] == ""))
    places = {name: TOP + ROW * row for row, (name, _) in enumerate(order)}
    events, before = [], order[0][1]
    for name, seconds in order:
        gap = relative_time.span(seconds - before) if seconds > before else ""
        events.append(Event(name, ABOUT[name], _text(seconds), gap, places[name]))
        before = seconds
    height = TOP + ROW * len(order) - ROW // 2
    starts = [places[name] for name in STARTS if name in times]
    valid_from, valid_until = max(starts, default=0), places.get(END, height)
    return Timeline(events, height, valid_from, max(valid_from, valid_until))


def _text(seconds: int) -> str:
    try:
        return f"{datetime.fromtimestamp(seconds, UTC):%Y-%m-%d %H:%M:%S}"
    except (ValueError, OverflowError, OSError):
        return jws.moment_text(seconds)
