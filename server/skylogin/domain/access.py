"""Who may do what with records and their fields (records, section 7). Pure.

Three layers: who may create, a record's own access list, and rules for fields.
The master key passes all of them.
"""

from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, field
from enum import StrEnum

from skylogin.domain.stored_names import USER_TYPE
from skylogin.domain.user import Record
from skylogin.encoding.json_text import JsonValue
from skylogin.errors import DENIED_ARGUMENT, SkygearError, invalid_argument

ANY = "*"


@dataclass(frozen=True, slots=True)
class Actor:
    """Who asks. Nobody is logged in where *user_id* is empty."""

    user_id: str = ""
    roles: tuple[str, ...] = ()
    has_master_key: bool = False


ANONYMOUS = Actor()


class FieldUse(StrEnum):
    """What a field is used for."""

    READ = "read"
    WRITE = "write"
    COMPARE = "compare"
    DISCOVER = "discover"


@dataclass(frozen=True, slots=True)
class FieldRule:
    """A row: for whom it is, and what they may do with which fields of which records."""

    record_type: str
    record_field: str
    user_role: str
    writable: bool
    readable: bool
    comparable: bool
    discoverable: bool

    def allows(self, use: FieldUse) -> bool:
        """Return whether a field may be put to *use*."""
        match use:
            case FieldUse.READ:
                return self.readable
            case FieldUse.WRITE:
                return self.writable
            case FieldUse.COMPARE:
                return self.comparable
        return self.discoverable or self.comparable

    def body(self) -> dict[str, object]:
        """Return the rule in wire form."""
        return asdict(self)


class FieldRules:
    """Decides from the first rule that is for the actor, of the nearest group that has any."""

    def __init__(self, rules: Iterable[FieldRule] = ()) -> None:
        self.rules = tuple(sorted(rules, key=_order))
        self._groups: dict[tuple[str, str], list[FieldRule]] = {}
        for rule in self.rules:
            self._groups.setdefault((rule.record_type, rule.record_field), []).append(rule)
        # Most fields are open to whoever is logged in, and a login has to know that quickly.
        self._ruled_fields = frozenset(name for _, name in self._groups)
        self._guarded = {use: self._fields_not_open(use) for use in FieldUse}

    def readable(
        self, record_type: str, data: Mapping[str, JsonValue], actor: Actor, record: Record
    ) -> Mapping[str, JsonValue]:
        """Return what *actor* may see of *data*, the fields of *record*."""
        hidden = self._refused(FieldUse.READ, record_type, data, actor, record)
        if not hidden:
            return data
        return {name: value for name, value in data.items() if name not in hidden}

    def refused_writes(
        self, record_type: str, names: Iterable[str], actor: Actor, record: Record
    ) -> list[str]:
        """Return those of *names* that *actor* may not change in *record*, as it is stored."""
        return self._refused(FieldUse.WRITE, record_type, names, actor, record)

    def may_query(self, record_type: str, name: str, actor: Actor, use: FieldUse) -> bool:
        """Return whether *actor* may use a field in a query, whatever the record."""
        return self._allows(use, record_type, name, actor, None)

    def _refused(
        self, use: FieldUse, record_type: str, names: Iterable[str], actor: Actor, record: Record
    ) -> list[str]:
        if actor.has_master_key:
            return []
        guarded = self._guarded[use] if actor.user_id else self._ruled_fields
        if ANY not in guarded:
            names = [name for name in names if name in guarded]
        allows = self._allows
        return [name for name in names if not allows(use, record_type, name, actor, record)]

    def _fields_not_open(self, use: FieldUse) -> frozenset[str]:
        """Return the fields, of whichever type, that not everybody who is logged in may use."""
        return frozenset(
            name
            for (_, name), rules in self._groups.items()
            if not all(rule.allows(use) for rule in rules)
            or _ANY_USER.isdisjoint(rule.user_role for rule in rules)
        )

    def _allows(
        self, use: FieldUse, record_type: str, name: str, actor: Actor, record: Record | None
    ) -> bool:
        if actor.has_master_key or name.startswith("_"):
            return True
        for group in ((record_type, name), (record_type, ANY), (ANY, name), (ANY, ANY)):
            rules = self._groups.get(group)
            if rules:
                found = (rule for rule in rules if _is_for(rule.user_role, actor, record))
                first = next(found, None)
                return first is not None and first.allows(use)
        return True


# The roles of users in rules, the strongest first; some say whom after a colon.
_USER_ROLES = ("_owner", "_user_id", "_field", "_role", "_any_user", "_public")
_ANY_USER = frozenset(("_any_user", "_public"))
_WITH_NAME = frozenset(("_user_id", "_field", "_role"))


def _order(rule: FieldRule) -> tuple[object, ...]:
    kind, _, name = rule.user_role.partition(":")
    return (
        (rule.record_type == ANY, rule.record_type),
        (rule.record_field == ANY, rule.record_field),
        _USER_ROLES.index(kind),
        name,
    )


