"""Import an app of the original: first check everything, then write it in batches.

Both passes read the same snapshot of the original. A batch is one transaction. Rows that were
already imported are skipped, so an import that was killed can simply be run again.
"""

from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace
from typing import Any

from skylogin import passwords
from skylogin.database import Store, Transaction
from skylogin.domain import importing
from skylogin.domain.importing import Report
from skylogin.domain.skygear import LEFT_BEHIND, Skygear
from skylogin.domain.stored_names import USER_TYPE
from skylogin.domain.subject import CHARACTERS_MAX
from skylogin.domain.unique_keys import KeySet
from skylogin.errors import SkygearError
from skylogin.operations import apps as app_operations
from skylogin.operations.exports import Progress
from skylogin.operations.import_pass import ImportPass, Place
from skylogin.operations.operator import Operator, RefusedError
from skylogin.store import apps, imports, skygear
from skylogin.store.apps import KeysTakenError
from skylogin.store.imports import ImportRun
from skylogin.store.skygear import NotSkygearError

ACT = "app.import_skygear"
# An old migration of the original made this account in every database.
FIRST_ADMIN, FIRST_PASSWORD = "admin", "secret"


class UnclearError(RefusedError):
    """Nothing was written, because something is unclear. *report* says what."""

    def __init__(self, report: Report, kinds: Sequence[str]) -> None:
        unclear = [f"{report.unclear[kind].number:,} {kind}" for kind in kinds]
        options = " ".join(f"--skip {kind}" for kind in kinds)
        super().__init__(f"nothing was written: {', '.join(unclear)}. See above, or add {options}")
        self.report = report


@dataclass(frozen=True, slots=True)
class Wanted:
    """What to import into which app. *is_empty*: the database here has no tables yet."""

    app_name: str
    into: str
    skip: Collection[str] = ()
    is_dry: bool = False
    is_empty: bool = False


async def _check_source(source: Store, app_name: str) -> None:
    """Raise RefusedError, in one line, if the database of the original cannot be read."""
    try:
        await source.run(lambda tx: skygear.describe(tx, app_name), write=False, snapshot=True)
    except NotSkygearError as error:
        raise RefusedError(str(error)) from None
    except SkygearError as error:
        text = error.explanation.replace("the database", "the Skygear database", 1)
        raise RefusedError(text) from error


async def load(operator: Operator, source: Store, wanted: Wanted, progress: Progress) -> Report:
    """Import an app, and return the report. *progress* counts the rows of both passes.

    Raises RefusedError if the original cannot be read, and UnclearError.
    """
    await _check_source(source, wanted.app_name)
    run_id = operator.ids.timed_id(operator.server_now())

    async def work(tx: Transaction) -> Report:
        described = await skygear.describe(tx, wanted.app_name)
        key_sets = described.key_sets or operator.settings.auth_record_keys
        number = total = await skygear.count(tx, described)
        if not wanted.is_dry:
            # The unique keys are written last.
            users = await skygear.count_rows(tx, described, USER_TYPE)
            total = 2 * number + len(key_sets) * users
        store = None if wanted.is_empty else operator.store
        place = Place(wanted.into, key_sets, store, lambda done: progress(done, total))
        report = await _check(operator, tx, described, wanted, place)
        if wanted.is_dry:
            progress(total, total)
            return report
        refused = report.refused(wanted.skip)
        if refused:
            raise UnclearError(report, refused)
        await _prepare(operator, wanted, key_sets)
        now = operator.now()
        run = ImportRun(run_id, described.origin, now, now, None, number, total, None)
        await operator.store.run(lambda tx: imports.start(tx, wanted.into, run))

        async def advance(tx: Transaction, done: int) -> None:
            await imports.advance(tx, wanted.into, run_id, number + done, operator.now())

        place = replace(
            place,
            store=operator.store,
            show=lambda done: progress(number + done, total),
            advance=advance,
        )
        report = replace(report, rows={}, records={}, unclear={})
        await ImportPass(tx, described, place, report).run()
        await _finish(operator, described.origin, wanted.into, run_id, report)
        progress(total, total)
        return report

    return await source.run(work, write=False, snapshot=True)


async def _finish(operator: Operator, origin: str, app: str, run_id: str, report: Report) -> None:
    """Store the end of an import, and add the import to the audit log."""
    body = report.body()

    async def finish(tx: Transaction) -> None:
        await imports.finish(tx, app, run_id, body, operator.now())

    details = {name: body[name] for name in ("app_name", "rows", "logins")}
    await operator.act(app, ACT, origin, finish, details)


