"""The values everything speaks of: users and their records."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime

from skylogin.domain.stored_names import USER_TYPE
from skylogin.encoding.json_text import JsonValue


@dataclass(frozen=True, slots=True)
class Record:
    """A record. A user's profile is the one of type `user` whose id is the user's.

    *data* holds the fields in stored form; the type of each is a `Field` of the
    app, not a part of the value.
    """

    id: str
    owner_id: str
    access: JsonValue
    created_at: datetime
    created_by: str
    updated_at: datetime
    updated_by: str
    data: Mapping[str, JsonValue]
    type: str = USER_TYPE


@dataclass(frozen=True, slots=True)
class User:
    """One who logs in, as Skygear knows them. *record* is missing until it is made."""

    id: str
    record: Record | None = None
    roles: tuple[str, ...] = ()
    # A bcrypt hash. Nothing that prints a user shows it.
    password_hash: str | None = field(default=None, repr=False)
    token_valid_since: datetime | None = None
    last_seen_at: datetime | None = None
    disabled: bool = False
    disabled_message: str | None = None
    disabled_expiry: datetime | None = None

    def disabled_at(self, now: datetime) -> bool:
        """Return whether the user is shut out at *now*: a period that ran out does not count."""
        return self.disabled and (self.disabled_expiry is None or self.disabled_expiry > now)


@dataclass(frozen=True, slots=True)
class Account:
    """What is stored for a principal: the user id is kept even where the user is gone.

    *record* is what is left of a user who is gone.
    """

    user_id: str
    user: User | None
    record: Record | None = None


@dataclass(frozen=True, slots=True)
class Field:
    """The type a field of a record type has, once and for all.

    *kind* is a name of `profile.FIELD_KINDS`, *target* the record type a
    reference points to, *column* the original's word for the column type, which
    its conflict messages show. *next_value* is what a sequence gives out next.
    """

    kind: str
    target: str = ""
    column: str = ""
    next_value: int | None = None


@dataclass(frozen=True, slots=True)
class FieldValue:
    """A value on its way into a field: its kind, and what will be stored."""

    kind: str
    value: JsonValue
    target: str = ""


@dataclass(frozen=True, slots=True)
class Principal:
    """One who logs in, as the application knows them; *id* is the token's subject."""

    kind: str
    id: str
    user_id: str
    created_at: datetime
    provider: str = field(default="")
