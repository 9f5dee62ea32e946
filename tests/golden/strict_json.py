"""Reading JSON without the liberties of the standard library.

An answer with a repeated key, with `NaN`, or with bytes that are no UTF-8 is no JSON here, though
most clients would read it.
"""

import json
from typing import Any, NoReturn


def read_json(data: bytes | str) -> Any:
    """Return the value that *data* holds; raises ValueError for anything but strict JSON."""
    text = data.decode("utf-8") if isinstance(data, bytes) else data
    try:
        return json.loads(text, object_pairs_hook=_object, parse_constant=_refuse)
    except RecursionError as error:
        raise ValueError("nested too deeply") from error


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    value = dict(pairs)
    if len(value) != len(pairs):
        raise ValueError("a key is there twice")
    return value


def _refuse(constant: str) -> NoReturn:
    raise ValueError(f"{constant} is no JSON")
