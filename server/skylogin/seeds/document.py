"""The text of a seed, YAML or JSON: read with the line of each value, and written. Pure.

YAML is read as JSON with less punctuation: what stands without quotes is null, true, false, a
number as JSON writes it, or text. Nothing becomes a date or an octal number, `yes` stays `yes`,
and names are always texts.
"""

import json
import re
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Any

from skylogin.encoding import json_text
from skylogin.encoding.json_text import NotJsonError

# An export of as many users as a seed may have fits.
TEXT_BYTES_MAX = 64 * 2**20
NESTING_MAX = 64
# With what aliases stand for.
VALUES_MAX = 2_000_000

_NULLS = frozenset(("", "~", "null", "Null", "NULL"))
_BOOLEANS = {name: name.lower() == "true" for name in ("true", "True", "TRUE")} | {
    name: False for name in ("false", "False", "FALSE")
}
_INTEGER = re.compile(r"-?(?:0|[1-9][0-9]*)", re.ASCII)
_FLOAT = re.compile(r"-?(?:0|[1-9][0-9]*)(?:\.[0-9]+)?(?:[eE][-+]?[0-9]+)?", re.ASCII)
_STR = "tag:yaml.org,2002:str"
_COLLECTIONS = frozenset(("tag:yaml.org,2002:map", "tag:yaml.org,2002:seq"))
# What is left of JSON besides these are blanks, commas and colons.
_TOKEN = re.compile(r'\n|[][{}]|"[^"\\]*(?:\\.[^"\\]*)*"|[^\s,:"\][{}]+')
_CONSTANTS = {"null": None, "true": True, "false": False}
_NO_CONSTANTS = frozenset(("NaN", "Infinity", "-Infinity"))
_NEEDS_ESCAPE = re.compile("[\x00-\x1f\x7f-\x9f\u2028\u2029\ufeff]")
_SURROGATE = re.compile("[\ud800-\udfff]")


@dataclass(frozen=True, slots=True)
class SeedProblem:
    """Something that is wrong with a seed, and where: a file and a line where they are known."""

    path: str
    text: str
    line: int = 0
    file: str = ""

    def __str__(self) -> str:
        """Return it as one line: `users.yaml:7: apps.shop.users[1].roles: has to be …`."""
        line = f":{self.line}" if self.line else ""
        place = f"{self.file}{line}: " if self.file else ""
        return f"{place}{self.path}: {self.text}" if self.path else f"{place}{self.text}"


class SeedError(ValueError):
    """A seed that cannot be used; *faults* say why, all of them."""

    def __init__(self, faults: list[SeedProblem]) -> None:
        super().__init__("\n".join(str(fault) for fault in faults))
        self.faults = faults


@dataclass(frozen=True, slots=True)
class Node:
    """A value of a seed: a plain one, a list of nodes, or a dict of nodes.

    *problem* is what is wrong with this value itself, *twice* are names that came again, with
    their lines. *size* is how many values there are in it.
    """

    value: Any
    line: int = 0
    problem: str = ""
    twice: tuple[tuple[str, int], ...] = ()
    size: int = 1


def read(data: bytes, file: str) -> Node:
    """Return what the seed *file* says, whose bytes are *data*.

    It is JSON where its name ends so, or where it has no telling name and begins as JSON does.
    Raises SeedError on what is no text, no YAML or no JSON, and on what is too large.
    """
    if len(data) > TEXT_BYTES_MAX:
        raise _error(f"has more than {TEXT_BYTES_MAX:,} bytes", 0, file)
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise _error("is no UTF-8", data.count(b"\n", 0, error.start) + 1, file) from None
    try:
        return _read_json(text) if _is_json(text, file) else _read_yaml(text)
    except _Unreadable as error:
        raise _error(error.text, error.line, file) from None


def _error(text: str, line: int, file: str) -> SeedError:
    return SeedError([SeedProblem("", text, line, file)])


class _Unreadable(Exception):
    """The text cannot be read from *line* on."""

    def __init__(self, text: str, line: int) -> None:
        super().__init__(text)
        self.text = text
        self.line = line


def _is_json(text: str, file: str) -> bool:
    suffix = file.lower().rpartition(".")[2]
    return suffix == "json" or (suffix not in ("yaml", "yml") and text.lstrip().startswith("{"))


# --- what both have ----------------------------------------------------------------


def _scalar(value: Any, line: int) -> Node:
    return Node(value, line, _problem_of(value) if isinstance(value, str) else "")


def _problem_of(text: str) -> str:
    if "\0" in text:
        return "has U+0000, which no database keeps"
    if _SURROGATE.search(text):
        return "has a lone surrogate, which is no text"
    return ""


def _list(items: list[Node], line: int, problem: str = "") -> Node:
    return Node(items, line, problem, size=1 + sum(item.size for item in items))


