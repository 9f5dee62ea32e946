"""Seeds: put the users of a seed into an app, and make a seed of the users who are there.

A user comes in by the same code as at a login, so that the profile, its types and what is
unique are as they would be; but nobody has logged in: there is no time and nothing in the
journal.
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import NoReturn

from skylogin import passwords
from skylogin.apps import names as app_names
from skylogin.apps.registry import MADE_BY_USE_MAX
from skylogin.config import SERVE
from skylogin.database import Transaction
from skylogin.domain import login, record_json
from skylogin.domain.field_rules import FieldRules
from skylogin.domain.login import LoginAttempt, LoginChanges, LoginSnapshot
from skylogin.domain.profile import references
from skylogin.domain.stored_names import CUSTOM_TOKEN, EVERY_APP, LAST_LOGIN_AT, USER_TYPE
from skylogin.domain.user import Account, Field, User
from skylogin.encoding.json_text import JsonValue
from skylogin.encoding.rfc3339 import on_wire
from skylogin.errors import RetryTransaction, SkygearError
from skylogin.operations.operator import MissingError, Operator, RefusedError
from skylogin.seeds.document import SeedProblem
from skylogin.seeds.reader import USERS_MAX, SeedApp, SeedUser, is_hash
from skylogin.store import access_rules, apps, fields, login_batch, record_types, roles, users
from skylogin.store import passwords as stored_passwords
from skylogin.store.apps import StoredApp
from skylogin.store.passwords import NewPassword
from skylogin.tokens.custom_token import SUBJECT_BYTES_MAX

USERS_AT_ONCE = 1000
# Kinds of fields whose values no seed can set.
_LEFT_OUT = frozenset(("asset", "unknown", "acl"))


class SeedRefusedError(RefusedError):
    """A seed that does not go with what is there; *faults* say why, each with its place."""

    def __init__(self, faults: Sequence[SeedProblem]) -> None:
        super().__init__("\n".join(str(fault) for fault in faults))
        self.faults = faults


async def seed(operator: Operator, app: str, wanted: SeedApp) -> int:
    """Make the users of a seed, or lay it over those who are there: all of it, or nothing.

    What it does not say stays: other users, other fields of a profile. Under `skylogin dev` an
    app that is not there is made. Returns the number of users. Raises SeedRefusedError where a
    user cannot be as wanted, and MissingError without the app.
    """
    hashes = await _hashes(operator, app, wanted.users)
    new_ids = [user.user_id or operator.ids.random_id() for user in wanted.users]

    async def work(tx: Transaction) -> int:
        await _prepare(tx, operator, app)
        sowing = _SeedApplier(tx, operator, app, wanted, hashes, new_ids)
        await sowing.sow()
        return len(wanted.users)

    return await operator.act(app, "app.seed", app, work, {"users": len(wanted.users)})


async def _prepare(tx: Transaction, operator: Operator, app: str) -> None:
    """Make the app where it is missing, and what every app has from the start."""
    if app != operator.settings.app_name and await apps.load(tx, app) is None:
        belongs_to = await apps.read_setting(tx, EVERY_APP, apps.DEPLOYMENT)
        is_full = await apps.count_made_by_use(tx) >= MADE_BY_USE_MAX
        if SERVE in (operator.settings.mode, belongs_to) or is_full or not app_names.is_name(app):
            raise MissingError(f"there is no app called {app}")
        await apps.add(tx, StoredApp(app, None, None, operator.now()))
    if await apps.read_setting(tx, app, apps.FIRST_RULES) is None:
        await apps.prepare(tx, app, operator.settings.auth_record_keys)


async def _hashes(operator: Operator, app: str, wanted: Sequence[SeedUser]) -> dict[int, str]:
    """Return the hash that each user is to have, by their number; one that fits is kept.

    Those with one password share a hash, because making it takes long.
    """
    numbered = list(enumerate(wanted))
    hashes = {number: user.password_hash for number, user in numbered if user.password_hash}
    with_password = {number: user for number, user in numbered if user.password}
    if not with_password:
        return hashes

    async def look(tx: Transaction) -> tuple[dict[str, Account], dict[str, User]]:
        subjects = {user.subject for user in with_password.values() if user.subject}
        ids = {user.user_id for user in with_password.values() if user.user_id}
        return await login_batch.load_accounts(tx, app, subjects), await users.load(tx, app, ids)

    by_subject, by_id = await operator.store.run(look)
    made: dict[str, str] = {}
    for number, user in with_password.items():
        account = by_subject.get(user.subject)
        there = account.user if account else by_id.get(user.user_id)
        password, old = user.password or "", there.password_hash if there else None
        if old and await passwords.matches(password, old):
            hashes[number] = old
            continue
        if password not in made:
            made[password] = await passwords.make_hash(password)
        hashes[number] = made[password]
    return hashes


@dataclass(slots=True)
class _SeedApplier:
    """A seed on its way into an app, in one transaction."""

    tx: Transaction
    operator: Operator
    app: str
    wanted: SeedApp
    hashes: Mapping[int, str]
    new_ids: Sequence[str]

    async def sow(self) -> None:
        """Do all of it. Raises SeedRefusedError."""
        tx, app, wanted = self.tx, self.app, self.wanted
        if wanted.users:
            accounts = await self._load_accounts()
            changes = await self._decide(accounts)
            await roles.add_missing(tx, app, self._all_roles())
            await login_batch.save(tx, app, changes)
            await tx.finish()
            await self._follow_up(changes, accounts)
        if wanted.default_roles is not None:
            await roles.set_default(tx, app, wanted.default_roles)
        if wanted.admin_roles is not None:
            await roles.set_admin(tx, app, wanted.admin_roles)

    def _key(self, number: int) -> str:
        """Return what tells a user apart: the subject, or what no subject can be."""
        user = self.wanted.users[number]
        return user.subject or f"\0{user.user_id}"

    def _all_roles(self) -> set[str]:
        return {role for user in self.wanted.users for role in user.roles or ()}

    # --- who is there --------------------------------------------------------------

    async def _load_accounts(self) -> dict[str, Account]:
        """Return the accounts that are there. Raises SeedRefusedError where they are others'."""
        tx, app, wanted = self.tx, self.app, self.wanted.users
        subjects = {user.subject for user in wanted if user.subject}
        accounts = await login_batch.load_accounts(tx, app, subjects)
        ids = {user.user_id for user in wanted if user.user_id}
        by_id = await users.load(tx, app, ids, lock=True)
        left = await users.load_records(tx, app, ids - set(by_id))
        subjects_of = await login_batch.load_subjects(tx, app, ids)
        faults, number_of = [], dict[str, int]()
        for number, user in enumerate(wanted):
            if not user.subject and user.user_id in by_id:
                accounts[self._key(number)] = Account(user.user_id, by_id[user.user_id])
            account = accounts.get(self._key(number))
            why = _why_not(user, account, by_id, left, subjects_of)
            first = number_of.setdefault(account.user_id, number) if account else number
            if first != number:
                why = f"is the user of users[{first}]"
            if why:
                faults.append(self.wanted.fault(number, "id", why))
        if faults:
            await self._refuse(faults, accounts)
        return accounts

    async def _refuse(
        self, faults: Sequence[SeedProblem], accounts: Mapping[str, Account]
    ) -> NoReturn:
        """Raise SeedRefusedError, unless somebody came in since we looked who is there."""
        missing = {user.subject for user in self.wanted.users if user.subject} - set(accounts)
        if missing and await login_batch.load_accounts(self.tx, self.app, missing):
            raise RetryTransaction
        raise SeedRefusedError(faults)

    # --- what becomes of them ------------------------------------------------------

    async def _decide(self, accounts: dict[str, Account]) -> LoginChanges:
        """Return what changes. Raises SeedRefusedError with every user who cannot be so."""
        tx, app, wanted = self.tx, self.app, self.wanted.users
        now, key_sets = self.operator.now(), self.operator.settings.auth_record_keys
        # An operator may write what the rules for fields keep a user from.
        rules = replace(await access_rules.load(tx, app), fields=FieldRules())
        attempts = [
            LoginAttempt(
                subject=self._key(number),
                profile=user.profile,
                now=now,
                new_user=self._new_user(number),
                may_extend=True,
                kind=CUSTOM_TOKEN if user.subject else "",
                access=rules,
                seeded=True,
            )
            for number, user in enumerate(wanted)
        ]
        snapshot = await login_batch.load_around(tx, app, attempts, accounts, key_sets)
        pairs = {pair for user in wanted for pair in references(user.profile)}
        snapshot.types = await record_types.find(tx, app, {target for target, _ in pairs})
        snapshot.types |= {USER_TYPE}
        # Users may refer to one another, whoever comes first.
        together = {account.user_id for account in accounts.values()} | set(self.new_ids)
        snapshot.existing |= {(USER_TYPE, user_id) for user_id in together}
        outcomes, changes = login.decide_all(attempts, snapshot)
        seen = replace(
            snapshot,
            fields={**snapshot.fields, **changes.fields},
            key_owners={**snapshot.key_owners, **changes.key_owners},
        )
        faults = [
            self.wanted.fault(number, _field_of(attempts[number], seen), outcome.explanation)
            for number, outcome in enumerate(outcomes)
            if isinstance(outcome, SkygearError)
        ]
        if faults:
            await self._refuse(faults, accounts)
        return changes

    def _new_user(self, number: int) -> User:
        """Return who is made where nobody is there."""
        user, hashed = self.wanted.users[number], self.hashes.get(number)
        disabling = user.disabling
        return User(
            self.new_ids[number],
            roles=user.roles or (),
            password_hash=hashed,
            token_valid_since=self.operator.now() if hashed else None,
            disabled=disabling.disabled if disabling else False,
            disabled_message=disabling.message if disabling else None,
            disabled_expiry=disabling.until if disabling else None,
        )

    # --- what a login does not do --------------------------------------------------

    async def _follow_up(self, changes: LoginChanges, accounts: Mapping[str, Account]) -> None:
        """Set roles, passwords and who is disabled, where that is not as it should be yet."""
        given: dict[frozenset[str], list[str]] = {}
        taken: dict[frozenset[str], list[str]] = {}
        for number in range(len(self.wanted.users)):
            account = accounts.get(self._key(number))
            user_id = account.user_id if account else self.new_ids[number]
            saved, is_new = changes.after[user_id], changes.before[user_id] is None
            wanted = self._as_wanted(number, saved)
            has, shall_have = frozenset(saved.roles), frozenset(wanted.roles)
            if has - shall_have:
                taken.setdefault(has - shall_have, []).append(user_id)
            if shall_have - has:
                given.setdefault(shall_have - has, []).append(user_id)
            if _shut_out(wanted) != _shut_out(saved) or (is_new and wanted.disabled):
                await users.set_disabled(self.tx, self.app, wanted)
            if wanted.password_hash:
                is_known = wanted.password_hash == saved.password_hash
                await self._set_password(wanted, is_known=is_known, is_new=is_new)
        for names, user_ids in taken.items():
            await roles.revoke(self.tx, self.app, user_ids, names)
        for names, user_ids in given.items():
            await roles.assign(self.tx, self.app, user_ids, names)

    def _as_wanted(self, number: int, saved: User) -> User:
        """Return a user with all that the seed says of them."""
        user, wanted = self.wanted.users[number], self._new_user(number)
        if user.disabling is not None:
            saved = replace(
                saved,
                disabled=wanted.disabled,
                disabled_message=wanted.disabled_message,
                disabled_expiry=wanted.disabled_expiry,
            )
        if user.roles is not None:
            saved = replace(saved, roles=wanted.roles)
        return replace(saved, password_hash=self.hashes.get(number, saved.password_hash))

    async def _set_password(self, user: User, *, is_known: bool, is_new: bool) -> None:
        policy, now = self.operator.settings.password_policy, self.operator.now()
        new = NewPassword(user.id, user.password_hash or "", None, now)
        if not is_known:
            await stored_passwords.put(self.tx, self.app, new)
        if is_new or not is_known:
            await stored_passwords.remember(self.tx, self.app, new, policy)


