"""The text of a seed, YAML or JSON: read with the line of each value, and written. Pure."""

import itertools
import json
import re
from collections.abc import Iterator

from skylogin.domain import text_file
from skylogin.domain.text_file import NotTextError
from skylogin.encoding import json_text, visible
from skylogin.seeds import nodes
from skylogin.seeds.nodes import NESTING_MAX, Node, SeedError, SeedProblem, UnreadableError

# An export of as many users as a seed may have fits.
TEXT_BYTES_MAX = 64 * 2**20
# The rest of JSON is blanks, commas and colons.
_TOKEN = re.compile(r'\n|[][{}]|"[^"\\]*(?:\\.[^"\\]*)*"|[^\s,:"\][{}]+')


def read(data: bytes, file: str) -> Node:
    """Return the value of the seed *file* with the bytes *data*.

    A file is JSON if its name ends with .json, or if the name does not say and the text begins
    as JSON does. Raises SeedError on anything but YAML or JSON, and on too large a text.
    """
    if len(data) > TEXT_BYTES_MAX:
        raise _error(f"has more than {TEXT_BYTES_MAX:,} bytes", 0, file)
    try:
        text = text_file.read(data)
    except NotTextError as error:
        raise _error(str(error), error.line, file) from None
    try:
        return _read_json(text) if _is_json(text, file) else _read_yaml(text)
    except UnreadableError as error:
        raise _error(error.text, error.line, file) from None


def of_plain(value: object) -> Node:
    """Return a parsed JSON value as a node without lines."""
    return _node(value, itertools.repeat(0))


def write_yaml(value: object) -> str:
    """Return a plain value as YAML."""
    # On the start-up list: few commands write one.
    from skylogin.seeds import yaml_text  # noqa: PLC0415

    return yaml_text.write(value)


def write_json(value: object) -> str:
    """Return a plain value as indented JSON."""
    return f"{visible.json_text(value, indent=2)}\n"


def _error(text: str, line: int, file: str) -> SeedError:
    return SeedError([SeedProblem("", text, line, file)])


def _is_json(text: str, file: str) -> bool:
    suffix = file.lower().rpartition(".")[2]
    return suffix == "json" or (suffix not in ("yaml", "yml") and text.lstrip().startswith("{"))


def _read_yaml(text: str) -> Node:
    # On the start-up list: most servers have no seed.
    from skylogin.seeds import yaml_text  # noqa: PLC0415

    return yaml_text.read(text)


def _read_json(text: str) -> Node:
    # First, because it checks how deep the values are nested: `json` is recursive.
    lines = list(_lines(text))
    try:
        value = json.loads(
            text,
            parse_int=nodes.number,
            parse_float=nodes.number,
            parse_constant=lambda name: Node(None, problem=f"{name} is not JSON"),
            object_pairs_hook=tuple,
        )
    except json.JSONDecodeError as error:
        problem = json_text.syntax_error(error)
        raise UnreadableError(f"is not JSON: {problem}", problem.line) from None
    return _node(value, iter(lines))


def _lines(text: str) -> Iterator[int]:
    """Yield the line of each value and each key of JSON, in order."""
    line, depth, count = 1, 0, 0
    for match in _TOKEN.finditer(text):
        token = match[0]
        if token == "\n":
            line += 1
        elif token in "]}":
            depth -= 1
        else:
            depth, count = depth + (token in "[{"), count + 1
            nodes.check_limits(depth, count, line)
            yield line


def _node(value: object, lines: Iterator[int], depth: int = 0, key_line: int = 0) -> Node:
    """Return a parsed JSON value as a node; objects are dicts or tuples of their members."""
    line = next(lines)
    line = key_line or line
    if not isinstance(value, list | tuple | dict):
        return nodes.scalar(value, line)
    if depth == NESTING_MAX:
        return Node(None, line, nodes.TOO_DEEP)
    if isinstance(value, list):
        return Node([_node(inner, lines, depth + 1) for inner in value], line)
    members = value.items() if isinstance(value, dict) else value
    return nodes.mapping(
        ((name, _node(inner, lines, depth + 1, next(lines))) for name, inner in members), line
    )
