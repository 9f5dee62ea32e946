"""`schema:*`: record types and their fields, and the access rules."""

from collections.abc import Awaitable, Callable

from skylogin.actions.call import Call
from skylogin.actions.payload import (
    read_object,
    read_objects,
    read_storable_text,
    read_storable_texts,
)
from skylogin.actions.services import Services
from skylogin.database import Transaction
from skylogin.domain import access, field_rules, schema
from skylogin.domain.field_rules import FieldRules
from skylogin.domain.limits import check_keys, check_storable
from skylogin.domain.stored_names import USER_TYPE
from skylogin.encoding.json_text import JsonValue
from skylogin.errors import DUPLICATED, SkygearError, invalid_argument
from skylogin.store import access_rules as stored_access
from skylogin.store import apps, fields, roles
from skylogin.store import schema as stored_schema


async def fetch(call: Call, services: Services) -> object:
    """Return every record type with its fields."""
    return await services.store.run(lambda tx: _load_body(tx, call.app.name), write=False)


async def _load_body(tx: Transaction, app: str) -> object:
    return schema.body(await stored_schema.load_all(tx, app))


async def create(call: Call, services: Services) -> object:
    """Create record types and fields; existing ones do not change."""
    raw = read_object(call.payload, "record_types") or {}
    check_storable(raw)
    wanted, app = schema.read_types(raw), call.app.name

    async def work(tx: Transaction) -> object:
        known = await stored_schema.load_all(tx, app)
        try:
            extension = schema.extend(wanted, known, set(known), may_extend=True)
        except SkygearError as refusal:
            raise schema.as_asked_for(refusal) from refusal
        await stored_schema.extend(tx, app, extension)
        return await _load_body(tx, app)

    return await services.store.run(work)


async def rename(call: Call, services: Services) -> object:
    """Rename a field of a record type."""
    record_type = read_storable_text(call.payload, "record_type")
    name = read_storable_text(call.payload, "item_name")
    new_name = read_storable_text(call.payload, "new_name")
    schema.check_may_change(record_type, item_name=name, new_name=new_name)

    async def change(tx: Transaction) -> None:
        await _check_may_alter(tx, call.app.name, record_type, name, new_name)
        await stored_schema.rename(tx, call.app.name, record_type, name, new_name)

    return await _change(call, services, change, {record_type: {name, new_name}})


async def delete(call: Call, services: Services) -> object:
    """Delete a field of a record type, and its values."""
    record_type = read_storable_text(call.payload, "record_type")
    name = read_storable_text(call.payload, "item_name")
    schema.check_may_change(record_type, item_name=name)

    async def change(tx: Transaction) -> None:
        await _check_may_alter(tx, call.app.name, record_type, name)
        await stored_schema.remove(tx, call.app.name, record_type, name)

    return await _change(call, services, change, {record_type: {name}})


async def _check_may_alter(
    tx: Transaction, app: str, record_type: str, name: str, new_name: str = ""
) -> None:
    types = await stored_schema.find_types(tx, app, [record_type])
    known = await fields.read(tx, app, record_type)
    schema.check_to_alter(types, known, record_type, name, new_name)


async def _change(
    call: Call,
    services: Services,
    change: Callable[[Transaction], Awaitable[None]],
    names: dict[str, set[str]],
) -> object:
    key_sets = services.settings.auth_record_keys
    in_keys = {name for key_set in key_sets for name in key_set}

    async def work(tx: Transaction) -> object:
        await change(tx)
        if not in_keys.isdisjoint(names.get(USER_TYPE, ())):
            await _rebuild_keys(tx, call.app.name)
        return await _load_body(tx, call.app.name)

    async def _rebuild_keys(tx: Transaction, app: str) -> None:
        try:
            await apps.rebuild_keys(tx, app, key_sets)
        except apps.KeysTakenError as error:
            raise SkygearError(DUPLICATED, "violate unique constraint") from error

    return await services.store.run(work)


async def set_create_roles(call: Call, services: Services) -> object:
    """Set the roles that may create records of a type."""
    record_type = read_storable_text(call.payload, "type")
    names = read_storable_texts(call.payload, "create_roles") or []
    _check_has_type(record_type)
    check_keys([record_type, *names])

    async def work(tx: Transaction) -> None:
        await roles.add_missing(tx, call.app.name, [name for name in names if name])
        await stored_access.set_create_roles(tx, call.app.name, record_type, names)

    await services.store.run(work)
    call.app.access_rules.forget()
    return {"type": record_type, **({"create_roles": names} if names else {})}


async def set_default_access(call: Call, services: Services) -> object:
    """Set the access list that records of a type get by default."""
    record_type = read_storable_text(call.payload, "type")
    raw = read_objects(call.payload, "default_access")
    check_storable(raw)
    entries: list[JsonValue] = []
    for item in raw:
        entry = access.read_entry(item)
        if entry is None:
            raise invalid_argument("invalid default_access entry", "default_access")
        entries.append(entry)
    _check_has_type(record_type)
    check_keys([record_type])
    await services.store.run(
        lambda tx: stored_access.set_default_access(tx, call.app.name, record_type, entries)
    )
    call.app.access_rules.forget()
    return {"type": record_type, **({"default_access": raw} if raw else {})}


def _check_has_type(record_type: str) -> None:
    if not record_type:
        raise invalid_argument("missing required fields", "type")


async def get_field_access(call: Call, services: Services) -> object:
    """Return the rules for fields, in the order in which they apply."""
    rules = await services.store.run(
        lambda tx: stored_access.load_field_rules(tx, call.app.name), write=False
    )
    return _field_access(rules)


async def update_field_access(call: Call, services: Services) -> object:
    """Replace the rules for fields."""
    raw = read_objects(call.payload, "access")
    check_storable(raw)
    rules = field_rules.read_field_rules(raw)
    for rule in rules.rules:
        check_keys([rule.record_type, rule.record_field, rule.user_role])
    await services.store.run(
        lambda tx: stored_access.replace_field_rules(tx, call.app.name, rules.rules)
    )
    call.app.access_rules.forget()
    return _field_access(rules)


def _field_access(rules: FieldRules) -> object:
    return {"access": [rule.body() for rule in rules.rules]}
