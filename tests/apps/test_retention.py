"""A simulated month keeps every table, and the token directory, within the bounds of the docs."""

import json
from datetime import timedelta
from pathlib import Path

import pytest
from skylogin.actions.services import Services
from skylogin.apps.attempt_limits import AttemptLimits
from skylogin.database.tables import metadata
from skylogin.operations import operator as operators
from skylogin.operations import portal_sessions, refused_attempts, secrets
from skylogin.operations.operator import Operator
from skylogin.operations.portal_sessions import WrongPasswordError
from skylogin.tokens import stored_tokens

from tests.factories import NOW, make_token
from tests.stores import Ask, Clock, MakeOperator, MakeServices, Query

APP, PASSWORD = "myapp", "a password of the portal"
DAYS, ROUNDS_A_DAY = 30, 8
SUBJECTS = 5
LOG_ROWS, AUDIT_ROWS, REFUSED_ROWS, SESSIONS = 60, 40, 10, 6
TOKEN_SECONDS = 6 * 3600
ROUND = timedelta(days=1) / ROUNDS_A_DAY

# The most rows that a table may have after any day. The others have the application's data.
BOUNDS = {
    # They are dropped 256 at once, or as many as it may have.
    "journal": 2 * LOG_ROWS + 1,
    # Of nine days: an accepted login and a refused one each.
    "login_counts": 9 * ROUNDS_A_DAY * 2,
    "operator_sessions": SESSIONS,
    # The acts on the app and those on all apps, and refused passwords.
    "operator_audit": 2 * AUDIT_ROWS + REFUSED_ROWS,
    "secret_uses": 400,
    "custom_token_secrets": 400,
    "password_history": 1,
    "settings": 20,
    "users": SUBJECTS,
    "principals": SUBJECTS,
    "records": SUBJECTS,
    "auth_keys": SUBJECTS,
    "devices": SUBJECTS,
}


@pytest.fixture
def small_bounds(monkeypatch: pytest.MonkeyPatch) -> None:
    """Bounds that a month reaches."""
    monkeypatch.setattr(operators, "ROWS_KEPT", AUDIT_ROWS)
    monkeypatch.setattr(operators, "TRIMS", "")
    monkeypatch.setattr(refused_attempts, "ROWS_KEPT", REFUSED_ROWS)
    monkeypatch.setattr(portal_sessions, "SESSIONS_MAX", SESSIONS)


@pytest.fixture
def tokens(tmp_path: Path) -> Path:
    """The directory of the access tokens, with files that are not ours or that do not end."""
    folder = tmp_path / "tokens"
    folder.mkdir()
    names = [f"00000000-0000-4000-8000-00000000000{number}" for number in range(4)]
    ended = {"expiredAt": 1, "issuedAt": 1, "authInfoID": "alice"}
    others = {
        "notes.txt": "a file of another program",
        names[0]: "a file of another program",
        names[1]: json.dumps({**ended, "accessToken": names[1], "appName": "another app"}),
        names[2]: json.dumps({**ended, "accessToken": names[3], "appName": APP}),
        names[3]: json.dumps({**ended, "accessToken": names[3], "appName": APP, "expiredAt": 0}),
    }
    for name, text in others.items():
        (folder / name).write_text(text)
    (folder / names[0].replace("8000", "9000")).mkdir()
    return folder


@pytest.mark.heavy
@pytest.mark.usefixtures("small_bounds")
async def test_a_month_keeps_every_table_bounded(  # noqa: PLR0913, PLR0917
    make_services: MakeServices,
    make_operator: MakeOperator,
    ask: Ask,
    query: Query,
    clock: Clock,
    tokens: Path,
) -> None:
    """Logins, refused logins, sign-ins, wrong passwords, acts, secrets and tokens in files."""
    others = files_in(tokens)
    services = await make_services(
        TOKEN_STORE="fs",
        TOKEN_STORE_PATH=str(tokens),
        TOKEN_STORE_EXPIRY=str(TOKEN_SECONDS),
        SKYLOGIN_LOGIN_LOG_ROWS_MAX=str(LOG_ROWS),
    )
    operator = make_operator(SKYLOGIN_ADMIN_PASSWORD=PASSWORD)
    for day in range(DAYS):
        for number in range(ROUNDS_A_DAY):
            clock.moment = NOW + day * timedelta(days=1) + number * ROUND
            await use(services, operator, ask, number)
        await secrets.rotate(operator, APP)
        rows = {
            table: (await query(f"SELECT count(*) FROM {table}"))[0][0] for table in metadata.tables
        }
        too_many = {name: rows[name] for name in BOUNDS if rows[name] > BOUNDS[name]}
        assert too_many == {}, day
        ours = files_in(tokens) - others
        # Valid ones, those of the day after, and what the sweep has not come to.
        assert len(ours) <= 4 * ROUNDS_A_DAY, day

    assert others <= files_in(tokens)
    valid = [path for path in ours if is_valid(path, clock)]
    assert len(valid) >= TOKEN_SECONDS // ROUND.seconds


def files_in(folder: Path) -> set[Path]:
    """Return the paths of the files in *folder*."""
    return set(folder.iterdir())


async def use(services: Services, operator: Operator, ask: Ask, number: int) -> None:
    """Let clients, and an operator, use the server for an hour or so."""
    now = int(services.now().timestamp())
    subject = f"user{number % SUBJECTS}"
    token = make_token(secret="a secret", sub=subject, iat=now, exp=now + 60)
    answer = await ask(services, "sso:custom_token:login", token=token)
    assert answer.status == 200, answer  # noqa: PLR2004
    access_token = answer.body["result"]["access_token"]
    await ask(
        services, "device:register", access_token=access_token, type="ios", id=subject, topic="t"
    )
    await ask(services, "sso:custom_token:login", token=make_token(secret="wrong"))
    await services.app.login_log.flush()

    limits = AttemptLimits()
    await portal_sessions.sign_in(operator, PASSWORD, limits)
    with pytest.raises(WrongPasswordError):
        await portal_sessions.sign_in(operator, "wrong", limits)


def is_valid(path: Path, clock: Clock) -> bool:
    """Return whether the token in a file has not expired."""
    stored = stored_tokens.from_json(path.read_bytes())
    return stored is not None and not stored.has_expired(clock())


@pytest.mark.parametrize("store_url", ["sqlite"], indirect=True)
async def test_counts_end_although_a_clock_was_ahead(
    make_services: MakeServices, ask: Ask, query: Query, clock: Clock
) -> None:
    """Set back, it drops what is old as before."""
    services = await make_services()
    for days in (3650, 0, 1, 20):
        clock.moment = NOW + timedelta(days=days)
        await ask(services, "sso:custom_token:login", token=make_token(secret="wrong"))
        await services.app.login_log.flush()

    minutes = await query("SELECT minute FROM login_counts ORDER BY minute")
    assert [str(minute)[:4] for (minute,) in minutes] == ["2026", "2035"]
