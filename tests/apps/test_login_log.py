"""The details of login attempts in the login log."""

import json
from typing import Any

import pytest
from skylogin.database import Store
from skylogin.database.tables import login_log
from skylogin.domain.login_attempt import Filter, LogEntry
from skylogin.operations import login_attempts, overview, users
from skylogin.operations.operator import Operator
from sqlalchemy import update

from tests.factories import HOUR, SECONDS, make_token
from tests.stores import Ask, MakeServices

APP = "myapp"
LOG_IN = "sso:custom_token:login"
SECRET = "a secret"
# A login reads these members of a location, and ignores the others, even U+0000.
PLACE = {"$type": "geo", "$lng": 1, "$lat": 2, "a\0": "\0"}


def mint(**claims: Any) -> str:
    """Return a token with a valid signature."""
    return make_token(secret=SECRET, **claims)


@pytest.fixture
async def log_entry_of(make_services: MakeServices, ask: Ask, operator: Operator) -> Any:
    """Log in with a token, and return the log entry of the attempt."""

    async def log_entry_of(token: str, **environment: str) -> LogEntry:
        services = await make_services(**environment)
        await ask(services, LOG_IN, token=token)
        await services.app.login_log.flush()
        [latest] = (await login_attempts.find(operator, APP, Filter(), "", 1)).attempts
        return latest

    return log_entry_of


DEEP = '{"sub":"alice","iat":1,"exp":4102444800,"skyprofile":{"a":' + "[" * 500 + "]" * 500 + "}}"
WITH_NUL = {"home": {"$type": "geo", "$lng": 1, "$lat": 2, "a\ufffd": "\ufffd"}}
KEPT: dict[str, tuple[str, str, object, str]] = {
    "a profile": (mint(skyprofile={"age": 5}), "created", {"age": 5}, ""),
    "U+0000 that is ignored": (mint(skyprofile={"home": PLACE}), "created", WITH_NUL, ""),
    "U+0000": (mint(skyprofile={"a": "\0"}), "text_with_nul", {"a": "\ufffd"}, ""),
    "no object": (mint(skyprofile="x"), "claim_of_wrong_type", "x", ""),
    "a long one": (
        mint(skyprofile={"a": "x" * 5000}), "created", None, "it has 5,008 bytes, more than 4,096",
    ),
    "a deep one": (
        make_token(DEEP, secret=SECRET), "created", None, "it is nested deeper than 32 levels",
    ),
    "a number": (mint(skyprofile={"a": 10**200}), "created", {"a": 1e200}, ""),
}  # fmt: skip


@pytest.mark.parametrize(("token", "reason", "profile", "left_out"), KEPT.values(), ids=KEPT)
async def test_the_profile_of_an_attempt_is_kept(
    log_entry_of: Any, token: str, reason: str, profile: object, left_out: str
) -> None:
    """On both databases, for accepted and refused attempts."""
    entry = await log_entry_of(token)

    assert entry.reason == reason
    assert entry.details["claims"].get("skyprofile") == profile
    assert entry.details["profile_left_out"] == left_out


async def test_profiles_are_not_kept_if_the_setting_is_off(log_entry_of: Any) -> None:
    """The rest of the token is kept, as the issuer wrote it."""
    header = {"alg": "HS256", "typ": "JWT", "kid": "k", "jwk": {"k": "a key"}}
    token = mint(header=header, iss="us", skyprofile={"age": 5}, admin=True)

    entry = await log_entry_of(token, SKYLOGIN_LOGIN_LOG_PROFILES="no")

    assert entry.details["header"] == {**header, "jwk": None}
    assert entry.details["claim_names"] == ["sub", "iat", "exp", "iss", "skyprofile", "admin"]
    assert entry.details["claims"] == {
        "sub": "alice", "iss": "us", "iat": SECONDS, "exp": SECONDS + HOUR,
    }  # fmt: skip
    assert entry.details["profile_left_out"] == "SKYLOGIN_LOGIN_LOG_PROFILES is off"


SIGNED: dict[str, tuple[str, str]] = {
    "expired": (mint(exp=SECONDS), "expired"),
    "not yet valid": (mint(nbf=SECONDS + 1), "not_yet_valid"),
    "no subject": (mint(sub=None), "subject_missing"),
    "odd claims": (mint(iat="soon"), "claim_of_wrong_type"),
    "a bad profile": (mint(skyprofile={"a": {"$type": "x"}}), "profile_value_invalid"),
    "a user name that is taken": (mint(skyprofile={"username": "zoe"}), "key_taken"),
    "a disabled user": (mint(sub="bert"), "user_disabled"),
}
UNSIGNED: dict[str, tuple[str, str]] = {
    "another secret": (make_token(secret="another"), "signature_wrong"),
    "another secret, expired": (make_token(secret="another", exp=1), "signature_wrong"),
    "an algorithm that is none": (mint(header={"alg": "none"}), "algorithm_not_accepted"),
    "no token": ("x", "token_malformed"),
}


async def test_a_refused_attempt_tells_which_secret_signed_it(
    make_services: MakeServices, ask: Ask, operator: Operator
) -> None:
    """If one did; a refused attempt does not count as a use of it."""
    services = await make_services()
    for name in ("zoe", "bert"):
        await ask(services, LOG_IN, token=mint(sub=name, skyprofile={"username": name}))
    [bert] = (await login_attempts.find(operator, APP, Filter(subject="bert"))).attempts
    await users.disable(operator, APP, bert.user_id, "")
    accepted = 2

    for cases, secret_id in ((SIGNED, "environment"), (UNSIGNED, "")):
        for name, (token, reason) in cases.items():
            await ask(services, LOG_IN, token=token)
            await services.app.login_log.flush()
            [latest] = (await login_attempts.find(operator, APP, Filter(), "", 1)).attempts
            assert (latest.reason, latest.details["secret_id"]) == (reason, secret_id), name
    # Without the app's key, nothing of the token is read.
    await ask(services, LOG_IN, token=mint(), key="wrong")

    await services.app.login_log.flush()
    signed = await login_attempts.find(operator, APP, Filter(secret_id="environment"))
    assert len(signed.attempts) == len(SIGNED) + accepted
    await services.app.login_log.flush()
    uses = await overview.secret_uses(operator, APP)
    assert {name: sum(use.last_7_days) for name, use in uses.items()} == {"environment": accepted}


async def test_entries_of_an_older_version_are_shown(
    log_entry_of: Any, store: Store, operator: Operator
) -> None:
    """They lack some of the current details."""
    entry = await log_entry_of(mint(header={"alg": "HS256", "kid": "k"}))
    old = json.loads(json.dumps(entry.details))
    for name in ("header", "profile_left_out", "only_contract"):
        del old[name]
    await store.run(lambda tx: tx.connection.execute(update(login_log).values(details=old)))

    found = await login_attempts.get(operator, APP, entry.id)

    assert found.details == {**entry.details, "header": {"alg": "HS256", "kid": "k"}}