def _why_not(
    user: SeedUser,
    account: Account | None,
    by_id: Collection[str],
    left: Collection[str],
    subjects_of: Mapping[str, str],
) -> str:
    """Return why a user cannot have the id that a seed wants, nothing where they can."""
    if not user.user_id:
        return ""
    if account is not None:
        return "" if account.user_id == user.user_id else f"this sub is {account.user_id} already"
    if user.user_id in by_id:
        other = subjects_of.get(user.user_id)
        return f"is that of the sub {other}" if other else "is that of a user without a sub"
    return "is that of a record whose user is gone" if user.user_id in left else ""


def _shut_out(user: User) -> tuple[object, ...]:
    return user.disabled, user.disabled_message, user.disabled_expiry


def _field_of(attempt: LoginAttempt, snapshot: LoginSnapshot) -> str:
    """Return the field for which a user is refused: the first that is refused alone."""
    account = snapshot.accounts.get(attempt.subject)
    theirs = {attempt.subject: account} if account else {}
    for name, value in (attempt.profile or {}).items():
        alone = replace(attempt, profile={name: value})
        try:
            [outcome], _ = login.decide_all([alone], replace(snapshot, accounts={**theirs}))
        except RetryTransaction:
            continue
        if isinstance(outcome, SkygearError):
            return f"profile.{name}"
    return "profile"


