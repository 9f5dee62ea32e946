"""Applies a seed to an app.

Seeded users are validated like logins, by the same code: field types and unique keys apply.
They have not logged in yet, so they have no login times and no entries in the login log.
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import NoReturn

from skylogin import passwords
from skylogin.apps import names as app_names
from skylogin.apps.registry import MADE_BY_USE_MAX
from skylogin.config import SERVE
from skylogin.database import Transaction
from skylogin.domain import login, subject
from skylogin.domain.field_rules import FieldRules
from skylogin.domain.login import LoginAttempt, LoginChanges, LoginSnapshot
from skylogin.domain.profile import references
from skylogin.domain.stored_names import CUSTOM_TOKEN, EVERY_APP, USER_TYPE
from skylogin.domain.user import Account, User
from skylogin.errors import RetryTransaction, SkygearError
from skylogin.operations.operator import MissingError, Operator
from skylogin.seeds.nodes import SeedError, SeedProblem
from skylogin.seeds.seed import SeedApp, SeedUser
from skylogin.store import access_rules, apps, login_batch, roles, schema, users
from skylogin.store import passwords as stored_passwords
from skylogin.store.apps import StoredApp
from skylogin.store.passwords import NewPassword
from skylogin.tokens.custom_token import DOCUMENTED


async def seed(operator: Operator, app: str, wanted: SeedApp) -> int:
    """Create or update the users of a seed: all of them, or none. Return their number.

    Other users, and profile fields that the seed does not mention, stay. Under
    `skylogin dev` a missing app is made. Raises SeedError if a user cannot be as the seed
    describes them, and MissingError if the app does not exist.
    """
    _check_subjects(wanted, documented=operator.settings.contract == DOCUMENTED)
    hashes = await _hashes(operator, app, wanted.users)
    new_ids = [user.user_id or operator.ids.random_id() for user in wanted.users]

    async def work(tx: Transaction) -> int:
        await _prepare(tx, operator, app)
        await _SeedApplier(tx, operator, app, wanted, hashes, new_ids).apply()
        return len(wanted.users)

    return await operator.act(app, "app.seed", app, work, {"users": len(wanted.users)})


def _check_subjects(wanted: SeedApp, *, documented: bool) -> None:
    """Raise SeedError with every user who could never log in."""
    problems = [
        wanted.problem(number, "sub", problem)
        for number, user in enumerate(wanted.users)
        if user.subject and (problem := subject.problem(user.subject, documented=documented))
    ]
    if problems:
        raise SeedError(problems)


async def _prepare(tx: Transaction, operator: Operator, app: str) -> None:
    """Create the app if it is missing, and what every app has from the start."""
    if app != operator.settings.app_name and await apps.load(tx, app) is None:
        belongs_to = await apps.read_setting(tx, EVERY_APP, apps.DEPLOYMENT)
        is_full = await apps.count_made_by_use(tx) >= MADE_BY_USE_MAX
        if SERVE in (operator.settings.mode, belongs_to) or is_full or not app_names.is_name(app):
            raise MissingError(f"there is no app called {app}")
        await apps.add(tx, StoredApp(app, None, None, operator.now()))
    if await apps.read_setting(tx, app, apps.FIRST_RULES) is None:
        await apps.prepare(tx, app, operator.settings.auth_record_keys)


async def _hashes(operator: Operator, app: str, wanted: Sequence[SeedUser]) -> dict[int, str]:
    """Return the password hash for each user, by their number; a matching one is kept.

    Users with the same password share a hash, because making one is slow.
    """
    numbered = list(enumerate(wanted))
    hashes = {number: user.password_hash for number, user in numbered if user.password_hash}
    with_password = {number: user for number, user in numbered if user.password}
    if not with_password:
        return hashes

    async def load(tx: Transaction) -> tuple[dict[str, Account], dict[str, User]]:
        subjects = {user.subject for user in with_password.values() if user.subject}
        ids = {user.user_id for user in with_password.values() if user.user_id}
        return await login_batch.load_accounts(tx, app, subjects), await users.load(tx, app, ids)

    by_subject, by_id = await operator.store.run(load)
    made: dict[str, str] = {}
    for number, user in with_password.items():
        account = by_subject.get(user.subject)
        stored = account.user if account else by_id.get(user.user_id)
        password, old = user.password or "", stored.password_hash if stored else None
        if old and await passwords.matches(password, old):
            hashes[number] = old
            continue
        if password not in made:
            made[password] = await passwords.make_hash(password)
        hashes[number] = made[password]
    return hashes


@dataclass(slots=True)
class _SeedApplier:
    """Applies a seed to an app, in one transaction."""

    tx: Transaction
    operator: Operator
    app: str
    wanted: SeedApp
    hashes: Mapping[int, str]
    new_ids: Sequence[str]

    async def apply(self) -> None:
        """Apply the seed. Raises SeedError."""
        tx, app, wanted = self.tx, self.app, self.wanted
        if wanted.users:
            accounts = await self._load_accounts()
            changes = await self._decide(accounts)
            all_roles = {role for user in wanted.users for role in user.roles or ()}
            await roles.add_missing(tx, app, all_roles)
            await login_batch.save(tx, app, changes)
            await tx.finish()
            await self._follow_up(changes, accounts)
        if wanted.default_roles is not None:
            await roles.set_default(tx, app, wanted.default_roles)
        if wanted.admin_roles is not None:
            await roles.set_admin(tx, app, wanted.admin_roles)

    def _key(self, number: int) -> str:
        """Return what identifies a user: the subject, or a text that cannot be a subject."""
        user = self.wanted.users[number]
        return user.subject or f"\0{user.user_id}"

    # --- existing users ------------------------------------------------------------

    async def _load_accounts(self) -> dict[str, Account]:
        """Return the users' existing accounts. Raises SeedError on the id of another user."""
        tx, app, wanted = self.tx, self.app, self.wanted.users
        subjects = {user.subject for user in wanted if user.subject}
        accounts = await login_batch.load_accounts(tx, app, subjects)
        ids = {user.user_id for user in wanted if user.user_id}
        by_id = await users.load(tx, app, ids, lock=True)
        left = await users.load_records(tx, app, ids - set(by_id))
        subjects_of = await login_batch.load_subjects(tx, app, ids)
        problems, number_of = [], dict[str, int]()
        for number, user in enumerate(wanted):
            if not user.subject and user.user_id in by_id:
                accounts[self._key(number)] = Account(user.user_id, by_id[user.user_id])
            account = accounts.get(self._key(number))
            problem = _id_problem(user, account, by_id, left, subjects_of)
            first = number_of.setdefault(account.user_id, number) if account else number
            if first != number:
                problem = f"is the same user as users[{first}]"
            if problem:
                problems.append(self.wanted.problem(number, "id", problem))
        if problems:
            await self._refuse(problems, accounts)
        return accounts

    async def _refuse(
        self, problems: Sequence[SeedProblem], accounts: Mapping[str, Account]
    ) -> NoReturn:
        """Raise SeedError, or RetryTransaction if a login made an account meanwhile."""
        missing = {user.subject for user in self.wanted.users if user.subject} - set(accounts)
        if missing and await login_batch.load_accounts(self.tx, self.app, missing):
            raise RetryTransaction
        raise SeedError(problems)

    # --- changes -------------------------------------------------------------------

    async def _decide(self, accounts: dict[str, Account]) -> LoginChanges:
        """Return what changes. Raises SeedError with every user who is refused."""
        tx, app, wanted = self.tx, self.app, self.wanted.users
        now, key_sets = self.operator.now(), self.operator.settings.auth_record_keys
        # Field rules restrict users, not operators.
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
        snapshot = await login_batch.load_with_accounts(tx, app, attempts, accounts, key_sets)
        pairs = {pair for user in wanted for pair in references(user.profile)}
        snapshot.types = await schema.find_types(tx, app, {target for target, _ in pairs})
        snapshot.types |= {USER_TYPE}
        # Seeded users may refer to one another, in any order.
        together = {account.user_id for account in accounts.values()} | set(self.new_ids)
        snapshot.existing |= {(USER_TYPE, user_id) for user_id in together}
        outcomes, changes = login.decide_all(attempts, snapshot)
        seen = replace(
            snapshot,
            fields={**snapshot.fields, **changes.fields},
            key_owners={**snapshot.key_owners, **changes.key_owners},
        )
        problems = [
            self.wanted.problem(number, _field_of(attempts[number], seen), outcome.explanation)
            for number, outcome in enumerate(outcomes)
            if isinstance(outcome, SkygearError)
        ]
        if problems:
            await self._refuse(problems, accounts)
        return changes

    def _new_user(self, number: int) -> User:
        """Return the user to create if there is no account yet."""
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

    # --- what logins do not change -------------------------------------------------

    async def _follow_up(self, changes: LoginChanges, accounts: Mapping[str, Account]) -> None:
        """Set roles, passwords and disabling where they differ from the seed."""
        added: dict[frozenset[str], list[str]] = {}
        revoked: dict[frozenset[str], list[str]] = {}
        for number in range(len(self.wanted.users)):
            account = accounts.get(self._key(number))
            user_id = account.user_id if account else self.new_ids[number]
            saved, is_new = changes.after[user_id], changes.before[user_id] is None
            wanted = self._as_wanted(number, saved)
            has, should_have = frozenset(saved.roles), frozenset(wanted.roles)
            if has - should_have:
                revoked.setdefault(has - should_have, []).append(user_id)
            if should_have - has:
                added.setdefault(should_have - has, []).append(user_id)
            if _disabling(wanted) != _disabling(saved) or (is_new and wanted.disabled):
                await users.set_disabled(self.tx, self.app, wanted)
            if wanted.password_hash:
                is_known = wanted.password_hash == saved.password_hash
                await self._set_password(wanted, is_known=is_known, is_new=is_new)
        for names, user_ids in revoked.items():
            await roles.revoke(self.tx, self.app, user_ids, names)
        for names, user_ids in added.items():
            await roles.assign(self.tx, self.app, user_ids, names)

    def _as_wanted(self, number: int, saved: User) -> User:
        """Return a saved user as the seed describes them."""
        user, wanted = self.wanted.users[number], self._new_user(number)
        if user.disabling is not None:
            saved = saved._replace(
                disabled=wanted.disabled,
                disabled_message=wanted.disabled_message,
                disabled_expiry=wanted.disabled_expiry,
            )
        if user.roles is not None:
            saved = saved._replace(roles=wanted.roles)
        return saved._replace(password_hash=self.hashes.get(number, saved.password_hash))

    async def _set_password(self, user: User, *, is_known: bool, is_new: bool) -> None:
        policy, now = self.operator.settings.password_policy, self.operator.now()
        new = NewPassword(user.id, user.password_hash or "", None, now)
        if not is_known:
            await stored_passwords.put(self.tx, self.app, new)
        if is_new or not is_known:
            await stored_passwords.remember(self.tx, self.app, new, policy)


