"""Password resets and user verification, as by Skygear's plugin `forgot_password`.

`skylogin dev` keeps the mails in the app's outbox. The settings are the plugin's defaults, except
that `email` and `phone` can be verified, and either verifies the user (VERIFY_AUTO_UPDATE).
"""

import hashlib
import hmac
import secrets
from collections.abc import Mapping
from datetime import timedelta
from typing import Any
from urllib.parse import urlencode

from skylogin.actions import auth, record
from skylogin.actions.batches import Lookup
from skylogin.actions.call import Call
from skylogin.actions.services import Services
from skylogin.actions.wire import OK
from skylogin.apps.outbox import RESET, VERIFICATION, Mail
from skylogin.database import Transaction
from skylogin.domain import record_json
from skylogin.domain.access import AccessRules
from skylogin.domain.limits import check_storable
from skylogin.domain.records import SaveContext
from skylogin.domain.stored_names import LAST_LOGIN_AT, PUBLIC_DATABASE, USER_TYPE
from skylogin.domain.user import Actor, RecordId, User
from skylogin.errors import (
    NOT_AUTHENTICATED,
    RESOURCE_NOT_FOUND,
    SkygearError,
    invalid_argument,
)
from skylogin.store import login_batch, user_search, users
from skylogin.store.user_search import Search

RESET_LIFETIME, VERIFICATION_LIFETIME = timedelta(hours=12), timedelta(days=1)
CODE_CHARACTERS, CODE_DIGITS = 8, 6
EMAIL, RECORD_KEYS = "email", ("email", "phone")

Arguments = Mapping[str, object]


async def forgot_password(call: Call, services: Services, given: Arguments) -> object:
    """Mail a code for a new password. The answer does not show whether the user exists."""
    wanted = given.get("email")
    if wanted is None:
        raise invalid_argument("email must be set")
    check_storable(wanted)
    user = await services.store.run(
        lambda tx: _find_by_email(tx, call.app.name, str(wanted)), write=False
    )
    if user is not None and user.record is not None:
        expires_at = call.now.replace(microsecond=0) + RESET_LIFETIME
        seconds = int(expires_at.timestamp())
        code = _reset_code(call, user, seconds)
        parameters = {"code": code, "user_id": user.id, "expire_at": seconds}
        link = f"reset-password?{urlencode(parameters)}"
        text = f"Set a new password with this link: {link}"
        _add_mail(
            call,
            services,
            user,
            EMAIL,
            kind=RESET,
            code=code,
            expires_at=expires_at,
            link=link,
            text=text,
        )
    return OK


async def _find_by_email(tx: Transaction, app: str, email: str) -> User | None:
    """Return the user with this e-mail; its case is ignored if it is in AUTH_RECORD_KEYS."""
    user_id = await login_batch.find_user_id(tx, app, (EMAIL,), {EMAIL: email})
    if user_id is not None:
        return (await users.load(tx, app, [user_id])).get(user_id)
    page = await user_search.find(tx, app, Search(field=EMAIL, value=email, limit=1))
    return next(iter(page.users), None)


def _reset_code(call: Call, user: User, expire_at: int) -> str:
    """Return a code that is valid until the password changes or the user logs in."""
    data = user.record.data if user.record else {}
    parts = (user.id, data.get(EMAIL), expire_at, user.password_hash, data.get(LAST_LOGIN_AT))
    key, text = call.app.master_key.encode(), "\0".join(map(str, parts)).encode()
    return hmac.digest(key, text, hashlib.sha256).hex()[:CODE_CHARACTERS]


async def reset_password(call: Call, services: Services, given: Arguments) -> object:
    """Set a new password, given the code from a mail."""
    for name in ("user_id", "code", "expire_at"):
        if not given.get(name):
            raise invalid_argument(f"{name} must be set")
    check_storable(given["user_id"])
    user = await _find_user(call, services, str(given["user_id"]))
    expire_at = _seconds(given["expire_at"])
    is_valid = user is not None and hmac.compare_digest(
        _reset_code(call, user, expire_at).encode(), str(given["code"]).encode()
    )
    if user is None or not is_valid or call.now.timestamp() > expire_at:
        message = "user_id is not found or code invalid"
        raise SkygearError(RESOURCE_NOT_FOUND, message)
    password = given.get("new_password")
    if not password or not isinstance(password, str):
        raise invalid_argument("empty password", "password")
    if not await auth.set_password(call, services, user, password, {}):
        raise SkygearError(RESOURCE_NOT_FOUND, "user_id is not found or code invalid")
    for mail in call.app.outbox.all():
        if (mail.kind, mail.code) == (RESET, given["code"]):
            mail.used = True
    return OK


