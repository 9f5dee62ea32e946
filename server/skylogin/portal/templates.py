"""Pages from the templates in `html/`, and the files in `static/`."""

import functools
import json
from collections.abc import Mapping
from datetime import datetime
from functools import partial
from importlib import resources
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined, select_autoescape

from skylogin import relative_time
from skylogin.encoding import rfc3339, widths
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
    environment.filters["clock"] = _clock
    environment.filters["pretty"] = partial(json.dumps, ensure_ascii=False, indent=2)
    environment.filters["compact"] = partial(json.dumps, ensure_ascii=False)
    environment.filters["short"] = widths.short
    environment.filters["beginning"] = widths.beginning
    return environment


def render(template: str, values: Mapping[str, Any]) -> str:
    """Return *template* filled with *values*, which are escaped."""
    return _environment().get_template(template).render(values)


def _time_text(value: datetime | None) -> str:
    return rfc3339.on_wire(value.replace(microsecond=0)) if value else ""


def _clock(value: datetime, now: datetime) -> str:
    """Return the time of day in UTC, with the date unless it is today's."""
    return f"{value:%H:%M:%S}" if value.date() == now.date() else f"{value:%Y-%m-%d %H:%M:%S}"


@functools.cache
def static_files() -> Mapping[str, tuple[bytes, str]]:
    """Return the content and the type of each file in `static/`, by its name.

    The names that clients send are only looked up here, and never used as paths.
    """
    files = resources.files("skylogin.portal").joinpath("static").iterdir()
    return {
        file.name: (file.read_bytes(), STATIC_TYPES[suffix])
        for file in files
        if (suffix := file.name[file.name.rfind(".") :]) in STATIC_TYPES
    }