def _dict(members: list[tuple[str, Node]], line: int, problem: str = "") -> Node:
    values: dict[str, Node] = {}
    twice = []
    for name, node in members:
        if name in values:
            twice.append((name, node.line))
        values.setdefault(name, node)
        problem = problem or _problem_of(name)
    return Node(values, line, problem, tuple(twice), 1 + sum(node.size for _, node in members))


def of_plain(value: object, depth: int = 0) -> Node:
    """Return a value that was JSON as a node without a line."""
    if depth > NESTING_MAX:
        return Node(None, problem=f"is nested deeper than {NESTING_MAX} levels")
    if isinstance(value, dict):
        return _dict([(name, of_plain(inner, depth + 1)) for name, inner in value.items()], 0)
    if isinstance(value, list):
        return _list([of_plain(inner, depth + 1) for inner in value], 0)
    return _scalar(value, 0)


# --- JSON --------------------------------------------------------------------------


def _read_json(text: str) -> Node:
    """Return what JSON says, once `json` has found that it is JSON."""
    try:
        json.loads(text, parse_int=str, parse_float=str)
    except json.JSONDecodeError as error:
        raise _Unreadable(f"is no JSON: {error.msg}", error.lineno) from None
    except RecursionError:
        # Says in which line the nesting is too deep, long before it is as deep as that.
        _read_tokens(text)
        raise
    return _read_tokens(text)


def _read_tokens(text: str) -> Node:
    builder, line = _Builder(), 1
    for match in _TOKEN.finditer(text):
        token = match[0]
        if token == "\n":
            line += 1
        elif token in "[{":
            builder.begin(line, is_list=token == "[")
        elif token in "]}":
            builder.end()
        elif token.startswith('"'):
            string = json.loads(token)
            builder.scalar(_scalar(string, line), key=string)
        else:
            builder.scalar(_bare(token, line))
    return builder.root()


def _bare(token: str, line: int) -> Node:
    """Return what stands without quotes: a constant or a number."""
    if token in _NO_CONSTANTS:
        return Node(None, line, f"{token} is no JSON")
    return Node(_CONSTANTS[token], line) if token in _CONSTANTS else _number(token, line)


def _number(literal: str, line: int) -> Node:
    try:
        return Node(json_text.read_whole(literal), line)
    except NotJsonError as error:
        return Node(None, line, f"is no number that can be kept: {error}")


# --- YAML --------------------------------------------------------------------------


def _read_yaml(text: str) -> Node:
    # On the start-up list: most servers have no seed.
    import yaml  # noqa: PLC0415

    # The parser in C is ten times as quick. Only its events are used, nothing is constructed.
    loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
    builder = _Builder()
    try:
        for event in yaml.parse(text, Loader=loader):
            take = _EVENTS.get(type(event).__name__)
            if take is not None:
                take(builder, event, event.start_mark.line + 1)
    except yaml.reader.ReaderError as error:
        place = error.position if isinstance(error.position, int) else 0
        raise _Unreadable(f"is no YAML: {error.reason}", text.count("\n", 0, place) + 1) from None
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        said = ", ".join(part for part in (error.context, error.problem) if part)
        raise _Unreadable(f"is no YAML: {said}", mark.line + 1 if mark else 0) from None
    except (ValueError, OverflowError) as error:
        # The parser in Python on an escape beyond Unicode.
        raise _Unreadable(f"is no YAML: {error}", 0) from None
    return builder.root()


def _take_document(builder: "_Builder", event: Any, line: int) -> None:
    if builder.has_root:
        raise _Unreadable("has a second document", line)


def _take_scalar(builder: "_Builder", event: Any, line: int) -> None:
    builder.scalar(_resolved(event, line), key=event.value, anchor=event.anchor)


def _take_alias(builder: "_Builder", event: Any, line: int) -> None:
    builder.alias(event.anchor, line)


def _take_start(builder: "_Builder", event: Any, line: int) -> None:
    is_known = event.tag in (None, "!") or event.tag in _COLLECTIONS
    problem = "" if is_known else f"the tag {event.tag} means nothing here"
    is_list = type(event).__name__ == "SequenceStartEvent"
    builder.begin(line, is_list=is_list, anchor=event.anchor, problem=problem)


def _take_end(builder: "_Builder", event: Any, line: int) -> None:
    builder.end()


_EVENTS: dict[str, Callable[["_Builder", Any, int], None]] = {
    "DocumentStartEvent": _take_document,
    "ScalarEvent": _take_scalar,
    "AliasEvent": _take_alias,
    "SequenceStartEvent": _take_start,
    "MappingStartEvent": _take_start,
    "SequenceEndEvent": _take_end,
    "MappingEndEvent": _take_end,
}


def _resolved(event: Any, line: int) -> Node:
    text: str = event.value
    if event.tag not in (None, "!", _STR):
        return Node(None, line, f"the tag {event.tag} means nothing here")
    if event.tag is not None or event.style:
        return _scalar(text, line)
    if text in _NULLS:
        return Node(None, line)
    if text in _BOOLEANS:
        return Node(_BOOLEANS[text], line)
    if _FLOAT.fullmatch(text):
        return _number(text, line)
    return _scalar(text, line)


