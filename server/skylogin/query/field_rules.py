"""Where the key paths of a query lead, and whether the rules for fields allow it. Pure."""

from collections.abc import Mapping

from skylogin.domain.access import Actor, FieldRules, FieldUse
from skylogin.domain.fields import RESERVED_FIELDS
from skylogin.domain.user import Field
from skylogin.errors import RECORD_QUERY_DENIED, RECORD_QUERY_INVALID, SkygearError
from skylogin.query.predicate import KeyPath, Query, expressions, key_path

# The fields of record types, by the type; one that is not made is not in it.
Schema = Mapping[str, Mapping[str, Field]]


def check_rules(query: Query, schema: Schema, rules: FieldRules, actor: Actor) -> None:
    """Raise SkygearError where the rules for fields keep *actor* from asking *query*."""
    if query.predicate is not None:
        for expression, simple in expressions(query.predicate):
            use = FieldUse.DISCOVER if simple else FieldUse.COMPARE
            _check_path(key_path(expression), query.type, schema, rules, actor, use)
    for sort in query.sorts:
        _check_path(key_path(sort.by), query.type, schema, rules, actor, FieldUse.COMPARE)
    for expression in query.includes.values():
        _check_path(key_path(expression), query.type, schema, rules, actor, FieldUse.READ)


def _check_path(  # noqa: PLR0913, PLR0917
    path: KeyPath | None,
    record_type: str,
    schema: Schema,
    rules: FieldRules,
    actor: Actor,
    use: FieldUse,
) -> None:
    if path is None:
        return
    types = [record_type]
    if len(path.names) > 1:
        types += [field.target for field in traverse(path, record_type, schema)]
    for at_type, name in zip(types, path.names, strict=False):
        if not rules.may_query(at_type, name, actor, use):
            need = _NEEDS[use]
            message = f'Cannot query on field "{name}" due to Field ACL, need to be {need}'
            raise SkygearError(RECORD_QUERY_DENIED, message)


_NEEDS = {
    FieldUse.DISCOVER: "discoverable or comparable",
    FieldUse.COMPARE: "comparable",
    FieldUse.READ: "readable",
}


def traverse(path: KeyPath, record_type: str, schema: Schema) -> list[Field]:
    """Return the fields that *path* leads through. Raises SkygearError where it does not."""
    found = []
    for place, name in enumerate(path.names):
        field = RESERVED_FIELDS.get(name) or schema.get(record_type, {}).get(name)
        if field is None or record_type not in schema:
            message = f'keypath "{path.text}" does not exist'
            raise SkygearError(RECORD_QUERY_INVALID, message)
        if place < len(path.names) - 1 and field.kind != "reference":
            message = f'field "{name}" in keypath "{path.text}" is not a reference'
            raise SkygearError(RECORD_QUERY_INVALID, message)
        found.append(field)
        record_type = field.target
    return found