def _seconds(value: object) -> int:
    try:
        seconds = int(value)  # type: ignore[call-overload]
    except (TypeError, ValueError, OverflowError):
        raise invalid_argument("expire_at must be set") from None
    return int(seconds)


async def request_verification(call: Call, services: Services, given: Arguments) -> object:
    """Mail a code to the address in one of the caller's fields."""
    user, key = await _caller(call, services), given.get("record_key")
    if not isinstance(key, str) or key not in RECORD_KEYS:
        raise invalid_argument(f"record_key `{key}` is not configured to verify")
    if not (user.record and user.record.data.get(key)):
        message = f"there is nothing to verify for record_key `{key}` with auth_id `{user.id}`"
        raise invalid_argument(message)
    _mail_code(call, services, user, key)
    return None


async def verify_new_user(call: Call, services: Services, user_id: str) -> None:
    """Mail a code to each address of a new user who is not verified."""
    user = await _find_user(call, services, user_id)
    data = user.record.data if user is not None and user.record is not None else {}
    if user is None or data.get(auth.VERIFIED) is True:
        return
    for key in RECORD_KEYS:
        if data.get(key):
            _mail_code(call, services, user, key)


def _mail_code(call: Call, services: Services, user: User, key: str) -> None:
    code = "".join(secrets.choice("0123456789") for _ in range(CODE_DIGITS))
    link = f"user/verify-code/form?{urlencode({'code': code, 'auth_id': user.id})}"
    _add_mail(
        call,
        services,
        user,
        key,
        kind=VERIFICATION,
        code=code,
        expires_at=call.now + VERIFICATION_LIFETIME,
        link=link,
        text=f"Your code is {code}",
    )


async def verify_code(call: Call, services: Services, given: Arguments) -> object:
    """Mark the caller as verified, given the code from a mail."""
    user, code = await _caller(call, services), given.get("code")
    mail = call.app.outbox.find_verification(user.id, str(code))
    if mail is None or mail.used:
        raise invalid_argument(f"the code `{code}` is not valid for user `{user.id}`")
    if user.record is None or str(user.record.data.get(mail.record_key)) != mail.to:
        message = "the user data has since been modified, a new verification is required"
        raise invalid_argument(message)
    if mail.expires_at < call.now:
        raise invalid_argument("the code has expired")
    mail.used = True
    await _save(call, services, user, {f"{mail.record_key}_verified": True, auth.VERIFIED: True})
    return None


async def _save(call: Call, services: Services, user: User, fields: Arguments) -> None:
    """Save fields of a user with the rights of the master key, like the plugin."""
    context = SaveContext(
        actor=Actor(has_master_key=True),
        database_id=PUBLIC_DATABASE,
        now=call.now,
        rules=AccessRules(),
        key_sets=services.settings.auth_record_keys,
        documented=False,
        atomic=True,
    )
    given = [record_json.read_fields(RecordId(USER_TYPE, user.id), fields)]
    await record.save_given(call, services, given, context, may_extend=True)


async def _caller(call: Call, services: Services) -> User:
    user = await _find_user(call, services, call.user_id) if call.user_id else None
    if user is None:
        message = "You must log in to perform this action."
        raise SkygearError(NOT_AUTHENTICATED, message)
    return user


async def _find_user(call: Call, services: Services, user_id: str) -> User | None:
    return await services.lookups.submit(Lookup(call.app.name, user_id))


def _add_mail(call: Call, services: Services, user: User, key: str, **mail: Any) -> None:
    """Add a mail to the address in the user's field *key* to the outbox."""
    assert user.record is not None
    to, new_id = str(user.record.data[key]), services.ids.timed_id(services.now())
    call.app.outbox.add(Mail(new_id, call.now, to=to, user_id=user.id, record_key=key, **mail))
