"""Reading what `record:query` asks for: its predicate, order and extent. Pure.

The rules and messages are the original's (records, section 5;
pkg/server/handler/query.go and skydb/query.go), but for an empty predicate,
which is none: the Python SDK sends it.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TypeVar

from skylogin.domain import profile
from skylogin.domain.limits import check_storable
from skylogin.encoding.go_format import go_print, go_type
from skylogin.encoding.json_text import JsonValue
from skylogin.errors import (
    INVALID_ARGUMENT,
    NOT_SUPPORTED,
    RECORD_QUERY_INVALID,
    Reason,
    SkygearError,
    invalid_argument,
)

DEPTH_MAX = 30
OPERANDS_MAX = 1000
EXPRESSIONS_MAX = 100
EXTENT_MAX = 2**63 - 1


@dataclass(frozen=True, slots=True)
class KeyPath:
    """The name of a field, or of a reference and a field of what it refers to."""

    text: str

    @property
    def names(self) -> list[str]:
        """Return the names it is made of."""
        return self.text.split(".")


@dataclass(frozen=True, slots=True)
class Distance:
    """How many metres a field is away from a place."""

    path: KeyPath
    longitude: float
    latitude: float


@dataclass(frozen=True, slots=True)
class Relation:
    """Whether the user in a field and the one who asks have a relation."""

    path: KeyPath
    name: str
    direction: str


@dataclass(frozen=True, slots=True)
class Literal:
    """A value: its kind is a field's, or `null`; *raw* is how it was written."""

    kind: str
    value: JsonValue = None
    raw: object = field(default=None, compare=False)


@dataclass(frozen=True, slots=True)
class Listed:
    """Values, for `in`; *raw* is how they were written."""

    items: tuple[Literal, ...]
    raw: object = field(default=None, compare=False)


Expression = KeyPath | Distance | Relation | Literal | Listed


@dataclass(frozen=True, slots=True)
class Comparison:
    """Two expressions and how they have to compare."""

    operator: str
    left: Expression
    right: Expression


@dataclass(frozen=True, slots=True)
class Functional:
    """A function that is a predicate by itself."""

    function: Expression


@dataclass(frozen=True, slots=True)
class Compound:
    """Predicates under `and`, `or` or `not`."""

    operator: str
    parts: tuple["Predicate", ...]


Predicate = Comparison | Functional | Compound


@dataclass(frozen=True, slots=True)
class Sort:
    """What the records are ordered by."""

    by: Expression
    descending: bool


@dataclass(frozen=True, slots=True)
class Query:
    """What a call asks for."""

    type: str
    predicate: Predicate | None = None
    sorts: tuple[Sort, ...] = ()
    includes: Mapping[str, Expression] = field(default_factory=dict)
    # None asks for all fields.
    desired_keys: tuple[str, ...] | None = None
    count: bool = False
    offset: int = 0
    # None is no limit; below 0 it cannot be carried out.
    limit: int | None = None


def read(payload: Mapping[str, object]) -> Query:
    """Return the query that *payload* means. Raises SkygearError where it means none."""
    record_type = payload.get("record_type")
    if not isinstance(record_type, str) or not record_type:
        raise invalid_argument("recordType cannot be empty")
    check_storable(record_type)
    predicate = _read_listed(payload, "predicate", _read_whole_predicate)
    sorts = _read_listed(payload, "sort", _read_sorts)
    includes = _read_includes(payload.get("include"))
    desired_keys = _read_listed(payload, "desired_keys", _read_desired_keys)
    return Query(
        record_type,
        predicate,
        sorts or (),
        includes,
        desired_keys,
        payload.get("count") is True,
        max(_read_extent(payload.get("offset")) or 0, 0),
        _read_extent(payload.get("limit")),
    )


