"""Users: search, show, edit, disable, roles, sign out, delete."""

import functools
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from http import HTTPStatus

from skylogin.database import Transaction
from skylogin.domain import record_json
from skylogin.domain.access import AccessRules
from skylogin.domain.device import Device
from skylogin.domain.limits import check_keys
from skylogin.domain.record_json import GivenRecord
from skylogin.domain.records import SaveContext
from skylogin.domain.schema import Extension
from skylogin.domain.stored_names import CUSTOM_TOKEN, PUBLIC_DATABASE, USER_TYPE
from skylogin.domain.user import Actor, Principal, RecordId, User
from skylogin.errors import ExpectedError, SkygearError
from skylogin.operations.operator import ConflictError, MissingError, Operator, RefusedError
from skylogin.store import devices, imports, references, roles, schema, user_search, users
from skylogin.store import records as stored_records
from skylogin.store.user_search import Search, UserPage


@dataclass(frozen=True, slots=True)
class UserDetails:
    """A user, the principals that log in as this user, and the devices of the user."""

    user: User
    principals: list[Principal]
    devices: list[Device]
    # Where the user was imported from, None if they were not.
    origin: str | None

    @property
    def subject(self) -> str | None:
        """Return the `sub` of the user's custom tokens, None if no custom token logs in."""
        ids = {(one.kind, one.provider): one.id for one in self.principals}
        return ids.get((CUSTOM_TOKEN, ""))


async def find(operator: Operator, app: str, search: Search) -> UserPage:
    """Return a page of the users that match *search*. Raises RefusedError on an invalid cursor."""
    try:
        return await operator.store.run(lambda tx: user_search.find(tx, app, search), write=False)
    except ValueError as error:
        raise RefusedError(str(error)) from None


async def get(operator: Operator, app: str, user_id: str) -> UserDetails:
    """Return a user. Raises MissingError."""
    return await operator.store.run(lambda tx: _load_details(tx, app, user_id), write=False)


async def edit_profile(
    operator: Operator, app: str, user_id: str, changes: Mapping[str, object]
) -> UserDetails:
    """Change fields of a user's record with the rights of the master key; null removes a field.

    Raises MissingError, RefusedError on an invalid value, ConflictError on a user name or an
    e-mail that is taken, and on a value that does not have the field's type.
    """
    reserved = sorted(name for name in changes if not name or name.startswith("_"))
    if reserved:
        raise RefusedError(f"{reserved[0]!r} is not a field that can be edited")
    try:
        given = [record_json.read_fields(RecordId(USER_TYPE, user_id), changes)]
        return await _save(operator, app, given, sorted(changes))
    except SkygearError as error:
        raise _refused(error) from error


class _SchemaLacksFieldsError(ExpectedError):
    """The schema has to be extended first, in its own transaction."""

    def __init__(self, extension: Extension) -> None:
        super().__init__()
        self.extension = extension


async def _save(
    operator: Operator, app: str, given: Sequence[GivenRecord], names: Sequence[str]
) -> UserDetails:
    user_id = given[0].id.key
    context = SaveContext(
        actor=Actor(has_master_key=True),
        database_id=PUBLIC_DATABASE,
        now=operator.now(),
        rules=AccessRules(),
        key_sets=operator.settings.auth_record_keys,
        documented=False,
        atomic=True,
    )

    async def work(tx: Transaction) -> UserDetails:
        await _load(tx, app, user_id)
        decided = await stored_records.decide(tx, app, given, context, may_extend=True)
        if isinstance(decided, dict):
            raise _SchemaLacksFieldsError(decided)
        [outcome], changes = decided
        if isinstance(outcome, SkygearError):
            raise outcome
        await stored_records.save(tx, app, PUBLIC_DATABASE, changes)
        await tx.finish()
        return await _load_details(tx, app, user_id)

    while True:
        try:
            return await operator.act(app, "user.edit", user_id, work, {"fields": list(names)})
        except _SchemaLacksFieldsError as error:
            extend = functools.partial(schema.extend, app=app, extension=error.extension)
            await operator.store.run(extend)


