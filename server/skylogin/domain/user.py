"""Users, their records, and the actor of a call.

What every login creates is a NamedTuple: creating a frozen dataclass takes three times as long.
"""

from collections.abc import Mapping
from datetime import datetime
from typing import NamedTuple

from skylogin.domain.stored_names import USER_TYPE
from skylogin.encoding.json_text import JsonValue


class RecordId(NamedTuple):
    """The id of a record in a database."""

    type: str
    key: str

    def __str__(self) -> str:
        """Return it in wire form."""
        return f"{self.type}/{self.key}"


# Who may see the records of users.
EVERYBODY, USERS, OWNER = "everybody", "users", "owner"


class Record(NamedTuple):
    """A record. A user's profile is the record of type `user` with the user's id.

    *data* holds the fields in stored form. The type of each is a `Field` of the
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


def new_record(
    key: str, owner_id: str, now: datetime, access: JsonValue = None, record_type: str = USER_TYPE
) -> Record:
    """Return an empty record that *owner_id* makes at *now*."""
    return Record(
        id=key,
        owner_id=owner_id,
        access=access,
        created_at=now,
        created_by=owner_id,
        updated_at=now,
        updated_by=owner_id,
        data={},
        type=record_type,
    )


class User(NamedTuple):
    """A user as Skygear knows them. *record* is None until it is created."""

    id: str
    record: Record | None = None
    roles: tuple[str, ...] = ()
    # A bcrypt hash, left out of the repr.
    password_hash: str | None = None
    token_valid_since: datetime | None = None
    last_seen_at: datetime | None = None
    disabled: bool = False
    disabled_message: str | None = None
    disabled_expiry: datetime | None = None

    def __repr__(self) -> str:
        return f"User(id={self.id!r}, record={self.record!r})"

    def disabled_at(self, now: datetime) -> bool:
        """Return whether the user is disabled at *now*; a disabling may have expired."""
        return self.disabled and (self.disabled_expiry is None or self.disabled_expiry > now)


class Account(NamedTuple):
    """What is stored for a principal. The user id is kept even if the user was deleted.

    *record* is what remains of a deleted user.
    """

    user_id: str
    user: User | None
    record: Record | None = None


class Actor(NamedTuple):
    """The caller of an action. *user_id* is empty if no user is logged in.

    *directory* says whose user records the actor may see: all (EVERYBODY), all if they are logged
    in (USERS), or only their own (OWNER).
    """

    user_id: str = ""
    roles: tuple[str, ...] = ()
    has_master_key: bool = False
    directory: str = EVERYBODY

    @property
    def sees_all_users(self) -> bool:
        """Return whether the records of other users exist for the caller."""
        if self.has_master_key or self.directory == EVERYBODY:
            return True
        return self.directory == USERS and bool(self.user_id)


ANONYMOUS = Actor()


class Field(NamedTuple):
    """The type of a field of a record type, which never changes.

    *kind* is a name of `fields.FIELD_KINDS`, *target* the record type that a
    reference points to, *column* the original's name of the column type, which
    its messages show. *next_value* is the next number of a sequence.
    """

    kind: str
    target: str = ""
    column: str = ""
    next_value: int | None = None


class FieldValue(NamedTuple):
    """A value to put into a field: its kind, and what will be stored."""

    kind: str
    value: JsonValue
    target: str = ""


class Principal(NamedTuple):
    """The identity of a user at the application; *id* is the subject of the token."""

    kind: str
    id: str
    user_id: str
    created_at: datetime
    provider: str = ""
