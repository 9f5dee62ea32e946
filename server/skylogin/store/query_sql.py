"""A query plan as SQL: conditions and order over the fields of records.

Every value and every field name is a bound parameter. Stored data never causes an
error: a value that does not have the type of its field counts as null.
"""

import operator
from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any

from sqlalchemy import (
    Boolean,
    Double,
    FromClause,
    Select,
    Text,
    and_,
    case,
    cast,
    literal,
    not_,
    null,
    or_,
    select,
    true,
)
from sqlalchemy.sql.elements import ColumnElement
from sqlalchemy.types import TypeEngine

from skylogin.database import dialect, json_members
from skylogin.database.dialect import Timestamp
from skylogin.database.json_members import Member
from skylogin.database.tables import records
from skylogin.domain.fields import RESERVED_FIELDS
from skylogin.domain.stored_names import PUBLIC_DATABASE, USER_TYPE
from skylogin.domain.user import Actor
from skylogin.encoding.json_text import JsonValue
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
from skylogin.query.values import Column, Family, Value

Sql = ColumnElement[Any]

_KINDS: Mapping[Family, tuple[str, TypeEngine[Any]]] = {
    Family.TEXT: ("string", Text()),
    Family.NUMBER: ("number", Double()),
    Family.BOOLEAN: ("boolean", Boolean()),
    Family.MOMENT: ("string", Text()),
}
_COMPARISONS: Mapping[str, Callable[[Any, Any], Any]] = {
    "eq": operator.eq,
    "neq": operator.ne,
    "gt": operator.gt,
    "gte": operator.ge,
    "lt": operator.lt,
    "lte": operator.le,
}