def _refused(error: SkygearError) -> RefusedError:
    is_conflict = error.status == HTTPStatus.CONFLICT
    return (ConflictError if is_conflict else RefusedError)(error.explanation)


async def disable(
    operator: Operator, app: str, user_id: str, message: str = "", until: datetime | None = None
) -> None:
    """Stop a user from logging in and from making calls, until a time or indefinitely.

    Raises MissingError.
    """
    wanted = User(user_id, disabled=True, disabled_message=message or None, disabled_expiry=until)
    await _set_disabled(operator, app, "user.disable", wanted)


async def enable(operator: Operator, app: str, user_id: str) -> None:
    """End the disabling of a user. Raises MissingError."""
    await _set_disabled(operator, app, "user.enable", User(user_id))


async def _set_disabled(operator: Operator, app: str, act: str, wanted: User) -> None:
    async def work(tx: Transaction) -> None:
        if not await users.set_disabled(tx, app, wanted):
            raise _missing(wanted.id)

    await operator.act(app, act, wanted.id, work)


async def set_roles(operator: Operator, app: str, user_id: str, names: Collection[str]) -> None:
    """Set a user's roles: others are removed, new ones are created.

    Raises MissingError, and RefusedError on a name that is too long.
    """
    try:
        check_keys(names)
    except SkygearError as error:
        raise RefusedError(error.explanation) from error

    async def work(tx: Transaction) -> None:
        user = await _load(tx, app, user_id, lock=True)
        await roles.revoke(tx, app, [user_id], set(user.roles) - set(names))
        await roles.assign(tx, app, [user_id], names)

    await operator.act(app, "user.set_roles", user_id, work, {"roles": sorted(names)})


async def sign_out(operator: Operator, app: str, user_id: str) -> None:
    """Revoke every access token issued to a user until now. Raises MissingError.

    A user who logs in again within this second has to log in once more.
    """
    now = operator.now()

    async def work(tx: Transaction) -> None:
        if not await users.sign_out(tx, app, user_id, now):
            raise _missing(user_id)

    await operator.act(app, "user.sign_out", user_id, work)


async def delete(operator: Operator, app: str, user_id: str) -> None:
    """Delete a user with their profile, principals, devices, roles and passwords.

    Records that the user owns stay. A later login of one of the principals creates a new user.
    Raises MissingError, and ConflictError while other records refer to the user.
    """
    record_id = RecordId(USER_TYPE, user_id)

    async def work(tx: Transaction) -> None:
        # Locked in the same order as by a login, so that the two cannot deadlock.
        await _load(tx, app, user_id, lock=True)
        await stored_records.load_to_change(tx, app, [record_id], PUBLIC_DATABASE, to_stay=False)
        referrers = await references.load_referrers(tx, app, [record_id])
        others = sorted(str(one) for one in referrers[record_id] - {record_id})
        if others:
            more = f" and {len(others) - 1} more" if len(others) > 1 else ""
            raise ConflictError(f"records refer to this user: {others[0]}{more}")
        await users.remove(tx, app, user_id)

    await operator.act(app, "user.delete", user_id, work)


async def _load_details(tx: Transaction, app: str, user_id: str) -> UserDetails:
    user = await _load(tx, app, user_id)
    principals = await user_search.load_principals(tx, app, user_id)
    origin = await imports.load_origin(tx, app, user_id)
    return UserDetails(user, principals, await devices.load_of_user(tx, app, user_id), origin)


async def _load(tx: Transaction, app: str, user_id: str, *, lock: bool = False) -> User:
    found = (await users.load(tx, app, [user_id], lock=lock)).get(user_id)
    if found is None:
        raise _missing(user_id)
    return found


def _missing(user_id: str) -> MissingError:
    return MissingError(f"there is no user {user_id}")
