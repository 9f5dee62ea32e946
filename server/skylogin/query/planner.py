"""From a query to a plan: which values are compared, and how. Pure.

Every error of a query is found here, before the database is asked.
"""

from skylogin.domain import sql_functions
from skylogin.errors import RECORD_QUERY_INVALID, UNEXPECTED_ERROR, SkygearError
from skylogin.query.paths import Schema, find_field, resolve
from skylogin.query.plan import (
    Combined,
    Compare,
    Constant,
    HasMember,
    IsNull,
    Metres,
    OneOf,
    Operand,
    Plan,
    Test,
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
)
from skylogin.query.values import (
    Column,
    Family,
    Value,
    database_error,
    fitted,
    not_supported,
    read_as,
)

PATH_NAMES_MAX = 2
CHOICES_MAX = 1000
JSON_CHOICES_MAX = 100
PATTERN_CHARACTERS_MAX = 1000
_ORDERING = frozenset(("gt", "gte", "lt", "lte"))
_SIGNS = {
    **{"eq": "=", "neq": "<>", "gt": ">", "gte": ">=", "lt": "<", "lte": "<="},
    **{"like": "~~", "ilike": "~~*"},
}


def plan(query: Query, schema: Schema) -> Plan:
    """Return the plan of *query*, whose type is in *schema*.

    Raises SkygearError if a key path leads nowhere or a value does not fit its column.
    """
    planner = _Planner(query.type, schema)
    test = planner.test(query.predicate) if query.predicate is not None else None
    for key in query.desired_keys or ():
        if find_field(query.type, key, schema) is None:
            raise SkygearError(UNEXPECTED_ERROR, f'unexpected key "{key}"')
    order = tuple((planner.order(sort.by), sort.descending) for sort in query.sorts)
    for expression in query.includes.values():
        planner.check_included(expression)
    if query.limit is not None and query.limit < 0:
        raise database_error("LIMIT must not be negative")
    return Plan(query.type, test, order, query.offset, query.limit)


# A side of a comparison; a literal gets its type from the other side.
Side = Operand | Literal


class _Planner:
    """Plans the parts of one query."""

    def __init__(self, record_type: str, schema: Schema) -> None:
        self._type = record_type
        self._schema = schema

    def test(self, predicate: Predicate) -> Test:
        match predicate:
            case Compound("not", parts):
                # The original reads the first part only.
                return Combined("not", (self.test(parts[0]),))
            case Compound(operator, parts):
                return Combined(operator, tuple(self.test(part) for part in parts))
            case Functional():
                # Relations between users are not stored.
                return Constant(False)
            case Comparison("in", left, right):
                return self._contained(left, right)
        return self._compared(predicate.operator, predicate.left, predicate.right)

    def order(self, by: Expression) -> Column | Metres:
        match by:
            case KeyPath(text):
                column = self._own_column(text)
                if column.family in (Family.JSON, Family.PLACE, Family.OTHER):
                    raise not_supported(f"sorting by a field of the type {column.word}")
                return column
            case Distance():
                return self._metres(by)
        raise database_error("cannot sort by a relation")

    def check_included(self, expression: Expression) -> None:
        match expression:
            case Distance():
                self._metres(expression)
            case Relation() | Listed():
                raise database_error("what is included is a key path, a distance or a number")
            case Literal():
                fitted(expression, Family.NUMBER, Family.NUMBER)

    def _own_column(self, name: str) -> Column:
        """Return the column of a field. The original lets its database check the name."""
        field = find_field(self._type, name, self._schema)
        if field is None:
            raise database_error(f"column {self._type}.{name} does not exist")
        return Column(name, field)

    def _metres(self, distance: Distance) -> Metres:
        column = self._own_column(distance.path.text)
        if column.family is not Family.PLACE:
            message = f"function st_distance_sphere({column.word}, geometry) does not exist"
            raise database_error(message)
        return Metres(column, distance.longitude, distance.latitude)

    def _operand(self, expression: Expression) -> Side | Listed:
        match expression:
            case KeyPath():
                return self._column(expression)
            case Distance():
                return self._metres(expression)
            case Relation():
                raise database_error("a relation has no value")
        return expression

    def _column(self, path: KeyPath) -> Column:
        if len(path.names) > PATH_NAMES_MAX:
            message = f'keypath "{path.text}" with more than 2 components is not supported'
            raise SkygearError(RECORD_QUERY_INVALID, message)
        first, *rest = resolve(path, self._type, self._schema)
        if not rest:
            return Column(path.text, first.field)
        return Column(rest[0].name, rest[0].field, first.name, first.field.target)

    def _compared(self, operator: str, left: Expression, right: Expression) -> Test:
        one, other = self._operand(left), self._operand(right)
        if isinstance(one, Listed) or isinstance(other, Listed):
            raise database_error("a list compares with nothing")
        if not (_is_null(one) or _is_null(other)):
            return _compare(operator, one, other)
        if operator in ("eq", "neq"):
            return _null_test(one if _is_null(other) else other, negated=operator == "neq")
        return Constant(None)

    def _contained(self, left: Expression, right: Expression) -> Test:
        item, holder = self._operand(left), self._operand(right)
        if isinstance(item, Column) and isinstance(holder, Listed):
            return _one_of(item, holder)
        if isinstance(item, Literal) and isinstance(holder, Column):
            return _has_member(item, holder)
        if isinstance(item, Column) and isinstance(holder, Literal):
            if holder.kind == "geometry":
                raise not_supported("looking for places inside of shapes")
            raise database_error("syntax error at or near a value: IN takes a list")
        # The original crashes here.
        message = 'cannot use "in" operator to compare the specified values'
        message = f"panic occurred while handling request: {message}"
        raise SkygearError(UNEXPECTED_ERROR, message)


