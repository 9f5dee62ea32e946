"""The settings in force, as people see them: secrets are masked."""

import re
from typing import NamedTuple

from skylogin.config.settings import SECRETS, SETTINGS, Settings

MASK = "••••••••"


class InForce(NamedTuple):
    """A setting in force."""

    variable: str
    value: str
    is_default: bool
    about: str


def in_force(settings: Settings) -> list[InForce]:
    """Return every setting, in the order of the table."""
    rows = []
    for row in SETTINGS:
        value = getattr(settings, row.field)
        default = None if row.field == "custom_token_secret" else row.parse(row.default)
        text = _shown(value)
        if row.variable in SECRETS:
            text = MASK if text else ""
        rows.append(InForce(row.variable, _without_password(text), value == default, row.about))
    return rows


def _shown(value: object) -> str:
    match value:
        case None:
            return ""
        case bool():
            return "yes" if value else "no"
        case tuple((host, port)) if port is None or isinstance(port, int):
            return str(host) if port is None else f"{host}:{port}"
        case frozenset() | tuple():
            names = [one if isinstance(one, str) else _shown(one) for one in value]
            return ",".join(sorted(names) if isinstance(value, frozenset) else names)
    return str(value)


def _without_password(text: str) -> str:
    """Return *text* with the password of any URL in it masked."""
    text = re.sub(r"(://[^/@\s:]*+:)[^/\s]*@", rf"\1{MASK}@", text)
    return re.sub(r"([?&](?:ssl)?password=)[^&\s]*", rf"\1{MASK}", text, flags=re.IGNORECASE)
