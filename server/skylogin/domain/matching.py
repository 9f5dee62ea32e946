"""Compare JSON with what a test expects, and say where it differs. Pure."""

import json

from skylogin.encoding.json_equality import is_equal

SHOWN_CHARACTERS_MAX = 60


def difference(wanted: object, actual: object, place: str = "arguments") -> str:
    """Return the first difference in words, empty if *actual* matches.

    An object may have more members than are *wanted*; a list has the same number of items.
    """
    if isinstance(wanted, dict) and isinstance(actual, dict):
        missing = next((name for name in wanted if name not in actual), None)
        if missing is not None:
            return f"{place}.{missing} is missing"
        parts = [(value, actual[name], f"{place}.{name}") for name, value in wanted.items()]
    elif isinstance(wanted, list) and isinstance(actual, list):
        if len(wanted) != len(actual):
            return f"{place} has {len(actual)} items, not {len(wanted)}"
        parts = [
            (*pair, f"{place}[{at}]") for at, pair in enumerate(zip(wanted, actual, strict=True))
        ]
    else:
        is_same = is_equal(wanted, actual)
        return "" if is_same else f"{place} is {shown(actual)}, not {shown(wanted)}"
    for part in parts:
        if found := difference(*part):
            return found
    return ""


def shown(value: object) -> str:
    """Return *value* as JSON, cut to a length that fits into a sentence."""
    text = json.dumps(value, ensure_ascii=False)
    is_short = len(text) <= SHOWN_CHARACTERS_MAX
    return text if is_short else text[:SHOWN_CHARACTERS_MAX] + " …"
