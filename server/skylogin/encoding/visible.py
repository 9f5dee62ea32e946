"""Text for a terminal. Escapes control characters, and what is invisible or cannot be encoded."""

import json
import re
from typing import Any

_NOT_PLAIN = re.compile(r"[^\x20-\x7e]")
# In JSON, line ends are only outside of strings.
_NOT_PLAIN_IN_JSON = re.compile(r"[^\x20-\x7e\n]")


def text(value: str, charset: str = "utf-8") -> str:
    r"""Return *value* with escapes such as `\x1b` and `\u202e`."""
    return _NOT_PLAIN.sub(
        lambda found: found[0] if _can_show(found[0], charset) else _in_python(found[0]), value
    )


def json_text(value: Any, charset: str = "utf-8", indent: int | None = None) -> str:
    r"""Return *value* as JSON, with its own escapes: `\u001b`, `\u202e`."""
    return in_json(json.dumps(value, ensure_ascii=False, indent=indent), charset)


def in_json(written: str, charset: str = "utf-8") -> str:
    """Return *written*, a JSON text, with such escapes; its value stays the same."""
    return _NOT_PLAIN_IN_JSON.sub(
        lambda found: found[0] if _can_show(found[0], charset) else json.dumps(found[0])[1:-1],
        written,
    )


def is_harmless(character: str) -> bool:
    """Return whether a terminal only displays *character*."""
    # Names in Chinese and Japanese have the wide space in them.
    return character.isprintable() or character == "\N{IDEOGRAPHIC SPACE}"


def _can_show(character: str, charset: str) -> bool:
    return is_harmless(character) and bool(character.encode(charset, "ignore"))


def _in_python(character: str) -> str:
    return character.encode("unicode_escape").decode("ascii")
