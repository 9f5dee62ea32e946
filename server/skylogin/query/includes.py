"""What a query includes with each record: a record that it refers to, or a number. Pure."""

from collections.abc import Callable, Iterable, Mapping

from skylogin.domain.sql_functions import metres
from skylogin.domain.stored_names import USER_TYPE
from skylogin.domain.user import Field, Record
from skylogin.encoding.json_text import JsonValue
from skylogin.query.paths import Schema, find_field
from skylogin.query.predicate import Distance, Expression, KeyPath, Literal, Query
from skylogin.query.values import Family, fitted

Reference = tuple[str, str]


def references(
    query: Query, found: Iterable[Record], fields: Mapping[str, Field]
) -> dict[str, set[str]]:
    """Return the ids of the records to include, by their types."""
    wanted: dict[str, set[str]] = {}
    paths = [path for path in query.includes.values() if isinstance(path, KeyPath)]
    for record in found:
        for path in paths:
            reference = reference_of(path, record, query, fields)
            if reference is not None:
                wanted.setdefault(reference[0], set()).add(reference[1])
    return wanted


def types(query: Query, schema: Schema) -> set[str]:
    """Return the types of the records that *query* may include."""
    names = [path.text for path in query.includes.values() if isinstance(path, KeyPath)]
    fields = [find_field(query.type, name, schema) for name in names]
    found = {field.target for field in fields if field and field.kind == "reference"}
    return found if _USERS.keys().isdisjoint(names) else {*found, USER_TYPE}


def reference_of(
    path: KeyPath, record: Record, query: Query, fields: Mapping[str, Field]
) -> Reference | None:
    """Return the type and id of the record that *path* refers to, if it is a reference."""
    user_id = _USERS[path.text](record) if path.text in _USERS else ""
    if user_id:
        return USER_TYPE, user_id
    field, value = fields.get(path.text), desired(query, record.data).get(path.text)
    if field is None or field.kind != "reference" or not isinstance(value, str):
        return None
    return field.target, value


_USERS: Mapping[str, Callable[[Record], str]] = {
    "_owner_id": lambda record: record.owner_id,
    "_created_by": lambda record: record.created_by,
    "_updated_by": lambda record: record.updated_by,
}


def desired(query: Query, data: Mapping[str, JsonValue]) -> Mapping[str, JsonValue]:
    """Return the fields of *data* that *query* asks for."""
    if query.desired_keys is None:
        return data
    return {name: data[name] for name in query.desired_keys if name in data}


def number_of(expression: Expression, record: Record) -> float | None:
    """Return the value of *expression* for *record*, if it is a number."""
    match expression:
        case Distance(path, longitude, latitude):
            place = record.data.get(path.text)
            return metres(*place, longitude, latitude) if isinstance(place, list) else None
        case Literal():
            number = fitted(expression, Family.NUMBER, Family.NUMBER).value
            return number if isinstance(number, int | float) else None
    return None