class QuerySql:
    """Writes query plans as SQL, for one app, database and actor.

    *database_id* is None for all databases. *values* are the parameters of the
    statements that are not bound in them.
    """

    def __init__(self, dialect_name: str, app: str, database_id: str | None, actor: Actor) -> None:
        self.values: dict[str, list[dict[str, JsonValue]]] = {}
        self._dialect = dialect_name
        self._app = app
        self._database_id = database_id
        self._actor = actor

    def where(self, plan: Plan) -> list[ColumnElement[bool]]:
        """Return the conditions of *plan*, those on the primary key first."""
        conditions: list[ColumnElement[bool]] = [records.c.app == self._app]
        if self._database_id is not None:
            conditions.append(records.c.database_id == self._database_id)
        conditions.append(records.c.type == plan.type)
        if plan.test is not None:
            conditions.append(self._condition(plan.test))
        return [*conditions, self.readable(records)]

    def order(self, plan: Plan) -> list[Sql]:
        """Return the order of *plan*, with the id as the last key."""
        order = []
        for by, descending in plan.order:
            value = self._metres(by) if isinstance(by, Metres) else self._sorted(by)
            order.append(value.desc().nulls_first() if descending else value.asc().nulls_last())
        return [*order, records.c.id]

    def readable(self, table: FromClause) -> ColumnElement[bool]:
        """Return whether the actor may read a record of *table*.

        Access lists apply only in the public database.
        """
        actor = self._actor
        if actor.has_master_key:
            return true()
        entries: list[tuple[str, str | bool]] = [("public", True)]
        either: list[ColumnElement[bool]] = [table.c.access.is_(None)]
        if actor.user_id:
            entries += [("user_id", actor.user_id), *(("role", role) for role in actor.roles)]
            either.append(table.c.owner_id == actor.user_id)
        either.append(json_members.lists_any(table.c.access, entries, self._dialect))
        if self._database_id != PUBLIC_DATABASE:
            either.append(table.c.database_id != PUBLIC_DATABASE)
        if actor.sees_all_users:
            return or_(*either)
        exists = [table.c.type != USER_TYPE]
        if actor.user_id:
            exists += [table.c.owner_id == actor.user_id, table.c.id == actor.user_id]
        return and_(or_(*either), or_(*exists))

    def nearest(self, table: FromClause) -> tuple[ColumnElement[bool], Sql]:
        """Return the condition for records of *table* that a reference may mean, and their order.

        A reference in a private record means a record of the same database, or else a
        public one.
        """
        if self._database_id == PUBLIC_DATABASE:
            return table.c.database_id == PUBLIC_DATABASE, table.c.database_id
        own = records.c.database_id if self._database_id is None else self._database_id
        among = or_(table.c.database_id == PUBLIC_DATABASE, table.c.database_id == own)
        return among, table.c.database_id.desc()

    def _condition(self, test: Test) -> ColumnElement[bool]:  # noqa: PLR0911
        match test:
            case Combined("not", (part,)):
                return not_(self._condition(part))
            case Combined("and", parts):
                return and_(true(), *map(self._condition, parts))
            case Combined(_, parts):
                return or_(*map(self._condition, parts))
            case Constant(value):
                return cast(null() if value is None else literal(value, Boolean), Boolean)
            case IsNull():
                is_null = self._is_null(test.operand)
                return not_(is_null) if test.negated else is_null
            case OneOf():
                return self._one_of(test)
            case HasMember(column, text):
                return self._member(column, lambda member: member.holds(text))
            case Compare():
                return self._compare(test)
        raise AssertionError(test)

    def _is_null(self, operand: Column | Metres) -> ColumnElement[bool]:
        if isinstance(operand, Metres):
            return self._metres(operand).is_(None)
        if operand.family in _KINDS or operand.name in RESERVED_FIELDS:
            return self._typed(operand).is_(None)
        if operand.family is Family.PLACE:
            return self._member(operand, lambda member: member.coordinate(0)).is_(None)
        return self._whole(operand).is_(None)

    def _one_of(self, test: OneOf) -> ColumnElement[bool]:
        column = test.column
        name = f"values_{len(self.values)}"
        self.values[name] = [{"value": value} for value in test.values]
        kind = _KINDS[column.family][1]
        value = self._typed(column)
        if isinstance(value.type, Timestamp):
            kind = Timestamp()
        wanted = dialect.json_rows(name, self._dialect, value=type(kind))["value"]
        if column.folds:
            value, wanted = self._fold(value), self._fold(wanted)
        return value.in_(select(wanted))

    def _compare(self, test: Compare) -> ColumnElement[bool]:
        left, right = test.left, test.right
        if test.operator == "like":
            text, pattern = self._value(left), self._value(right)
            if test.folds:
                text, pattern = self._fold(text), self._fold(pattern)
            return json_members.like(text, pattern, self._dialect)
        compare = _COMPARISONS[test.operator]
        if left.family is Family.JSON:
            return compare(self._whole(left), self._whole(right))  # type: ignore[no-any-return]
        if left.family is Family.PLACE:
            return self._compare_places(test)
        if left.family is Family.MOMENT:
            return compare(*self._moments(left, right))  # type: ignore[no-any-return]
        one, other = self._value(left), self._value(right)
        if test.folds:
            one, other = self._fold(one), self._fold(other)
        if left.family is Family.TEXT and test.operator not in ("eq", "neq"):
            one = json_members.by_code_points(one, self._dialect)
        return compare(one, other)  # type: ignore[no-any-return]

    def _compare_places(self, test: Compare) -> ColumnElement[bool]:
        place, wanted = self._coordinates(test.left), self._coordinates(test.right)
        equal = and_(*(one == other for one, other in zip(place, wanted, strict=True)))
        # An incomplete place is null, not unequal.
        is_place = and_(*(one.is_not(None) for one in place))
        return case((is_place, equal if test.operator == "eq" else not_(equal)))

    def _coordinates(self, operand: Operand) -> list[Sql]:
        if isinstance(operand, Column):
            return [
                self._member(operand, lambda member: member.coordinate(0)),
                self._member(operand, lambda member: member.coordinate(1)),
            ]
        assert isinstance(operand, Value)
        assert isinstance(operand.value, list)
        return [literal(number, Double) for number in operand.value]

    def _moments(self, left: Operand, right: Operand) -> list[Sql]:
        """Return two times to compare: both as timestamps, or both as text as in fields."""
        sides = [left, right]
        columns = [self._typed(side) if isinstance(side, Column) else None for side in sides]
        if all(column is None or isinstance(column.type, Timestamp) for column in columns):
            return [
                column if column is not None else _moment(side)
                for column, side in zip(columns, sides, strict=True)
            ]
        return [
            json_members.moment_text(column, self._dialect)
            if column is not None and isinstance(column.type, Timestamp)
            else self._value(side)
            for column, side in zip(columns, sides, strict=True)
        ]

    def _whole(self, operand: Operand) -> Sql:
        if isinstance(operand, Column):
            return self._member(operand, lambda member: member.whole())
        assert isinstance(operand, Value)
        return json_members.json_value(operand.value, self._dialect)

    def _value(self, operand: Operand) -> Sql:
        match operand:
            case Column():
                return self._typed(operand)
            case Metres():
                return self._metres(operand)
        return literal(operand.value, _KINDS[operand.family][1])

    def _metres(self, metres: Metres) -> Sql:
        place = metres.longitude, metres.latitude
        return json_members.metres(self._coordinates(metres.column), place, self._dialect)

    def _sorted(self, column: Column) -> Sql:
        value = self._typed(column)
        if column.family is not Family.TEXT:
            return value
        if column.folds:
            value = self._fold(value)
        return json_members.by_code_points(value, self._dialect)

    def _typed(self, column: Column) -> Sql:
        """Return the value of *column*, null if it has another type."""
        if column.name in RESERVED_FIELDS:
            return self._looked_up(column, lambda table: table.c[column.name.removeprefix("_")])
        kind, column_type = _KINDS[column.family]
        return self._member(column, lambda member: member.as_type(kind, column_type))

    def _member(self, column: Column, read: Callable[[Member], Sql]) -> Sql:
        dialect_name, name = self._dialect, column.name
        return self._looked_up(column, lambda of: read(Member(of.c.data, name, dialect_name)))

    def _looked_up(self, column: Column, read: Callable[[FromClause], Sql]) -> Sql:
        """Return what *read* returns for the record, or for the record that it refers to.

        A referenced record that the actor may not read has null for every value.
        """
        if not column.via:
            return read(records)
        other = records.alias()
        kind, column_type = _KINDS[Family.TEXT]
        key = Member(records.c.data, column.via, self._dialect).as_type(kind, column_type)
        among, order = self.nearest(other)
        query: Select[Any] = (
            select(read(other))
            .where(
                other.c.app == self._app,
                among,
                other.c.type == column.target,
                other.c.id == key,
                self.readable(other),
            )
            .order_by(order)
            .limit(1)
        )
        return query.correlate(records).scalar_subquery()

    def _fold(self, value: Sql) -> Sql:
        return json_members.fold(value, self._dialect)


def _moment(side: Operand) -> Sql:
    assert isinstance(side, Value)
    assert isinstance(side.value, str)
    return literal(datetime.fromisoformat(side.value), Timestamp())
