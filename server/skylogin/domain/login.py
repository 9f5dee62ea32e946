"""Deciding what a login does. Pure: values in, values out.

A batch of logins is a fold over the stored users, so that two logins of the
same principal in one batch see each other in the order they arrived.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime

from skylogin.domain import fields, unique_keys
from skylogin.domain.access import AccessRules, Actor
from skylogin.domain.claims import Claims, Profile
from skylogin.domain.stored_names import CUSTOM_TOKEN, LAST_LOGIN_AT, USER_TYPE
from skylogin.domain.unique_keys import AuthKey, KeySet
from skylogin.domain.user import Account, Field, Principal, Record, User
from skylogin.encoding import rfc3339
from skylogin.encoding.json_text import JsonValue
from skylogin.errors import DUPLICATED, USER_DISABLED, Reason, RetryTransaction, SkygearError


@dataclass(frozen=True, slots=True)
class LoginAttempt:
    """Somebody comes in: *new_user* is made where their account is not in the snapshot.

    *subject* tells the account there; where *kind* is not empty, it is the
    principal of that kind and *provider*, and stored. The *profile* is laid over
    the stored one; where it is None, only the times of the user change. Where it is
    *seeded*, nobody comes in: times stay, and so does whether the user is disabled.
    """

    subject: str
    profile: Profile | None
    now: datetime
    new_user: User
    may_extend: bool
    kind: str = CUSTOM_TOKEN
    provider: str = ""
    claims: Claims | None = None
    access: AccessRules = field(default_factory=AccessRules)
    seeded: bool = False


@dataclass(frozen=True, slots=True)
class Login:
    """An accepted login: *user* is shown as it was seen before, with the new profile."""

    user: User
    created: bool


@dataclass(slots=True)
class Snapshot:
    """What is stored about everyone and everything in a batch."""

    accounts: dict[str, Account]
    fields: Mapping[str, Field]
    key_owners: Mapping[AuthKey, str | None]
    key_sets: tuple[KeySet, ...]
    existing: frozenset[tuple[str, str]] = frozenset()
    types: frozenset[str] = frozenset((USER_TYPE,))


@dataclass(slots=True)
class Changes:
    """What is to be saved: users as they were and as they are to be, and what is new.

    Those in *left* were gone but for their record.
    """

    before: dict[str, User | None] = field(default_factory=dict)
    after: dict[str, User] = field(default_factory=dict)
    left: set[str] = field(default_factory=set)
    principals: list[Principal] = field(default_factory=list)
    fields: dict[str, Field] = field(default_factory=dict)
    key_owners: dict[AuthKey, str | None] = field(default_factory=dict)
    released: set[AuthKey] = field(default_factory=set)


def decide_all(
    attempts: Sequence[LoginAttempt], snapshot: Snapshot
) -> tuple[list[Login | SkygearError], Changes]:
    """Return the outcome of each attempt, and what they all change together.

    Raises LookAgain where the snapshot does not hold what an attempt needs.
    """
    changes = Changes()
    return [_decide_or_refuse(attempt, snapshot, changes) for attempt in attempts], changes


def _decide_or_refuse(
    attempt: LoginAttempt, snapshot: Snapshot, changes: Changes
) -> Login | SkygearError:
    try:
        return _decide(attempt, snapshot, changes)
    except SkygearError as refusal:
        return refusal


def _decide(attempt: LoginAttempt, snapshot: Snapshot, changes: Changes) -> Login:
    now, profile = attempt.now, attempt.profile or {}
    account = snapshot.accounts.get(attempt.subject)
    user_id = account.user_id if account else attempt.new_user.id
    before = account.user if account else None
    left = account.record if account else None
    user = before or (User(user_id, left) if account else attempt.new_user)
    if not attempt.seeded:
        # The original checks this last, when the profile is already written.
        check_enabled(user, now)

    known = {**snapshot.fields, **changes.fields} if changes.fields else snapshot.fields
    added = fields.extend_fields(profile, known, may_extend=attempt.may_extend, count=len(known))
    fields.check_references(profile, snapshot.existing, snapshot.types)
    record = user.record or _new_record(user_id, now)
    profile = _writable(profile, record, user, attempt.access)
    data = fields.merge(
        record.data, profile, {**known, **added} if added else known, f"user/{user_id}"
    )
    old_data = user.record.data if user.record else {}
    released, taken_now = _changed_keys(user_id, old_data, data, snapshot, changes)

    default_access = attempt.access.default_access(USER_TYPE)
    if default_access is not None and attempt.profile is not None:
        record = replace(record, access=default_access)
    shown = _written(record, data, user_id, now) if attempt.profile is not None else record
    if attempt.seeded:
        after = replace(user, record=shown)
    else:
        saved = _written(record, {**data, LAST_LOGIN_AT: rfc3339.stored(now)}, user_id, now)
        after = _seen(user, saved, now)
    changes.before.setdefault(user_id, before)
    if left is not None:
        changes.left.add(user_id)
    changes.after[user_id] = after
    changes.fields.update(added)
    changes.released |= released
    changes.key_owners.update({**dict.fromkeys(released), **dict.fromkeys(taken_now, user_id)})
    if account is None and attempt.kind:
        principal = Principal(attempt.kind, attempt.subject, user_id, now, attempt.provider)
        changes.principals.append(principal)
    snapshot.accounts[attempt.subject] = Account(user_id, after)
    return Login(_shown(user, shown), created=before is None)


def _writable(profile: Profile, record: Record, user: User, access: AccessRules) -> Profile:
    """Return *profile* without the changes that the rules for fields keep *user* from.

    Even with the master key: the user is who writes (custom-token-login, section 5).
    """
    stored = record.data
    changed = [
        name
        for name, value in profile.items()
        if (value.value if value else None) != stored.get(name)
    ]
    refused = changed and access.refused_writes(
        USER_TYPE, changed, Actor(user.id, user.roles), record
    )
    if not refused:
        return profile
    return {name: value for name, value in profile.items() if name not in refused}


def check_enabled(user: User, now: datetime) -> None:
    """Raise SkygearError (UserDisabled) where *user* is shut out at *now*."""
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


def _new_record(user_id: str, now: datetime) -> Record:
    return Record(
        id=user_id,
        owner_id=user_id,
        access=None,
        created_at=now,
        created_by=user_id,
        updated_at=now,
        updated_by=user_id,
        data={},
    )


def new_user(user_id: str, now: datetime, access: JsonValue) -> User:
    """Return an empty user with an empty record, as the master key makes them."""
    return User(user_id, replace(_new_record(user_id, now), access=access))


def _written(record: Record, data: Mapping[str, JsonValue], user_id: str, now: datetime) -> Record:
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
    """Return the user as saved: seen now, and a disabling that ran out is cleared."""
    return User(
        id=user.id,
        record=record,
        roles=user.roles,
        password_hash=user.password_hash,
        token_valid_since=user.token_valid_since,
        last_seen_at=now,
    )


def _shown(user: User, record: Record) -> User:
    return User(id=user.id, record=record, roles=user.roles, last_seen_at=user.last_seen_at)


def _changed_keys(
    user_id: str,
    old: Mapping[str, JsonValue],
    new: Mapping[str, JsonValue],
    snapshot: Snapshot,
    changes: Changes,
) -> tuple[set[AuthKey], set[AuthKey]]:
    """Return the keys that *user_id* gives up, and those it takes.

    Raises SkygearError (Duplicated) where another user holds one.
    """
    if all(old.get(name) == new.get(name) for names in snapshot.key_sets for name in names):
        return set(), set()
    held = unique_keys.keys_of(old, snapshot.key_sets, snapshot.fields)
    wanted = unique_keys.keys_of(new, snapshot.key_sets, snapshot.fields)
    for key in wanted - held:
        if key in changes.key_owners:
            owner = changes.key_owners[key]
        elif key in snapshot.key_owners:
            owner = snapshot.key_owners[key]
        else:
            raise RetryTransaction
        if owner not in (None, user_id):
            raise taken(key)
    return held - wanted, wanted - held


def taken(key: AuthKey) -> SkygearError:
    """Return the original's refusal of a user name or an e-mail that another user has."""
    return SkygearError(
        DUPLICATED,
        "user duplicated",
        reason=Reason.KEY_TAKEN,
        explanation=f"another user has this {key.name}; users are not linked by it",
    )


def stored_record(account: Account | None) -> Record | None:
    """Return the record that is stored for *account*, of a user who may be gone."""
    if account is None:
        return None
    return account.user.record if account.user else account.record


def wanted_keys(
    attempts: Iterable[LoginAttempt],
    accounts: Mapping[str, Account],
    known: Mapping[str, Field],
    key_sets: tuple[KeySet, ...],
) -> set[AuthKey]:
    """Return the keys whose owners a decision on *attempts* needs to know."""
    keys: set[AuthKey] = set()
    names = {name for key_set in key_sets for name in key_set}
    # What a login brings may complete a key with what one before it in the batch brought.
    brought: dict[str, dict[str, JsonValue]] = {}
    for attempt in attempts:
        subject = attempt.subject
        account = accounts.get(subject)
        record = stored_record(account)
        stored = record.data if record else {}
        given = {
            name: value.value if value else None
            for name, value in (attempt.profile or {}).items()
            if name in names
        }
        given = brought[subject] = {**brought.get(subject, {}), **given}
        if any(stored.get(name) != value for name, value in given.items()):
            wanted = unique_keys.keys_of({**stored, **given}, key_sets, known)
            keys |= wanted - unique_keys.keys_of(stored, key_sets, known)
    return keys