def expressions(predicate: Predicate, *, simple: bool = True) -> Iterator[tuple[Expression, bool]]:
    """Give the expressions of *predicate*, each with whether only `eq`, `in`, `and` hold it."""
    match predicate:
        case Compound(operator, parts):
            for part in parts:
                yield from expressions(part, simple=simple and operator == "and")
        case Comparison(operator, left, right):
            is_simple = simple and operator in ("eq", "in")
            yield left, is_simple
            yield right, is_simple
        case Functional(function):
            yield function, False


def key_path(expression: Expression) -> KeyPath | None:
    """Return the key path that *expression* looks at, if it does."""
    match expression:
        case KeyPath():
            return expression
        case Distance(path) | Relation(path):
            return path
    return None


T = TypeVar("T")


def _read_listed(
    payload: Mapping[str, object], name: str, read_items: Callable[[list[object]], T]
) -> T | None:
    value = payload.get(name)
    if value is None:
        return None
    if not isinstance(value, list):
        raise invalid_argument(f'expecting "{name}" to be an array', name)
    return read_items(value)


def _read_extent(value: object) -> int | None:
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    return min(int(value), EXTENT_MAX)


def _read_desired_keys(items: list[object]) -> tuple[str, ...]:
    keys = tuple(item for item in items if isinstance(item, str))
    if len(keys) != len(items):
        raise invalid_argument("unexpected value in desired_keys")
    check_storable(items)
    return keys


def _read_includes(raw: object) -> dict[str, Expression]:
    if not isinstance(raw, dict):
        return {}
    _check_count(len(raw), EXPRESSIONS_MAX)
    return {name: _read_expression(value) for name, value in raw.items()}


def _read_sorts(items: list[object]) -> tuple[Sort, ...]:
    _check_count(len(items), EXPRESSIONS_MAX)
    return tuple(_read_sort(item) for item in items)


def _read_sort(raw: object) -> Sort:
    pair = raw if isinstance(raw, list) else []
    if len(pair) != 2:  # noqa: PLR2004
        raise _not_constructed(f"got len(sort descriptor) = {len(pair)}, want 2")
    by, order = _read_expression(pair[0]), pair[1]
    if isinstance(by, Literal | Listed):
        raise _not_constructed("sort does not support literal")
    if not isinstance(order, str) or not order:
        raise _not_constructed("empty sort order in sort descriptor")
    if order not in ("asc", "desc"):
        raise _not_constructed(f"unknown sort order: {order}")
    return Sort(by, order == "desc")


def _read_whole_predicate(raw: list[object]) -> Predicate | None:
    if not raw:
        return None
    predicate = _read_predicate(raw, depth=1)
    # Looked at when all of it has been read: the errors come in this order.
    _check_predicate(predicate)
    return predicate


def _read_predicate(raw: Sequence[object], depth: int) -> Predicate:
    if len(raw) < 2:  # noqa: PLR2004
        raise _not_constructed(f"got len(predicate) = {len(raw)}, want at least 2")
    operator, *operands = raw
    if not isinstance(operator, str):
        raise _not_constructed(f"got predicate[0]'s type = {go_type(operator)}, want string")
    if operator == "func":
        return Functional(_read_expression(list(raw)))
    if operator in _COMPOUND:
        return Compound(operator, _read_parts(operands, depth))
    if operator not in _BINARY:
        raise _not_constructed(f"unrecognized operator = {operator}")
    both = [_read_expression(operand) for operand in operands]
    if len(both) != 2:  # noqa: PLR2004
        raise _not_constructed(f"Expected number of expressions be 2, got {len(both)}")
    return Comparison(operator, *both)


def _read_parts(operands: Sequence[object], depth: int) -> tuple[Predicate, ...]:
    if depth >= DEPTH_MAX:
        raise _not_constructed(f"predicates are nested deeper than {DEPTH_MAX} levels")
    parts = []
    for place, operand in enumerate(operands):
        if not isinstance(operand, list):
            raise _not_constructed(f"got non-dict in subpredicate at {place}")
        parts.append(_read_predicate(operand, depth + 1))
    return tuple(parts)


