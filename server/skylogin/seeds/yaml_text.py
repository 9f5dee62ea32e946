"""A seed as YAML, read and written. Pure.

YAML is read as JSON with less punctuation: a value without quotes is null, true, false, a number
as JSON writes it, or text. Dates and octal numbers stay text, so does `yes`, and keys are
always text. Only the parser's events are used; nothing is ever constructed from a tag.
"""

import re
from collections.abc import Iterator
from itertools import takewhile
from typing import Any

import yaml

from skylogin.encoding import visible
from skylogin.seeds import nodes
from skylogin.seeds.nodes import Node, UnreadableError

_STR = "tag:yaml.org,2002:str"
_COLLECTIONS = ("tag:yaml.org,2002:map", "tag:yaml.org,2002:seq")
_CONSTANTS = {
    **dict.fromkeys(("", "~", "null", "Null", "NULL")),
    **dict.fromkeys(("true", "True", "TRUE"), True),
    **dict.fromkeys(("false", "False", "FALSE"), False),
}
_NUMBER = re.compile(r"-?(?:0|[1-9][0-9]*)(?:\.[0-9]+)?(?:[eE][-+]?[0-9]+)?", re.ASCII)
# Other readers of YAML take these for numbers.
_NOT_IN_JSON = re.compile(r"[-+]?\.(?:inf|Inf|INF)|\.(?:nan|NaN|NAN)")
_NOT_PLAIN = re.compile(r"[^\x20-\x7e\n]")


def read(text: str) -> Node:
    """Return the value in *text*. Raises UnreadableError."""
    root = None
    try:
        events = _events(text)
        for event in events:
            if not isinstance(event, yaml.DocumentStartEvent):
                continue
            if root is not None:
                raise UnreadableError("has a second document", _line(event))
            root = _node(next(events), events)
    except yaml.reader.ReaderError as error:
        place = error.position if isinstance(error.position, int) else 0
        line = text.count("\n", 0, place) + 1
        raise UnreadableError(f"is not YAML: {error.reason}", line) from None
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        said = ", ".join(part for part in (error.context, error.problem) if part)
        raise UnreadableError(f"is not YAML: {said}", mark.line + 1 if mark else 0) from None
    except (ValueError, OverflowError) as error:
        # The Python parser raises these on an escape beyond Unicode.
        raise UnreadableError(f"is not YAML: {error}", 0) from None
    return root or Node(None, 1)


def write(value: object) -> str:
    """Return a plain value as YAML for `read` and for readers of YAML 1.1."""
    text: str = yaml.dump(
        value,
        Dumper=_Dumper,
        default_flow_style=False,
        sort_keys=False,
        allow_unicode=True,
        width=1_000_000,
    )
    # The characters to escape are all within quotes.
    return _NOT_PLAIN.sub(lambda found: _escaped(found[0]), text)


def _escaped(character: str) -> str:
    return character if visible.is_harmless(character) else f"\\U{ord(character):08X}"


class _Dumper(yaml.SafeDumper):  # type: ignore[misc]
    """Quotes every text that YAML 1.1 or 1.2 would read as another type."""

    def ignore_aliases(self, data: object) -> bool:
        return True

    def represent_text(self, text: str) -> Any:
        # Other styles change some line breaks, and have no escapes.
        style = None if all(map(visible.is_harmless, text)) else '"'
        return self.represent_scalar(_STR, text, style=style)


_Dumper.add_representer(str, _Dumper.represent_text)
# YAML 1.1 reads 1e3 as text.
_Dumper.add_implicit_resolver(
    "tag:yaml.org,2002:float", re.compile(f"(?:{_NUMBER.pattern})$", re.ASCII), [*"-0123456789"]
)


def _line(event: Any) -> int:
    return int(event.start_mark.line) + 1


def _events(text: str) -> Iterator[Any]:
    """Yield the parser's events, and check the limits."""
    depth, count = 0, 0
    # The parser in C is ten times as fast, but some machines do not have it.
    for event in yaml.parse(text, Loader=getattr(yaml, "CSafeLoader", yaml.SafeLoader)):
        if isinstance(event, yaml.CollectionEndEvent):
            depth -= 1
        elif isinstance(event, yaml.NodeEvent):
            depth, count = depth + isinstance(event, yaml.CollectionStartEvent), count + 1
            nodes.check_limits(depth, count, _line(event))
        yield event


def _node(event: Any, events: Iterator[Any], key_line: int = 0) -> Node:
    """Return the value that begins with *event* and continues in *events*."""
    line = key_line or _line(event)
    if isinstance(event, yaml.AliasEvent):
        raise UnreadableError(f"*{event.anchor}: aliases are not supported", _line(event))
    if isinstance(event, yaml.ScalarEvent):
        return _scalar(event, line)
    problem = "" if event.tag in (None, "!", *_COLLECTIONS) else _tag_problem(event)
    inner = takewhile(lambda one: not isinstance(one, yaml.CollectionEndEvent), events)
    if isinstance(event, yaml.SequenceStartEvent):
        return Node([_node(one, events) for one in inner], line, problem)
    return nodes.mapping((_member(one, events) for one in inner), line, problem)


def _member(key: Any, events: Iterator[Any]) -> tuple[str, Node]:
    if not isinstance(key, yaml.ScalarEvent):
        raise UnreadableError("a key must be a string", _line(key))
    return key.value, _node(next(events), events, _line(key))


def _tag_problem(event: Any) -> str:
    return f"the tag {event.tag} is not supported"


def _scalar(event: Any, line: int) -> Node:
    text: str = event.value
    if event.tag not in (None, "!", _STR):
        return Node(None, line, _tag_problem(event))
    value: object = text
    if not event.tag and not event.style:
        if _NOT_IN_JSON.fullmatch(text):
            return Node(None, line, f"is {text}, which JSON does not have; put a text in quotes")
        value = nodes.number(text) if _NUMBER.fullmatch(text) else _CONSTANTS.get(text, text)
    return nodes.scalar(value, line)