def _is_null(side: Side) -> bool:
    return isinstance(side, Literal) and side.kind == "null"


def _null_test(side: Side, *, negated: bool) -> Test:
    operand = _as_text(side)
    if isinstance(operand, Value):
        return Constant((operand.value is None) is not negated)
    return IsNull(operand, negated)


def _compare(operator: str, left: Side, right: Side) -> Test:
    if operator in ("like", "ilike"):
        return _compare_texts(operator, left, right)
    one, other = _read_as(left, right), _read_as(right, left)
    family = one.family
    if family is not other.family:
        sign = _SIGNS[operator]
        message = f"operator does not exist: {_word(one)} {sign} {_word(other)}"
        raise database_error(message)
    if family is Family.OTHER or (operator in _ORDERING and family in (Family.JSON, Family.PLACE)):
        raise not_supported(f"comparing values of the type {_word(one)}")
    return Compare(operator, one, other, _folds(one, other))


def _compare_texts(operator: str, left: Side, right: Side) -> Test:
    text, pattern = _as_text(left), _as_text(right)
    if text.family is not Family.TEXT or pattern.family is not Family.TEXT:
        raise database_error(
            f"operator does not exist: {_word(text)} {_SIGNS[operator]} {_word(pattern)}"
        )
    if isinstance(pattern, Value) and len(str(pattern.value)) > PATTERN_CHARACTERS_MAX:
        raise not_supported(f"a pattern of more than {PATTERN_CHARACTERS_MAX:,} characters")
    if isinstance(pattern, Value) and sql_functions.ends_with_escape(str(pattern.value)):
        raise database_error("LIKE pattern must not end with escape character")
    is_citext = isinstance(text, Column) and text.folds
    folds = operator == "ilike" or is_citext or _folds(text, pattern)
    return Compare("like", text, pattern, folds)


def _folds(one: Operand, other: Operand) -> bool:
    """Return whether case is ignored: only if every column ignores it."""
    columns = [operand for operand in (one, other) if isinstance(operand, Column)]
    return bool(columns) and all(column.folds for column in columns)


def _word(operand: Operand) -> str:
    if isinstance(operand, Column):
        return operand.word
    return "unknown" if isinstance(operand, Value) else operand.family.value


def _read_as(side: Side, other: Side) -> Operand:
    """Return *side*, read as the type of *other* if it is a literal."""
    if not isinstance(side, Literal):
        return side
    if isinstance(other, Column):
        return read_as(side, other)
    if isinstance(other, Metres):
        return fitted(side, Family.NUMBER, Family.NUMBER)
    return _as_text(side)


def _as_text(side: Side) -> Operand:
    return fitted(side, Family.TEXT, "text") if isinstance(side, Literal) else side


def _one_of(column: Column, listed: Listed) -> Test:
    values = [read_as(item, column) for item in listed.items]
    if not values:
        # The original writes IN (NULL).
        return Constant(None)
    if column.family is Family.OTHER:
        raise not_supported(f"comparing values of the type {column.word}")
    if len(values) > CHOICES_MAX:
        raise not_supported(f"a list of more than {CHOICES_MAX:,} values")
    if column.family not in (Family.JSON, Family.PLACE):
        return OneOf(column, tuple(value.value for value in values))
    if len(values) > JSON_CHOICES_MAX:
        raise not_supported(f"a list of more than {JSON_CHOICES_MAX} values of this type")
    equals: list[Test] = [
        Constant(None) if value.value is None else Compare("eq", column, value) for value in values
    ]
    return Combined("or", tuple(equals))


def _has_member(item: Literal, holder: Column) -> Test:
    if holder.family is not Family.JSON:
        raise database_error(f"function jsonb_exists({holder.word}, unknown) does not exist")
    if item.kind == "null":
        return Constant(None)
    text = fitted(item, Family.TEXT, "text").value
    assert isinstance(text, str)
    return HasMember(holder, text)