def _id_problem(
    user: SeedUser,
    account: Account | None,
    by_id: Collection[str],
    left: Collection[str],
    subjects_of: Mapping[str, str],
) -> str:
    """Return why a user cannot have the id of the seed, empty if they can."""
    if not user.user_id:
        return ""
    if account is not None:
        own_id = account.user_id
        return "" if own_id == user.user_id else f"the user with this sub has the id {own_id}"
    if user.user_id in by_id:
        other = subjects_of.get(user.user_id)
        owner = f"the user with the sub {other}" if other else "a user without a sub"
        return f"belongs to {owner}"
    return "belongs to a record whose user is gone" if user.user_id in left else ""


def _disabling(user: User) -> tuple[object, ...]:
    return user.disabled, user.disabled_message, user.disabled_expiry


def _field_of(attempt: LoginAttempt, snapshot: LoginSnapshot) -> str:
    """Return the field that a user is refused for: the first one that fails on its own."""
    account = snapshot.accounts.get(attempt.subject)
    theirs = {attempt.subject: account} if account else {}
    for name, value in (attempt.profile or {}).items():
        alone = attempt._replace(profile={name: value})
        try:
            [outcome], _ = login.decide_all([alone], replace(snapshot, accounts={**theirs}))
        except RetryTransaction:
            continue
        if isinstance(outcome, SkygearError):
            return f"profile.{name}"
    return "profile"
