"""Reading the query in a call of `record:query`. Pure.

The rules and messages are the original's (pkg/server/handler/query.go and
skydb/query.go), except that an empty predicate, which the Python SDK sends, is
accepted.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import TypeVar

from skylogin.domain import profile
from skylogin.domain.limits import check_storable
from skylogin.encoding.go_format import INT64_MAX, go_print, go_type
from skylogin.errors import (
    INVALID_ARGUMENT,
    NOT_SUPPORTED,
    RECORD_QUERY_INVALID,
    Reason,
    SkygearError,
    invalid_argument,
)
from skylogin.query.predicate import (
    Comparison,
    Compound,
    Distance,
    Expression,
    Functional,
    KeyPath,
    Listed,
    Literal,
    Predicate,
    Query,
    Relation,
    Sort,
    expressions,
)

DEPTH_MAX = 30
OPERANDS_MAX = 1000
EXPRESSIONS_MAX = 100


def read(payload: Mapping[str, object]) -> Query:
    """Return the query in *payload*. Raises SkygearError if it is not valid."""
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
    return min(int(value), INT64_MAX)


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
    # The original checks a predicate only after reading it, so errors in reading come first.
    _check_count(sum(1 for _ in expressions(predicate)), OPERANDS_MAX)
    _check_parts(predicate)
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
        # A list that is not a valid function is a list of values.
        function = _read_function(raw)
        return function or Listed(tuple(_read_literal(item) for item in raw), raw)
    return _read_literal(raw)


def _read_path(raw: object) -> KeyPath | None:
    """Return the key path in an object, whatever its `$type`, if it has one."""
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
        # The original formats the name as a number.
        name = f"%!d(string={function.name})"
        message = f'user relation predicate with "{name}" relation is not supported'
        raise SkygearError(NOT_SUPPORTED, message)


def _check_equal(side: Expression) -> None:
    match side:
        case Listed(raw=raw):
            what = "array"
        case Literal("json", raw=raw):
            what = "map"
        case _:
            return
    message = f'equal comparison of {what} "{go_print(raw)}" is not supported'
    raise SkygearError(NOT_SUPPORTED, message)


def _check_count(count: int, most: int) -> None:
    if count > most:
        raise _not_constructed(f"more than {most} expressions")


def _not_constructed(message: str) -> SkygearError:
    reason = Reason.ARGUMENT_INVALID
    return SkygearError(INVALID_ARGUMENT, f"failed to construct query: {message}", reason=reason)