_COMPOUND = frozenset(("and", "or", "not"))
_BINARY = frozenset(("eq", "neq", "gt", "gte", "lt", "lte", "like", "ilike", "in"))


def _read_expression(raw: object) -> Expression:
    if isinstance(raw, dict):
        path = _read_path(raw)
        if path is not None:
            return path
    if isinstance(raw, list):
        # A function that is none is a list of values.
        function = _read_function(raw)
        return function or Listed(tuple(_read_literal(item) for item in raw), raw)
    return _read_literal(raw)


def _read_path(raw: object) -> KeyPath | None:
    """Return the key path of any object that has one, whatever its `$type`."""
    text = raw.get("$val") if isinstance(raw, dict) else None
    if not isinstance(text, str) or not text:
        return None
    check_storable(text)
    return KeyPath("_owner_id" if text == "_owner" else text)


def _read_function(raw: Sequence[object]) -> Distance | Relation | None:
    if len(raw) != 4 or raw[0] != "func":  # noqa: PLR2004
        return None
    path = _read_path(raw[2])
    argument = raw[3]
    if path is None or not isinstance(argument, dict):
        return None
    if raw[1] == "distance":
        return _read_distance(path, argument)
    if raw[1] != "userRelation":
        return None
    name, direction = argument.get("$name"), argument.get("$direction")
    if not isinstance(name, str) or not isinstance(direction, str) or not (name and direction):
        return None
    return Relation(path, name, direction)


def _read_distance(path: KeyPath, argument: Mapping[str, object]) -> Distance | None:
    try:
        place = profile.read_location(argument).value
    except SkygearError:
        return None
    assert isinstance(place, list)
    longitude, latitude = place
    assert isinstance(longitude, int | float)
    assert isinstance(latitude, int | float)
    return Distance(path, float(longitude), float(latitude))


def _read_literal(raw: object) -> Literal:
    try:
        value = profile.read_value(raw)
    except SkygearError as error:
        if error.reason is Reason.TEXT_WITH_NUL:
            raise
        raise _not_constructed(error.message) from None
    return Literal("null") if value is None else Literal(value.kind, value.value, raw)


def _check_predicate(predicate: Predicate) -> None:
    _check_count(sum(1 for _ in expressions(predicate)), OPERANDS_MAX)
    _check_parts(predicate)


def _check_parts(predicate: Predicate) -> None:
    match predicate:
        case Compound(_, parts):
            for part in parts:
                _check_parts(part)
        case Functional(function):
            _check_function(function)
        case Comparison("eq", left, right):
            _check_equal(left)
            _check_equal(right)


def _check_function(function: Expression) -> None:
    if isinstance(function, Distance):
        message = "unsupported function for functional predicate"
        raise SkygearError(NOT_SUPPORTED, message)
    if not isinstance(function, Relation):
        message = "functional predicate must contain functional expression"
        raise SkygearError(RECORD_QUERY_INVALID, message)
    if function.name not in ("_friend", "_follow"):
        # As the original prints it, which takes the name for a number.
        name = f"%!d(string={function.name})"
        message = f'user relation predicate with "{name}" relation is not supported'
        raise SkygearError(NOT_SUPPORTED, message)


def _check_equal(side: Expression) -> None:
    what = None
    if isinstance(side, Listed):
        what = "array"
    elif isinstance(side, Literal) and side.kind == "json":
        what = "map"
    if what and isinstance(side, Listed | Literal):
        message = f'equal comparison of {what} "{go_print(side.raw)}" is not supported'
        raise SkygearError(NOT_SUPPORTED, message)


def _check_count(count: int, most: int) -> None:
    if count > most:
        raise _not_constructed(f"more than {most} expressions")


def _not_constructed(message: str) -> SkygearError:
    reason = Reason.ARGUMENT_INVALID
    return SkygearError(INVALID_ARGUMENT, f"failed to construct query: {message}", reason=reason)
