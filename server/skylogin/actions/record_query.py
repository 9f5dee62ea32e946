"""`record:query`: records that match a predicate, sorted, with the records they refer to."""

from collections.abc import Mapping
from dataclasses import dataclass

from skylogin.actions import wire
from skylogin.actions.call import Call
from skylogin.actions.services import Services
from skylogin.database import Transaction
from skylogin.database.transaction import FieldMap
from skylogin.domain import access, record_json
from skylogin.domain.access import AccessRules
from skylogin.domain.user import Record
from skylogin.encoding.json_text import JsonValue
from skylogin.query import includes, permissions, planner, reader
from skylogin.query.predicate import KeyPath, Query
from skylogin.store import fields as stored_fields
from skylogin.store import record_queries as stored_queries
from skylogin.store.record_queries import Found, Scope

Referred = dict[tuple[str, str], Record]


@dataclass(frozen=True, slots=True)
class _Outcome:
    """The records found, those they refer to, and the fields of all of them."""

    found: Found
    referred: Referred
    fields: dict[str, FieldMap]


async def query(call: Call, services: Services) -> object:
    """Return the records that match a query, and their number if requested."""
    wanted = reader.read(call.payload)
    rules = await call.app.access_rules.get()
    outcome = await services.store.run(
        lambda tx: _find(tx, call, wanted, rules), write=False, is_query=True
    )
    bodies = [_body(record, call, wanted, rules, outcome) for record in outcome.found.records]
    if outcome.found.count is None:
        return bodies
    return wire.WithInfo(bodies, {"count": outcome.found.count})


async def _find(tx: Transaction, call: Call, wanted: Query, rules: AccessRules) -> _Outcome:
    app = call.app.name
    schema = await stored_queries.load_schema(tx, app, wanted)
    access.check_directory({wanted.type, *schema, *includes.types(wanted, schema)}, call.actor)
    permissions.check_permissions(wanted, schema, rules.fields, call.actor)
    if wanted.type not in schema:
        # No record of the type was ever saved, so the rest of the query is not checked.
        return _Outcome(Found((), 0 if wanted.count else None), {}, {})
    plan = planner.plan(wanted, schema)
    scope = Scope(tx, app, call.database_id, call.actor)
    found = await stored_queries.run(scope, plan, count=wanted.count)
    references = includes.references(wanted, found.records, schema[wanted.type])
    referred = {
        (record_type, key): record
        for record_type, ids in references.items()
        for key, record in (await stored_queries.load_referred(scope, record_type, ids)).items()
    }
    fields = await stored_fields.load_of_records(tx, app, [*found.records, *referred.values()])
    return _Outcome(found, referred, fields)


def _body(
    record: Record, call: Call, wanted: Query, rules: AccessRules, outcome: _Outcome
) -> dict[str, object]:
    """Return a record in wire form, with the query's includes in `_transient`."""
    transient: dict[str, object] = {}
    for name, expression in wanted.includes.items():
        if isinstance(expression, KeyPath):
            fields = outcome.fields[record.type]
            reference = includes.reference_of(expression, record, wanted, fields)
            other = outcome.referred.get(reference) if reference else None
            # Desired keys do not apply to included records.
            transient[name] = other and _shown(other, other.data, call, rules, outcome)
        elif (number := includes.number_of(expression, record)) is not None:
            transient[name] = number
    data = includes.desired(wanted, record.data)
    body = _shown(record, data, call, rules, outcome)
    return {**body, "_transient": transient} if transient else body


def _shown(
    record: Record,
    asked: Mapping[str, JsonValue],
    call: Call,
    rules: AccessRules,
    outcome: _Outcome,
) -> dict[str, object]:
    data = rules.fields.readable(asked, call.actor, record)
    return record_json.record_body(record, outcome.fields[record.type], data)
