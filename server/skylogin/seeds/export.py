"""Exports the users of an app as a seed."""

from collections.abc import Collection, Mapping

from skylogin.database import Transaction
from skylogin.domain import record_json
from skylogin.domain.stored_names import LAST_LOGIN_AT, USER_TYPE
from skylogin.domain.subject import BYTES_MAX
from skylogin.domain.user import Field, User
from skylogin.encoding.json_text import JsonValue
from skylogin.encoding.rfc3339 import on_wire
from skylogin.operations.operator import Operator, RefusedError
from skylogin.seeds.reader import is_hash
from skylogin.seeds.seed import USERS_MAX
from skylogin.store import fields, login_batch, roles, users

USERS_AT_ONCE = 1000
# Seeds cannot set fields of these kinds.
_LEFT_OUT = frozenset(("asset", "unknown", "acl"))


async def seed(operator: Operator, app: str) -> dict[str, object]:
    """Return a seed of the app, as plain JSON: its users by subject, and its special roles.

    It includes password hashes, but not login times, records of other types, or references to
    them. Raises RefusedError if the app has too many users for a seed.
    """
    await operator.note(app, "app.export", app, {"as": "seed"})

    async def read(tx: Transaction) -> dict[str, object]:
        all_users = await _load_users(tx, app)
        known = await fields.read(tx, app, USER_TYPE)
        subjects = await login_batch.load_subjects(tx, app, all_users)
        bodies = [
            _user_body(user, subjects.get(user.id, ""), known, all_users)
            for user in all_users.values()
        ]
        return {
            "admin_roles": list(await roles.load_admin(tx, app)),
            "default_roles": list(await roles.load_default(tx, app)),
            "users": sorted(bodies, key=lambda body: (str(body.get("sub", "")), str(body["id"]))),
        }

    return await operator.store.run(read, write=False, snapshot=True)


async def _load_users(tx: Transaction, app: str) -> dict[str, User]:
    all_users: dict[str, User] = {}
    last = ""
    while True:
        page = await users.load_after(tx, app, last, USERS_AT_ONCE)
        all_users |= {user.id: user for user in page}
        if len(all_users) > USERS_MAX:
            raise RefusedError(
                f"a seed has at most {USERS_MAX:,} users; use `skylogin apps export` for more"
            )
        if len(page) < USERS_AT_ONCE:
            return all_users
        last = page[-1].id


def _user_body(
    user: User, subject: str, known: Mapping[str, Field], all_users: Collection[str]
) -> dict[str, object]:
    is_subject = 0 < len(subject.encode()) <= BYTES_MAX
    body: dict[str, object] = {"sub": subject} if is_subject else {}
    body["id"] = user.id
    body["profile"] = _profile(user, known, all_users)
    body["roles"] = list(user.roles)
    if user.password_hash and is_hash(user.password_hash):
        body["password_hash"] = user.password_hash
    body["disabled"] = _disabled(user)
    return body


def _profile(
    user: User, known: Mapping[str, Field], all_users: Collection[str]
) -> dict[str, object]:
    """Return a profile in its wire format, without what seeds cannot set."""
    if user.record is None:
        return {}
    kept = {
        name: value
        for name, value in user.record.data.items()
        if name != LAST_LOGIN_AT
        and value is not None
        and name in known
        and _can_be_seeded(value, known[name], all_users)
    }
    body = record_json.record_body(user.record, known, kept)
    return {name: value for name, value in body.items() if name in kept}


def _can_be_seeded(value: JsonValue, field: Field, all_users: Collection[str]) -> bool:
    if field.kind == "reference":
        return field.target == USER_TYPE and value in all_users
    return field.kind not in _LEFT_OUT


def _disabled(user: User) -> object:
    if not user.disabled or not (user.disabled_message or user.disabled_expiry):
        return user.disabled
    body: dict[str, object] = {}
    if user.disabled_message:
        body["message"] = user.disabled_message
    if user.disabled_expiry:
        body["until"] = on_wire(user.disabled_expiry)
    return body
