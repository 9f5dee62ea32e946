"""Where the key paths of a query lead: from field to field, along references. Pure."""

from collections.abc import Mapping, Sequence
from typing import NamedTuple

from skylogin.domain.fields import RESERVED_FIELDS, TypeAndField
from skylogin.domain.user import Field
from skylogin.errors import RECORD_QUERY_INVALID, SkygearError
from skylogin.query.predicate import Distance, Expression, KeyPath, Query, Relation, expressions

# The fields of each record type that exists.
Schema = Mapping[str, Mapping[str, Field]]


class Step(NamedTuple):
    """A field on the way of a path."""

    type: str
    name: str
    field: Field


def resolve(path: KeyPath, record_type: str, schema: Schema) -> list[Step]:
    """Return the fields that *path* leads through. Raises SkygearError if it leads nowhere."""
    reached = reach(path.names, record_type, schema)
    steps = [Step(*at, field) for at in reached if (field := find_field(*at, schema))]
    if len(steps) < len(reached):
        message = f'keypath "{path.text}" does not exist'
        raise SkygearError(RECORD_QUERY_INVALID, message)
    if len(steps) < len(path.names):
        message = f'field "{steps[-1].name}" in keypath "{path.text}" is not a reference'
        raise SkygearError(RECORD_QUERY_INVALID, message)
    return steps


def reach(names: Sequence[str], record_type: str, schema: Schema) -> list[TypeAndField]:
    """Return where *names* lead, up to the first field that is not a reference in *schema*."""
    reached = []
    for name in names:
        reached.append((record_type, name))
        field = find_field(record_type, name, schema)
        if field is None or field.kind != "reference":
            break
        record_type = field.target
    return reached


def find_field(record_type: str, name: str, schema: Schema) -> Field | None:
    """Return the field *name* of *record_type*, reserved ones included."""
    if record_type not in schema:
        return None
    return RESERVED_FIELDS.get(name) or schema[record_type].get(name)


def path_of(expression: Expression) -> KeyPath | None:
    """Return the key path that *expression* reads, if any."""
    match expression:
        case KeyPath():
            return expression
        case Distance(path) | Relation(path):
            return path
    return None


def paths_of(query: Query) -> list[list[str]]:
    """Return the names of each path that *query* reads, desired keys included."""
    asked = [expression for expression, _ in expressions(query.predicate)]
    asked += [sort.by for sort in query.sorts]
    asked += query.includes.values()
    paths = {path.text: path.names for path in map(path_of, asked) if path is not None}
    return [*paths.values(), *([key] for key in query.desired_keys or ())]
