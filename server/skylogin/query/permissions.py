"""Check that the rules for fields allow a query. Pure."""

from skylogin.domain.field_rules import FieldRules, FieldUse
from skylogin.domain.user import Actor
from skylogin.errors import RECORD_QUERY_DENIED, SkygearError
from skylogin.query.paths import Schema, path_of, resolve
from skylogin.query.predicate import Expression, Query, expressions

_NEEDS = {
    FieldUse.DISCOVER: "discoverable or comparable",
    FieldUse.COMPARE: "comparable",
    FieldUse.READ: "readable",
}


def check_permissions(query: Query, schema: Schema, rules: FieldRules, actor: Actor) -> None:
    """Raise SkygearError if the rules for fields forbid *query* to *actor*."""
    uses: list[tuple[Expression, FieldUse]] = [
        (expression, FieldUse.DISCOVER if simple else FieldUse.COMPARE)
        for expression, simple in expressions(query.predicate)
    ]
    uses += [(sort.by, FieldUse.COMPARE) for sort in query.sorts]
    uses += [(expression, FieldUse.READ) for expression in query.includes.values()]
    for expression, use in uses:
        for record_type, name in _fields_of(expression, query.type, schema):
            if not rules.may_query(record_type, name, actor, use):
                need = _NEEDS[use]
                message = f'Cannot query on field "{name}" due to Field ACL, need to be {need}'
                raise SkygearError(RECORD_QUERY_DENIED, message)


def _fields_of(expression: Expression, record_type: str, schema: Schema) -> list[tuple[str, str]]:
    path = path_of(expression)
    if path is None:
        return []
    if len(path.names) == 1:
        # The original does not check that a field of the type itself exists.
        return [(record_type, path.text)]
    return [(step.type, step.name) for step in resolve(path, record_type, schema)]
