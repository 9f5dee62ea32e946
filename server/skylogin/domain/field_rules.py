"""The rules for fields: who may read, write and query which fields. Pure.

The master key passes all of them.
"""

from collections.abc import Iterable, Mapping
from enum import StrEnum
from typing import NamedTuple

from skylogin.domain.stored_names import USER_TYPE
from skylogin.domain.user import Actor, Record
from skylogin.encoding.json_text import JsonValue
from skylogin.errors import DENIED_ARGUMENT, SkygearError, invalid_argument

ANY = "*"


class FieldUse(StrEnum):
    """What an actor does with a field."""

    READ = "read"
    WRITE = "write"
    COMPARE = "compare"
    DISCOVER = "discover"


class FieldRule(NamedTuple):
    """What the users of *user_role* may do with some fields of some records."""

    record_type: str
    record_field: str
    user_role: str
    writable: bool
    readable: bool
    comparable: bool
    discoverable: bool

    def allows(self, use: FieldUse) -> bool:
        """Return whether the rule allows *use*."""
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
        return self._asdict()


class FieldRules:
    """All rules of an app, in groups for a record type and a field, either of which may be `*`.

    In the most specific group that has rules, the first rule for the actor decides.
    """

    def __init__(self, rules: Iterable[FieldRule] = ()) -> None:
        self.rules = tuple(sorted(rules, key=_order))
        self._groups: dict[tuple[str, str], list[FieldRule]] = {}
        for rule in self.rules:
            self._groups.setdefault((rule.record_type, rule.record_field), []).append(rule)
        # Most fields are open to every logged-in user, and a login has to know that quickly.
        self._ruled_fields = frozenset(name for _, name in self._groups)
        self._restricted = {use: self._restricted_fields(use) for use in FieldUse}

    def readable(
        self, data: Mapping[str, JsonValue], actor: Actor, record: Record
    ) -> Mapping[str, JsonValue]:
        """Return what *actor* may see of *data*, the fields of *record*."""
        hidden = self._refused(FieldUse.READ, data, actor, record)
        if not hidden:
            return data
        return {name: value for name, value in data.items() if name not in hidden}

    def refused_writes(self, names: Iterable[str], actor: Actor, record: Record) -> list[str]:
        """Return the *names* that *actor* may not change in *record*, as it is stored."""
        return self._refused(FieldUse.WRITE, names, actor, record)

    def may_query(self, record_type: str, name: str, actor: Actor, use: FieldUse) -> bool:
        """Return whether *actor* may use a field in a query, whatever the record."""
        return self._allows(use, record_type, name, actor, None)

    def _refused(
        self, use: FieldUse, names: Iterable[str], actor: Actor, record: Record
    ) -> list[str]:
        if actor.has_master_key:
            return []
        checked = self._restricted[use] if actor.user_id else self._ruled_fields
        if ANY not in checked:
            names = [name for name in names if name in checked]
        allows, kind = self._allows, record.type
        return [name for name in names if not allows(use, kind, name, actor, record)]

    def _restricted_fields(self, use: FieldUse) -> frozenset[str]:
        """Return the fields, of any type, that some logged-in users may not use."""
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


# The user roles of rules, the strongest first. Some have a name after a colon.
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
    if name in ("_id", "_owner_id", "_created_by", "_updated_by"):
        return bool(getattr(record, name.removeprefix("_")) == user_id)
    value = record.data.get(name)
    return user_id in value if isinstance(value, list) else value == user_id


# The rules of a new app: any logged-in user may read names and e-mails, their owner may write.
FIRST_FIELD_RULES = tuple(
    FieldRule(USER_TYPE, name, user_role, user_role == "_owner", True, True, True)
    for name in ("username", "email")
    for user_role in ("_owner", "_any_user")
)


def read_field_rules(raw: Iterable[object]) -> FieldRules:
    """Return the rules that a call gives. Raises SkygearError if one of them is not valid."""
    rules = [read_field_rule(item) for item in raw]
    if None in rules:
        raise invalid_argument("invalid access entry", "access")
    return FieldRules(rule for rule in rules if rule is not None)


def read_field_rule(raw: object) -> FieldRule | None:
    """Return a rule that a call gives, None if it is not valid."""
    match raw:
        case {
            "record_type": str(record_type),
            "record_field": str(record_field),
            "user_role": str(user_role),
            "writable": bool(writable),
            "readable": bool(readable),
            "comparable": bool(comparable),
            "discoverable": bool(discoverable),
        } if record_type and record_field and _is_user_role(user_role):
            flags = (writable, readable, comparable, discoverable)
            return FieldRule(record_type, record_field, user_role, *flags)
    return None


def _is_user_role(text: str) -> bool:
    kind, colon, _ = text.partition(":")
    return kind in _USER_ROLES and bool(colon) == (kind in _WITH_NAME)


def denied_update(names: Iterable[str]) -> SkygearError:
    """Return the refusal of an atomic save that would change fields it may not change."""
    message = "Unable to save to some record fields because of Field ACL denied update."
    return SkygearError(DENIED_ARGUMENT, message, info={"arguments": sorted(names)})
