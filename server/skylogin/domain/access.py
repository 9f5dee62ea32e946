"""Who may create, read and write records. Pure.

Three layers: who may create, the access list of a record, and the rules for its
fields. The master key passes all of them.
"""

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from typing import NamedTuple

from skylogin.domain.claims import Profile
from skylogin.domain.field_rules import FieldRules
from skylogin.domain.stored_names import USER_TYPE
from skylogin.domain.user import USERS, Actor, Record
from skylogin.encoding.json_equality import is_equal
from skylogin.encoding.json_text import JsonValue
from skylogin.errors import login_required


class TypeRules(NamedTuple):
    """The rules of a record type: who may create records, and their default access list."""

    create_roles: tuple[str, ...] = ()
    default_access: JsonValue = None


@dataclass(frozen=True, slots=True)
class AccessRules:
    """All rules of an app."""

    fields: FieldRules = field(default_factory=FieldRules)
    types: Mapping[str, TypeRules] = field(default_factory=dict)

    def may_create(self, record_type: str, actor: Actor) -> bool:
        """Return whether *actor* may create records of a type; without roles, everyone may."""
        roles = self._of(record_type).create_roles
        return actor.has_master_key or not roles or not set(roles).isdisjoint(actor.roles)

    def default_access(self, record_type: str) -> JsonValue:
        """Return the access list of a record that is saved without one; None changes nothing."""
        return self._of(record_type).default_access

    def refused_changes(self, record: Record, values: Profile, actor: Actor) -> list[str]:
        """Return the fields that *values* would change in *record* and *actor* may not."""
        changed = [
            name
            for name, value in values.items()
            if name not in record.data
            or not is_equal(record.data[name], value.value if value else None)
        ]
        return changed and self.fields.refused_writes(changed, actor, record)

    def _of(self, record_type: str) -> TypeRules:
        return self.types.get(record_type, _NO_RULES)


_NO_RULES = TypeRules()


def check_directory(types: Collection[str], actor: Actor) -> None:
    """Raise SkygearError if reading *types* needs a logged-in user and *actor* is not one."""
    if USER_TYPE in types and actor.directory == USERS and not actor.sees_all_users:
        raise login_required()


def is_hidden(record: Record, actor: Actor) -> bool:
    """Return whether *record* is that of another user, which does not exist for *actor*."""
    if record.type != USER_TYPE or actor.sees_all_users:
        return False
    return not _is_owner(record, actor) and is_hidden_id(record.id, actor)


def is_hidden_id(user_id: str, actor: Actor) -> bool:
    """Return whether a user does not exist for *actor*."""
    return not actor.sees_all_users and user_id != (actor.user_id or None)


def may_read(record: Record, actor: Actor) -> bool:
    """Return whether *actor* may see *record*; without an access list, everyone may."""
    if actor.has_master_key or record.access is None:
        return True
    return _is_owner(record, actor) or any(_entry_is_for(e, actor) for e in _entries(record))


def may_write(record: Record, actor: Actor, *, documented: bool) -> bool:
    """Return whether *actor*, who is logged in, may change *record*.

    Every logged-in user may change a record without an access list. By the
    *documented* contract, only its owner may change a user's record.
    """
    if actor.has_master_key or _is_owner(record, actor):
        return True
    if record.access is None:
        return bool(actor.user_id) and not (documented and record.type == USER_TYPE)
    return any(e.get("level") == "write" and _entry_is_for(e, actor) for e in _entries(record))


def _is_owner(record: Record, actor: Actor) -> bool:
    return bool(actor.user_id) and record.owner_id == actor.user_id


def _entries(record: Record) -> list[dict[str, JsonValue]]:
    listed = record.access if isinstance(record.access, list) else []
    return [entry for entry in listed if isinstance(entry, dict)]


def _entry_is_for(entry: Mapping[str, JsonValue], actor: Actor) -> bool:
    if entry.get("public") is True:
        return True
    return bool(actor.user_id) and (
        entry.get("user_id") == actor.user_id or entry.get("role") in actor.roles
    )


def read_entry(raw: object) -> dict[str, JsonValue] | None:
    """Return an entry of an access list as it is stored, None if it is not valid.

    Empty members are left out, as the original does.
    """
    if not isinstance(raw, dict) or raw.get("level") not in ("read", "write"):
        return None
    kinds = {"relation": str, "role": str, "user_id": str, "public": bool}
    targets = {name: raw[name] for name, kind in kinds.items() if isinstance(raw.get(name), kind)}
    if not targets:
        return None
    return {"level": raw["level"], **{name: value for name, value in targets.items() if value}}
