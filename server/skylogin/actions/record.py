"""`record:*`: records of any type, user profiles included."""

from collections.abc import Callable, Mapping, Sequence

from skylogin.actions import wire
from skylogin.actions.call import Call
from skylogin.actions.payload import read_member, read_objects, read_storable_texts
from skylogin.actions.services import Services
from skylogin.database import Transaction
from skylogin.domain import access, record_json, records
from skylogin.domain.access import AccessRules
from skylogin.domain.record_json import GivenRecord
from skylogin.domain.records import SaveContext
from skylogin.domain.user import Actor, Record, RecordId
from skylogin.errors import NOT_SUPPORTED, SkygearError, invalid_argument
from skylogin.store import records as stored_records
from skylogin.store import references, schema
from skylogin.tokens.custom_token import DOCUMENTED


async def fetch(call: Call, services: Services) -> object:
    """Return the records with the given ids, or an error for each that cannot be read."""
    ids = _read_ids(call, lambda text: invalid_argument(f"invalid id format: {text}", "ids"))
    access.check_directory({one.type for one in ids}, call.actor)
    found = await services.store.run(
        lambda tx: stored_records.load(tx, call.app.name, ids, call.database_id),
        write=False,
        is_query=True,
    )
    rules = await call.app.access_rules.get()
    return [
        _entry(call, services, rules, one, _readable(found.get(one), call.actor)) for one in ids
    ]


def _readable(record: Record | None, actor: Actor) -> Record | SkygearError:
    if record is None or access.is_hidden(record, actor):
        return records.not_found()
    return record if access.may_read(record, actor) else records.not_permitted()


def _entry(
    call: Call,
    services: Services,
    rules: AccessRules,
    record_id: RecordId,
    outcome: Record | SkygearError,
) -> object:
    """Return a record in wire form, with the fields that the caller may see, or its error."""
    if isinstance(outcome, SkygearError):
        return wire.error_entry(outcome, str(record_id))
    known = services.store.fields_of(call.app.name, outcome.type)
    data = rules.fields.readable(outcome.data, call.actor, outcome)
    return record_json.record_body(outcome, known, data)


async def save(call: Call, services: Services) -> object:
    """Save records, one by one or atomically; return each as saved, or its error."""
    given = _read_records(call)
    context = await _save_context(call, services)
    if context.atomic:
        records.check_all_read(given)
    readable = [one for one in given if isinstance(one, GivenRecord)]
    may_extend = services.settings.clients_may_extend_schema or call.has_master_key
    saved = await save_given(call, services, readable, context, may_extend=may_extend)
    outcomes = iter(saved)
    return [
        wire.error_entry(one)
        if isinstance(one, SkygearError)
        else _entry(call, services, context.rules, one.id, next(outcomes))
        for one in given
    ]


def _read_records(call: Call) -> list[GivenRecord | SkygearError]:
    raw = read_objects(call.payload, "records")
    read_member(call.payload, "atomic", False)
    if not raw:
        raise invalid_argument("expected list of record", "records")
    return [_read_record(item if isinstance(item, dict) else {}) for item in raw]


def _read_record(raw: Mapping[str, object]) -> GivenRecord | SkygearError:
    try:
        return record_json.read(raw)
    except SkygearError as refusal:
        return refusal


async def _save_context(call: Call, services: Services) -> SaveContext:
    if call.database_id is None:
        raise SkygearError(NOT_SUPPORTED, "modifying the selected database is not supported")
    settings = services.settings
    return SaveContext(
        actor=call.actor,
        database_id=call.database_id,
        now=call.now,
        rules=await call.app.access_rules.get(),
        key_sets=settings.auth_record_keys,
        documented=settings.contract == DOCUMENTED,
        atomic=read_member(call.payload, "atomic", False),
    )


async def save_given(
    call: Call,
    services: Services,
    given: Sequence[GivenRecord],
    context: SaveContext,
    *,
    may_extend: bool,
) -> list[Record | SkygearError]:
    """Save records in one transaction; new types and fields are added in an earlier one."""
    app = call.app.name

    async def work(tx: Transaction) -> list[Record | SkygearError] | None:
        decided = await stored_records.decide(tx, app, given, context, may_extend=may_extend)
        if isinstance(decided, dict):
            await schema.extend(tx, app, decided)
            return None
        outcomes, changes = decided
        if context.atomic:
            ids = (one.id for one in given)
            records.check_all_done(zip(ids, outcomes, strict=True))
        await stored_records.save(tx, app, context.database_id, changes)
        return outcomes

    while (outcomes := await services.store.run(work)) is None:
        pass
    return outcomes


async def delete(call: Call, services: Services) -> object:
    """Delete records, one by one or atomically; return the id of each, or its error."""
    ids = _read_ids(call, lambda text: record_json.bad_id(text, "ids"))
    read_member(call.payload, "atomic", False)
    context = await _save_context(call, services)
    outcomes = await services.store.run(lambda tx: _delete(tx, call.app.name, ids, context))
    return [
        wire.error_entry(outcome, str(one)) if outcome else {"_id": str(one), "_type": "record"}
        for one, outcome in zip(ids, outcomes, strict=True)
    ]


async def _delete(
    tx: Transaction, app: str, ids: Sequence[RecordId], context: SaveContext
) -> list[SkygearError | None]:
    found, _ = await stored_records.load_to_change(tx, app, ids, context.database_id, to_stay=False)
    referrers = await references.load_referrers(tx, app, list(found))
    gone: set[RecordId] = set()
    outcomes: list[SkygearError | None] = []
    for record_id in ids:
        refusal = records.refusal_to_delete(record_id, found.get(record_id), context)
        if refusal is None and referrers[record_id] - gone - {record_id}:
            refusal = records.referred_to(record_id)
        if refusal is None:
            gone.add(record_id)
            del found[record_id]
        outcomes.append(refusal)
    if context.atomic:
        records.check_all_done(zip(ids, outcomes, strict=True))
    await stored_records.remove(tx, app, context.database_id, gone)
    return outcomes


def _read_ids(call: Call, refusal: Callable[[str], SkygearError]) -> list[RecordId]:
    texts = read_storable_texts(call.payload, "ids")
    if not texts:
        raise invalid_argument("expected list of id", "ids")
    ids = []
    for text in texts:
        record_id = record_json.read_id(text)
        if record_id is None:
            raise refusal(text)
        ids.append(record_id)
    return ids