# --- building ----------------------------------------------------------------------


@dataclass(slots=True)
class _Open:
    """A list or a mapping whose end has not come yet."""

    line: int
    anchor: str | None
    problem: str
    items: list[Node] | None
    members: list[tuple[str, Node]] = field(default_factory=list)
    key: tuple[str, int] | None = None


class _Builder:
    """Makes nodes of what comes in turn. Without recursion, and an alias costs its whole size.

    A member has the line of its name.
    """

    def __init__(self) -> None:
        self._open: list[_Open] = []
        # None while what the anchor names is still being read.
        self._anchors: dict[str, Node | None] = {}
        self._root: Node | None = None
        self._size = 0

    @property
    def has_root(self) -> bool:
        """Return whether a whole value has come."""
        return self._root is not None

    def root(self) -> Node:
        """Return the value, null where nothing came."""
        return self._root or Node(None, 1)

    def scalar(self, node: Node, *, key: str | None = None, anchor: str | None = None) -> None:
        """Take *node*; *key* is what it is as the name of a member. Raises _Unreadable."""
        self._name(anchor, node)
        self._put(node, node.line, key=key)

    def alias(self, name: str, line: int) -> None:
        """Take what an anchor names. Raises _Unreadable."""
        if name not in self._anchors:
            raise _Unreadable(f"there is no anchor &{name} before this *{name}", line)
        node = self._anchors[name]
        if node is None:
            raise _Unreadable(f"*{name} stands inside of what it stands for", line)
        self._put(replace(node, line=line), line)

    def begin(
        self, line: int, *, is_list: bool, anchor: str | None = None, problem: str = ""
    ) -> None:
        """Begin a list or an object. Raises _Unreadable."""
        if len(self._open) >= NESTING_MAX:
            raise _Unreadable(f"is nested deeper than {NESTING_MAX} levels", line)
        self._name(anchor, None)
        self._open.append(_Open(line, anchor, problem, [] if is_list else None))

    def end(self) -> None:
        """End what was begun last. Raises _Unreadable."""
        done = self._open.pop()
        if done.items is not None:
            node = _list(done.items, done.line, done.problem)
        else:
            node = _dict(done.members, done.line, done.problem)
        self._name(done.anchor, node)
        self._put(node, done.line, is_new=False)

    def _name(self, anchor: str | None, node: Node | None) -> None:
        if anchor is not None:
            self._anchors[anchor] = node

    def _put(self, node: Node, line: int, *, key: str | None = None, is_new: bool = True) -> None:
        """Put *node* where it belongs; *key* is what it is as the name of a member."""
        self._size += node.size if is_new else 1
        if self._size > VALUES_MAX:
            raise _Unreadable(f"has more than {VALUES_MAX:,} values, those of aliases too", line)
        if not self._open:
            self._root = node
            return
        inside = self._open[-1]
        if inside.items is not None:
            inside.items.append(node)
        elif inside.key is not None:
            (name, named_at), inside.key = inside.key, None
            inside.members.append((name, replace(node, line=named_at)))
        elif key is None:
            raise _Unreadable("a name has to be a text", line)
        else:
            inside.key = key, line


# --- writing -----------------------------------------------------------------------


def write_yaml(value: object) -> str:
    """Return a plain value as YAML that `read` reads, and readers of YAML 1.1 as well."""
    import yaml  # noqa: PLC0415

    class Dumper(yaml.SafeDumper):  # type: ignore[misc]
        """Quotes what either version of YAML would take for something else than text."""

        def ignore_aliases(self, data: object) -> bool:
            return True

        def represent_text(self, text: str) -> Any:
            # In other styles some breaks of lines come back as others.
            style = '"' if _NEEDS_ESCAPE.search(text) else None
            return self.represent_scalar(_STR, text, style=style)

    Dumper.add_representer(str, Dumper.represent_text)
    for kind, pattern, first in (
        ("int", _INTEGER, "-0123456789"),
        ("float", _FLOAT, "-0123456789"),
        ("bool", re.compile("|".join(_BOOLEANS)), "tTfF"),
        ("null", re.compile("~|null|Null|NULL|"), ["~", "n", "N", ""]),
    ):
        whole = re.compile(f"(?:{pattern.pattern})$", re.ASCII)
        Dumper.add_implicit_resolver(f"tag:yaml.org,2002:{kind}", whole, list(first))
    text: str = yaml.dump(
        value,
        Dumper=Dumper,
        default_flow_style=False,
        sort_keys=False,
        allow_unicode=True,
        width=1_000_000,
    )
    return text


def write_json(value: object) -> str:
    """Return a plain value as JSON for people."""
    return f"{json.dumps(value, ensure_ascii=False, indent=2)}\n"
