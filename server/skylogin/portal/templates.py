"""Pages from the templates in `html/`, and the files in `static/`."""

import functools
import itertools
import json
import unicodedata
from collections.abc import Mapping
from datetime import datetime
from importlib import resources
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined, select_autoescape

from skylogin import relative_time
from skylogin.encoding import rfc3339
from skylogin.portal import profile_tree

STATIC_TYPES = {".css": "text/css", ".js": "text/javascript", ".svg": "image/svg+xml"}


@functools.cache
def _environment() -> Environment:
    environment = Environment(
        loader=PackageLoader("skylogin.portal", "html"),
        autoescape=select_autoescape(default=True),
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters["time_text"] = _time_text
    environment.filters["ago"] = relative_time.ago
    environment.globals["last_login"] = profile_tree.last_login
    environment.filters["brief"] = relative_time.brief
    environment.filters["clock"] = _clock
    environment.filters["pretty"] = _pretty
    environment.filters["compact"] = _compact
    environment.filters["short"] = short
    environment.filters["beginning"] = _beginning
    return environment


def render(template: str, values: Mapping[str, Any]) -> str:
    """Return *template* filled with *values*, which are escaped."""
    return _environment().get_template(template).render(values)


def _time_text(value: datetime | None) -> str:
    return rfc3339.on_wire(value.replace(microsecond=0)) if value else ""


def _clock(value: datetime, now: datetime) -> str:
    """Return the time of day in UTC, with the date unless it is today's."""
    return f"{value:%H:%M:%S}" if value.date() == now.date() else f"{value:%Y-%m-%d %H:%M:%S}"


def _pretty(value: object) -> str:
    return json.dumps(value, ensure_ascii=False, indent=2)


def _compact(value: object) -> str:
    return json.dumps(value, ensure_ascii=False)


def short(text: str, width: int) -> str:
    """Return *text* without its middle if it is wider than *width* letters."""
    if sum(map(_width, text)) <= width:
        return text
    start, end = width * 2 // 3, width // 3 - 1
    return f"{_first(text, start)}…{_first(text[::-1], end)[::-1]}"


def _beginning(text: str, width: int) -> str:
    """Return *text* without its end if it is wider than *width* letters."""
    return text if sum(map(_width, text)) <= width else f"{_first(text, width - 1)}…"


def _first(text: str, width: int) -> str:
    """Return the first letters of *text* that are not wider than *width* together."""
    widths = itertools.accumulate(map(_width, text))
    return text[: sum(1 for _ in itertools.takewhile(lambda reached: reached <= width, widths))]


def _width(letter: str) -> int:
    """Return how many Latin letters are as wide: Chinese, Japanese and Korean ones are wide."""
    return 2 if unicodedata.east_asian_width(letter) in "WF" else 1


def static(name: str) -> tuple[bytes, str] | None:
    """Return the content and the type of a file in `static/`, None if it does not exist."""
    return _static_files().get(name)


@functools.cache
def _static_files() -> Mapping[str, tuple[bytes, str]]:
    """Return all of them, so that the names that clients send are only looked up."""
    files = resources.files("skylogin.portal").joinpath("static").iterdir()
    return {
        file.name: (file.read_bytes(), STATIC_TYPES[suffix])
        for file in files
        if (suffix := file.name[file.name.rfind(".") :]) in STATIC_TYPES
    }
