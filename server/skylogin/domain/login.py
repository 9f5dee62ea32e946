"""Deciding what a login does. Pure: values in, values out.

The logins of a batch are decided one after the other, so that two logins of the
same principal see each other in the order in which they arrived.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import NamedTuple

from skylogin.domain import fields
from skylogin.domain.access import AccessRules
from skylogin.domain.claims import Claims, Profile
from skylogin.domain.stored_names import CUSTOM_TOKEN, LAST_LOGIN_AT, USER_TYPE
from skylogin.domain.unique_keys import KeySet, UniqueKey, key_change
from skylogin.domain.user import Account, Actor, Field, Principal, Record, User, new_record
from skylogin.encoding import rfc3339
from skylogin.encoding.json_text import JsonValue
from skylogin.errors import DUPLICATED, USER_DISABLED, Reason, RetryTransaction, SkygearError

_NO_RULES = AccessRules()


class LoginAttempt(NamedTuple):
    """A login attempt. *new_user* is made if the snapshot has no account for *subject*.

    Unless *kind* is empty, *subject* is the principal of that kind and *provider*,
    and is stored. *profile* is merged into the stored one; if it is None, only the
    times of the user change. A *seeded* user does not log in: times and disabling stay.
    *no_new_user* is raised instead of making a user.
    """

    subject: str
    profile: Profile | None
    now: datetime
    new_user: User
    may_extend: bool
    kind: str = CUSTOM_TOKEN
    provider: str = ""
    claims: Claims | None = None
    access: AccessRules = _NO_RULES
    seeded: bool = False
    no_new_user: SkygearError | None = None


class Login(NamedTuple):
    """An accepted login. *user* has the new profile, and the times of the previous login."""

    user: User
    created: bool


@dataclass(slots=True)
class LoginSnapshot:
    """What is stored about the users, fields and keys of a batch."""

    accounts: dict[str, Account]
    fields: Mapping[str, Field]
    key_owners: Mapping[UniqueKey, str | None]
    key_sets: tuple[KeySet, ...]
    existing: frozenset[tuple[str, str]] = frozenset()
    types: frozenset[str] = frozenset((USER_TYPE,))


@dataclass(slots=True)
class LoginChanges:
    """What to save: users as they were and as they will be, and what is new.

    Of the users in *record_only*, only the record was stored.
    """

    before: dict[str, User | None] = field(default_factory=dict)
    after: dict[str, User] = field(default_factory=dict)
    record_only: set[str] = field(default_factory=set)
    principals: list[Principal] = field(default_factory=list)
    fields: dict[str, Field] = field(default_factory=dict)
    key_owners: dict[UniqueKey, str | None] = field(default_factory=dict)
    released: set[UniqueKey] = field(default_factory=set)


def decide_all(
    attempts: Sequence[LoginAttempt], snapshot: LoginSnapshot
) -> tuple[list[Login | SkygearError], LoginChanges]:
    """Return the outcome of each attempt, and what to save for all of them.

    Raises RetryTransaction if an attempt needs what the snapshot does not hold.
    """
    changes = LoginChanges()
    return [_decide_or_refuse(attempt, snapshot, changes) for attempt in attempts], changes


def _decide_or_refuse(
    attempt: LoginAttempt, snapshot: LoginSnapshot, changes: LoginChanges
) -> Login | SkygearError:
    try:
        return _decide(attempt, snapshot, changes)
    except SkygearError as refusal:
        return refusal


def _decide(attempt: LoginAttempt, snapshot: LoginSnapshot, changes: LoginChanges) -> Login:
    now, profile = attempt.now, attempt.profile or {}
    account = snapshot.accounts.get(attempt.subject)
    if account is None and attempt.no_new_user is not None:
        raise attempt.no_new_user
    user_id = account.user_id if account else attempt.new_user.id
    before = account.user if account else None
    orphan = account.record if account else None
    user = before or (User(user_id, orphan) if account else attempt.new_user)
    if not attempt.seeded:
        # The original checks this last, after it wrote the profile.
        check_enabled(user, now)

    known = {**snapshot.fields, **changes.fields} if changes.fields else snapshot.fields
    added = fields.extend_fields(profile, known, may_extend=attempt.may_extend, count=len(known))
    fields.check_references(profile, snapshot.existing, snapshot.types)
    record = user.record or new_record(user_id, user_id, now)
    profile = _writable(profile, record, user, attempt.access)
    data = fields.merge(
        record.data, profile, {**known, **added} if added else known, f"user/{user_id}"
    )
    old_data = user.record.data if user.record else {}
    keys = key_change(old_data, data, snapshot.key_sets, snapshot.fields)
    _check_free(keys.taken, user_id, snapshot, changes)

    default_access = attempt.access.default_access(USER_TYPE)
    if default_access is not None and attempt.profile is not None:
        record = record._replace(access=default_access)
    shown = _written(record, data, user_id, now) if attempt.profile is not None else record
    if attempt.seeded:
        after = user._replace(record=shown)
    else:
        saved = _written(record, {**data, LAST_LOGIN_AT: rfc3339.stored(now)}, user_id, now)
        after = _seen(user, saved, now)
    changes.before.setdefault(user_id, before)
    if orphan is not None:
        changes.record_only.add(user_id)
    changes.after[user_id] = after
    changes.fields.update(added)
    changes.released |= keys.released
    changes.key_owners.update(keys.owners(user_id))
    if account is None and attempt.kind:
        principal = Principal(attempt.kind, attempt.subject, user_id, now, attempt.provider)
        changes.principals.append(principal)
    snapshot.accounts[attempt.subject] = Account(user_id, after)
    return Login(_shown(user, shown), created=before is None)


def _writable(profile: Profile, record: Record, user: User, access: AccessRules) -> Profile:
    """Return *profile* without the changes that the rules for fields forbid *user*.

    The master key does not count, because the user is the writer.
    """
    refused = access.refused_changes(record, profile, Actor(user.id, user.roles))
    if not refused:
        return profile
    return {name: value for name, value in profile.items() if name not in refused}


def check_enabled(user: User, now: datetime) -> None:
    """Raise SkygearError (UserDisabled) if *user* is disabled at *now*."""
    if not user.disabled_at(now):
        return
    info: dict[str, object] = {}
    explanation = "the user is disabled"
    if user.disabled_expiry:
        info["expiry"] = rfc3339.on_wire(user.disabled_expiry.replace(microsecond=0))
        explanation += f" until {info['expiry']}"
    if user.disabled_message:
        info["message"] = user.disabled_message
        explanation += f": {user.disabled_message}"
    raise SkygearError(
        USER_DISABLED,
        "user is disabled",
        info=info,
        reason=Reason.USER_DISABLED,
        explanation=explanation,
    )


def new_user(user_id: str, now: datetime, access: JsonValue) -> User:
    """Return an empty user with an empty record, as the master key makes them."""
    return User(user_id, new_record(user_id, user_id, now, access))


def _written(record: Record, data: Mapping[str, JsonValue], user_id: str, now: datetime) -> Record:
    # Every login runs this and `_seen`; `_replace` would take half as long again.
    return Record(
        id=record.id,
        owner_id=record.owner_id,
        access=record.access,
        created_at=record.created_at,
        created_by=record.created_by,
        updated_at=now,
        updated_by=user_id,
        data=data,
    )


def _seen(user: User, record: Record, now: datetime) -> User:
    """Return the user as saved: seen now, and without a disabling that has expired."""
    return User(
        id=user.id,
        record=record,
        roles=user.roles,
        password_hash=user.password_hash,
        token_valid_since=user.token_valid_since,
        last_seen_at=now,
    )


def _shown(user: User, record: Record) -> User:
    return User(
        id=user.id,
        record=record,
        roles=user.roles,
        token_valid_since=user.token_valid_since,
        last_seen_at=user.last_seen_at,
    )


def _check_free(
    keys: Iterable[UniqueKey], user_id: str, snapshot: LoginSnapshot, changes: LoginChanges
) -> None:
    """Raise SkygearError (Duplicated) if another user than *user_id* has one of *keys*."""
    for key in keys:
        if key in changes.key_owners:
            owner = changes.key_owners[key]
        elif key in snapshot.key_owners:
            owner = snapshot.key_owners[key]
        else:
            raise RetryTransaction
        if owner not in (None, user_id):
            raise taken(key)


def taken(key: UniqueKey) -> SkygearError:
    """Return the original's refusal of a user name or e-mail that another user has."""
    return SkygearError(
        DUPLICATED,
        "user duplicated",
        reason=Reason.KEY_TAKEN,
        explanation=f"another user has this {key.name}; users are not linked by it",
    )


def stored_record(account: Account | None) -> Record | None:
    """Return the stored record of *account*, even if its user was deleted."""
    if account is None:
        return None
    return account.user.record if account.user else account.record


def wanted_keys(
    attempts: Iterable[LoginAttempt],
    accounts: Mapping[str, Account],
    known: Mapping[str, Field],
    key_sets: tuple[KeySet, ...],
) -> set[UniqueKey]:
    """Return the keys whose owners `decide_all` needs to know for *attempts*."""
    keys: set[UniqueKey] = set()
    names = {name for key_set in key_sets for name in key_set}
    # Two logins of a batch may complete a key together.
    brought: dict[str, dict[str, JsonValue]] = {}
    for attempt in attempts:
        subject = attempt.subject
        record = stored_record(accounts.get(subject))
        stored = record.data if record else {}
        given = {
            name: value.value if value else None
            for name, value in (attempt.profile or {}).items()
            if name in names
        }
        given = brought[subject] = {**brought.get(subject, {}), **given}
        if any(stored.get(name) != value for name, value in given.items()):
            keys |= key_change(stored, {**stored, **given}, key_sets, known).taken
    return keys