async def _check(
    operator: Operator, tx: Transaction, source: Skygear, wanted: Wanted, place: Place
) -> Report:
    report = Report(source.app_name, wanted.into, wanted.is_dry)
    if source.postgis is None:
        report.doubt("locations", source.schema)
    check = ImportPass(tx, source, place, report)
    await check.run()
    await _describe_rest(tx, source, report)
    report.long_subjects = check.reader.long_subjects
    report.notes += await _notes(operator, tx, source, report)
    return report


async def _prepare(operator: Operator, wanted: Wanted, key_sets: Sequence[KeySet]) -> None:
    """Create the app if it is missing, and what every app has from the start."""
    app = wanted.into
    if app != operator.settings.app_name:
        known = await operator.store.run(lambda tx: apps.load(tx, app), write=False)
        if known is None:
            await app_operations.create(operator, app)
    try:
        await operator.store.run(lambda tx: apps.prepare(tx, app, key_sets))
    except KeysTakenError as error:
        raise RefusedError(str(error)) from None


async def _describe_rest(tx: Transaction, source: Skygear, report: Report) -> None:
    """Report how many users log in which way, and what is not imported."""
    report.logins = {
        "custom_token": await skygear.count_rows(tx, source, "_sso_custom_token"),
        "password": await skygear.count_rows(tx, source, "_auth", "password IS NOT NULL"),
        "oauth": await skygear.count_rows(tx, source, "_sso_oauth"),
        "anonymous": await skygear.count_anonymous(tx, source),
    }
    for name, what in LEFT_BEHIND.items():
        number = await skygear.count_rows(tx, source, name)
        if number:
            report.stays.append((number, what))
    for name in source.others:
        report.stays.append((1, f"the table {name}, which has no records"))


async def _notes(operator: Operator, tx: Transaction, source: Skygear, report: Report) -> list[str]:
    """Return what the operator has to set or should know."""
    settings, found = operator.settings, list[str]()
    others = [
        f"{number:,} {name.replace('_', ' ')}" for name, number in report.logins.items() if number
    ]
    if report.needs_all_logins:
        found.append(f"set SKYLOGIN_LOGINS=all: users log in by {', '.join(others)}")
    if report.long_subjects:
        found.append(
            f"set SKYLOGIN_CONTRACT=original: {report.long_subjects:,} subjects have more than "
            f"{CHARACTERS_MAX} characters, and the contract `documented` refuses them"
        )
    seen = await skygear.count_rows(tx, source, "_auth", "last_seen_at IS NOT NULL")
    if report.into != settings.app_name:
        found.append(
            f"the open access tokens of up to {seen:,} users end: {report.into} is not the "
            "default app, and each app has a key of its own"
        )
    else:
        found.append(
            f"the open access tokens of up to {seen:,} users stay valid with the old TOKEN_STORE "
            "and TOKEN_STORE_SECRET; if the old server had no TOKEN_STORE_SECRET, it used its "
            "MASTER_KEY: set TOKEN_STORE_SECRET to that"
        )
        if source.app_name != settings.app_name:
            found.append(f"run the server with APP_NAME={settings.app_name}, as this import")
    if settings.token_store_secret and settings.token_store_secret == settings.master_key:
        found.append(
            "TOKEN_STORE_SECRET is the master key, so one leak exposes both; give it another value "
            "when the open access tokens may end"
        )
    if source.key_sets and set(source.key_sets) != set(settings.auth_record_keys):
        sets = ",".join(
            names[0] if len(names) == 1 else f"({','.join(names)})" for names in source.key_sets
        )
        found.append(f"set AUTH_RECORD_KEYS={sets}, as the old database has them")
    hashed: Any = await skygear.find_password(tx, source, FIRST_ADMIN)
    if hashed and await passwords.matches(FIRST_PASSWORD, hashed):
        found.append(
            f"the user {FIRST_ADMIN!r} has the default password of skygear-server: change it"
        )
    return found


def check_kinds(kinds: Collection[str]) -> None:
    """Raise RefusedError if one of *kinds* cannot be skipped."""
    unknown = sorted(set(kinds) - set(importing.KINDS))
    if unknown:
        raise RefusedError(f"--skip {unknown[0]}: use {', '.join(importing.KINDS)}")