# --- the other way -----------------------------------------------------------------


async def export(operator: Operator, app: str) -> dict[str, object]:
    """Return a seed of the app, as JSON has it: its users by subject, and its special roles.

    Hashes of passwords are in it. Records of other types are not, nor what refers to them, nor
    when anybody logged in. Raises RefusedError where there are too many users for a seed.
    """

    async def note(tx: Transaction) -> None:
        """What leaves is in the audit list before it does."""

    await operator.act(app, "app.export", app, note, {"as": "seed"})

    async def read(tx: Transaction) -> dict[str, object]:
        everyone = await _load_everyone(tx, app)
        known = await fields.read(tx, app, USER_TYPE)
        subjects = await login_batch.load_subjects(tx, app, everyone)
        bodies = [
            _user_body(user, subjects.get(user.id, ""), known, everyone)
            for user in everyone.values()
        ]
        return {
            "admin_roles": list(await roles.load_admin(tx, app)),
            "default_roles": list(await roles.load_default(tx, app)),
            "users": sorted(bodies, key=lambda body: (str(body.get("sub", "")), str(body["id"]))),
        }

    return await operator.store.run(read, write=False, snapshot=True)


async def _load_everyone(tx: Transaction, app: str) -> dict[str, User]:
    everyone: dict[str, User] = {}
    last = ""
    while True:
        page = await users.load_after(tx, app, last, USERS_AT_ONCE)
        everyone |= {user.id: user for user in page}
        if len(everyone) > USERS_MAX:
            raise RefusedError(
                f"a seed has at most {USERS_MAX:,} users: `skylogin apps export` takes them all"
            )
        if len(page) < USERS_AT_ONCE:
            return everyone
        last = page[-1].id