def _is_for(user_role: str, actor: Actor, record: Record | None) -> bool:  # noqa: PLR0911
    kind, _, name = user_role.partition(":")
    if kind == "_public":
        return True
    if not actor.user_id:
        return False
    match kind:
        case "_any_user":
            return True
        case "_owner":
            return record is not None and record.owner_id == actor.user_id
        case "_user_id":
            return actor.user_id == name
        case "_role":
            return name in actor.roles
    return record is not None and _holds(record, name, actor.user_id)


def _holds(record: Record, name: str, user_id: str) -> bool:
    value = record.data.get(name)
    if name.startswith("_"):
        value = _reserved(record).get(name)
    return user_id in value if isinstance(value, list) else value == user_id


def _reserved(record: Record) -> dict[str, JsonValue]:
    return {
        "_id": record.id,
        "_owner_id": record.owner_id,
        "_created_by": record.created_by,
        "_updated_by": record.updated_by,
    }


# What every app begins with: a user's name and e-mail are for whoever is logged in.
FIRST_FIELD_RULES = tuple(
    FieldRule(USER_TYPE, name, user_role, user_role == "_owner", True, True, True)
    for name in ("username", "email")
    for user_role in ("_owner", "_any_user")
)


@dataclass(frozen=True, slots=True)
class TypeRules:
    """What goes for a record type: who may create, and the first access list of a record."""

    create_roles: tuple[str, ...] = ()
    default_access: JsonValue = None


@dataclass(frozen=True, slots=True)
class AccessRules:
    """All rules of an app."""

    fields: FieldRules = field(default_factory=FieldRules)
    types: Mapping[str, TypeRules] = field(default_factory=dict)

    def may_create(self, record_type: str, actor: Actor) -> bool:
        """Return whether *actor* may make records of a type: without roles everybody may."""
        roles = self._of(record_type).create_roles
        return actor.has_master_key or not roles or not set(roles).isdisjoint(actor.roles)

    def default_access(self, record_type: str) -> JsonValue:
        """Return the access list that a record gets where none is given; None leaves it."""
        return self._of(record_type).default_access

    def refused_writes(
        self, record_type: str, names: Iterable[str], actor: Actor, record: Record
    ) -> list[str]:
        """Return those of *names* that *actor* may not change in *record*, as it is stored."""
        return self.fields.refused_writes(record_type, names, actor, record)

    def readable(
        self, record_type: str, data: Mapping[str, JsonValue], actor: Actor, record: Record
    ) -> Mapping[str, JsonValue]:
        """Return what *actor* may see of *data*, the fields of *record*."""
        return self.fields.readable(record_type, data, actor, record)

    def _of(self, record_type: str) -> TypeRules:
        return self.types.get(record_type, _NO_RULES)


_NO_RULES = TypeRules()


def may_read(record: Record, actor: Actor) -> bool:
    """Return whether *actor* may see *record*: without an access list everybody may."""
    if actor.has_master_key or record.access is None:
        return True
    return _is_owner(record, actor) or any(_entry_is_for(e, actor) for e in _entries(record))


def may_write(record: Record, actor: Actor, *, documented: bool) -> bool:
    """Return whether *actor*, who is logged in, may change *record*.

    A record without an access list is open to all of them; by the *documented*
    contract a user's record then is its owner's.
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
    """Return an entry of an access list as it is kept, None for what is none.

    Members that say nothing are left out, as the original does.
    """
    if not isinstance(raw, dict) or raw.get("level") not in ("read", "write"):
        return None
    kinds = {"relation": str, "role": str, "user_id": str, "public": bool}
    targets = {name: raw[name] for name, kind in kinds.items() if isinstance(raw.get(name), kind)}
    if not targets:
        return None
    return {"level": raw["level"], **{name: value for name, value in targets.items() if value}}


def read_field_rule(raw: object) -> FieldRule | None:
    """Return a rule for fields as a call gives it, None for what is none."""
    if not isinstance(raw, dict):
        return None
    texts = [_text(raw.get(name)) for name in ("record_type", "record_field", "user_role")]
    flags = [raw.get(name) for name in ("writable", "readable", "comparable", "discoverable")]
    if not all(texts) or not _is_user_role(texts[2]):
        return None
    if not all(isinstance(flag, bool) for flag in flags):
        return None
    record_type, record_field, user_role = texts
    return FieldRule(record_type, record_field, user_role, *map(bool, flags))


def _text(value: object) -> str:
    return value if isinstance(value, str) else ""


def _is_user_role(text: str) -> bool:
    kind, colon, _ = text.partition(":")
    return kind in _USER_ROLES and bool(colon) == (kind in _WITH_NAME)


def read_field_rules(raw: Iterable[object]) -> FieldRules:
    """Return the rules that a call gives. Raises SkygearError where one is none."""
    rules = [read_field_rule(item) for item in raw]
    if None in rules:
        raise invalid_argument("invalid access entry", "access")
    return FieldRules(rule for rule in rules if rule is not None)


def denied_update(names: Iterable[str]) -> SkygearError:
    """Return the refusal of a save that has to be whole and would change closed fields."""
    message = "Unable to save to some record fields because of Field ACL denied update."
    return SkygearError(DENIED_ARGUMENT, message, info={"arguments": sorted(names)})