def _user_body(
    user: User, subject: str, known: Mapping[str, Field], everyone: Collection[str]
) -> dict[str, object]:
    body: dict[str, object] = {"sub": subject} if _is_subject(subject) else {}
    body["id"] = user.id
    body["profile"] = _profile(user, known, everyone)
    body["roles"] = list(user.roles)
    if user.password_hash and is_hash(user.password_hash):
        body["password_hash"] = user.password_hash
    body["disabled"] = _disabled(user)
    return body


def _is_subject(subject: str) -> bool:
    return 0 < len(subject.encode()) <= SUBJECT_BYTES_MAX


def _profile(
    user: User, known: Mapping[str, Field], everyone: Collection[str]
) -> dict[str, object]:
    """Return a profile in the form of the wire, without what no seed can set."""
    if user.record is None:
        return {}
    kept = {
        name: value
        for name, value in user.record.data.items()
        if name != LAST_LOGIN_AT
        and value is not None
        and name in known
        and _can_be_seeded(value, known[name], everyone)
    }
    body = record_json.record_body(user.record, known, kept)
    return {name: value for name, value in body.items() if name in kept}


def _can_be_seeded(value: JsonValue, field: Field, everyone: Collection[str]) -> bool:
    if field.kind == "reference":
        return field.target == USER_TYPE and value in everyone
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
