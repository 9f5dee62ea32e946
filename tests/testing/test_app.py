"""What a test of another project gets: an app, its users, what was tried, its clock, its faults."""

import json
import os
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from http import HTTPStatus
from pathlib import Path
from typing import Any

import jwt
import pytest
import requests
from skylogin.testing import (
    AdminError,
    CallRefusedError,
    LoginRefusedError,
    RunningServer,
    SkyloginApp,
    SkyloginServer,
)
from skylogin.tokens.bad_tokens import KINDS

pytestmark = pytest.mark.slow

TIMES = 20
# More than a page has.
MANY = 205
LATENCY_SECONDS = 0.1
LOGIN = "sso:custom_token:login"
SOME_DAY = datetime(2031, 5, 6, 7, 8, 9, tzinfo=UTC)


# --- tokens and logins -----------------------------------------------------------


def test_a_user_logs_in(skylogin: SkyloginApp) -> None:
    """With the profile that their token has."""
    alice = skylogin.login("alice", {"name": "Alice"})

    user = skylogin.users["alice"]
    assert alice.user_id == user.id
    assert alice.profile == {"name": "Alice"} == user.profile
    assert alice.record["_id"] == f"user/{user.id}"
    assert alice.last_login_at is None
    assert user.last_login_at == user.created_at
    assert skylogin.call("me", access_token=alice.access_token)["user_id"] == user.id


def test_the_second_login_tells_of_the_first(skylogin: SkyloginApp) -> None:
    """By the app's clock."""
    skylogin.clock.freeze(SOME_DAY)
    skylogin.login("alice")
    skylogin.clock.advance(hours=1)

    assert skylogin.login("alice").last_login_at == SOME_DAY


@pytest.mark.parametrize("kind", KINDS)
def test_a_bad_token_is_refused(kind: str, skylogin: SkyloginApp) -> None:
    """For the reason that its kind is for, and the journal has it."""
    with pytest.raises(LoginRefusedError) as refusal:
        skylogin.login_with(getattr(skylogin.bad, kind)("alice"))

    reason = str(KINDS[kind].reason)
    assert refusal.value.reason == reason == skylogin.logins.last.reason
    assert kind in dir(skylogin.bad)


def test_a_bad_token_that_nobody_knows(skylogin: SkyloginApp) -> None:
    """Is an attribute that is not there; the error names those that are."""
    with pytest.raises(AttributeError, match=r"'nice'; there are expired, not_yet"):
        skylogin.bad.nice("alice")


def test_a_refused_login_says_everything(skylogin: SkyloginApp) -> None:
    """Status, body, reason and explanation stand in the text; the token does not."""
    skylogin.clock.freeze(SOME_DAY)
    token = skylogin.mint("alice", expires_in=-12)

    with pytest.raises(LoginRefusedError) as refusal:
        skylogin.login_with(token)

    assert str(refusal.value) == (
        "400 BadRequest 107: fails to decode the request payload (expired: expired 12 s ago: "
        "exp is 2031-05-06T07:07:57Z, the server's clock says 2031-05-06T07:08:09Z)"
    )
    assert refusal.value.status == HTTPStatus.BAD_REQUEST
    assert refusal.value.error["name"] == "BadRequest"
    assert refusal.value.explanation.startswith("expired 12 s ago")


def test_claims_and_options_of_a_token(skylogin: SkyloginApp) -> None:
    """More claims are added or replace others, and the algorithm is chosen."""
    token = skylogin.mint("alice", algorithm="HS384", aud="shop", iss="me")
    skylogin.login_with(token)

    assert skylogin.logins.last.algorithm == "HS384"
    assert {"aud", "iss"} < set(skylogin.logins.last.claim_names)
    assert skylogin.logins.last.claims["iss"] == "me"
    assert skylogin.logins.last.profile is None
    assert skylogin.logins.last.header == {"alg": "HS384", "typ": "JWT"}


def test_an_attempt_shows_the_profile_of_its_token(skylogin: SkyloginApp) -> None:
    """And which secret signed it, also where it was refused."""
    skylogin.login("alice", {"age": 5})
    with pytest.raises(LoginRefusedError):
        skylogin.login_with(skylogin.bad.expired("alice", {"age": 6}))

    assert [one.profile for one in skylogin.logins] == [{"age": 5}, {"age": 6}]
    assert len({one.secret_id for one in skylogin.logins} - {""}) == 1


def test_a_call_with_the_master_key(skylogin: SkyloginApp) -> None:
    """And what a client may not, it is told."""
    alice = skylogin.login("alice")
    order = {"auth_id": alice.user_id, "disabled": True, "message": "too loud"}

    with pytest.raises(CallRefusedError, match="401 PermissionDenied"):
        skylogin.call("auth:disable:set", access_token=alice.access_token, **order)
    skylogin.call("auth:disable:set", with_master_key=True, **order)

    with pytest.raises(LoginRefusedError, match="too loud"):
        skylogin.login("alice")


def test_where_the_app_is(skylogin: SkyloginApp, skylogin_server: SkyloginServer) -> None:
    """What is put into the configuration of an app that is tested."""
    assert skylogin.url == f"{skylogin_server.url}/apps/{skylogin.name}/"
    assert skylogin.api_key == "changeme"
    assert skylogin.master_key == "secret"
    assert skylogin.secret == skylogin_server.custom_token_secret
    assert skylogin.secret not in repr(skylogin)


# --- users -----------------------------------------------------------------------


def test_users_are_a_mapping(skylogin: SkyloginApp) -> None:
    """From subjects to users."""
    skylogin.login("alice")
    skylogin.users.add("bob", {"name": "Bob"}, roles=["editor"])

    assert set(skylogin.users) == {"alice", "bob"}
    assert len(skylogin.users) == len(set(skylogin.users))
    assert "alice" in skylogin.users
    assert "ali" not in skylogin.users
    assert skylogin.users.get("carol") is None
    assert skylogin.users["bob"].roles == ("editor",)
    assert skylogin.users["bob"].profile == {"name": "Bob"}
    assert skylogin.login("bob").user_id == skylogin.users["bob"].id
    assert repr(skylogin.users) == "<users: alice, bob>"
    with pytest.raises(KeyError):
        skylogin.users["carol"]


def test_more_users_than_a_page(skylogin: SkyloginApp) -> None:
    """Of one moment, and still in an order; who has no subject is not among them."""
    skylogin.clock.freeze(SOME_DAY)
    subjects = [f"user{number:03}" for number in range(MANY)]
    skylogin.seed({"users": [{"sub": one} for one in reversed(subjects)]})
    skylogin.call("auth:signup", auth_data={"username": "dora"}, password="a password")

    assert list(skylogin.users) == subjects


def test_one_role_is_no_list_of_letters(skylogin: SkyloginApp) -> None:
    """A text in place of a list is refused."""
    with pytest.raises(AdminError, match=r"users\[0\]\.roles: has to be a list"):
        skylogin.users.add("alice", roles="editor")


def test_a_user_is_kept_out_until_a_time(skylogin: SkyloginApp) -> None:
    """With a message; then they are let in again."""
    now = skylogin.clock.freeze(SOME_DAY)
    skylogin.login("alice")

    skylogin.users["alice"].disable("back soon", until=now + timedelta(hours=1))

    user = skylogin.users["alice"]
    assert (user.disabled, user.disabled_message) == (True, "back soon")
    assert user.disabled_until == now + timedelta(hours=1)
    with pytest.raises(LoginRefusedError, match="back soon") as refusal:
        skylogin.login("alice")
    assert refusal.value.reason == "user_disabled"
    skylogin.clock.advance(timedelta(hours=1))
    skylogin.login("alice")


def test_what_is_done_to_a_user(skylogin: SkyloginApp) -> None:
    """The operator's verbs."""
    first = skylogin.login("alice", {"name": "Alice", "age": 7})
    alice = skylogin.users["alice"]

    alice.set_roles("editor", "owner")
    alice.edit(name="Alys", age=None)
    assert skylogin.users["alice"].profile == {"name": "Alys"}
    assert set(skylogin.users["alice"].roles) == {"editor", "owner"}
    alice.disable()
    assert skylogin.users["alice"].disabled
    alice.enable()
    assert not skylogin.users["alice"].disabled
    alice.sign_out()
    with pytest.raises(CallRefusedError, match="401 AccessTokenNotAccepted"):
        skylogin.call("me", access_token=first.access_token)
    alice.delete()
    assert "alice" not in skylogin.users
    assert skylogin.login("alice").user_id != first.user_id


# --- attempts ----------------------------------------------------------------------


def test_what_was_tried(skylogin: SkyloginApp) -> None:
    """Everything, in the order in which it came, whatever the clock said."""
    skylogin.login("alice")
    skylogin.clock.set(SOME_DAY)
    skylogin.login("bob")
    skylogin.clock.advance(days=-5000)
    with pytest.raises(LoginRefusedError):
        skylogin.login_with(skylogin.bad.no_exp("carol"))

    assert [one.subject for one in skylogin.logins] == ["alice", "bob", "carol"]
    assert [one.subject for one in skylogin.logins.accepted] == ["alice", "bob"]
    assert [one.subject for one in skylogin.logins.refused] == ["carol"]
    assert skylogin.logins[0].user_id == skylogin.users["alice"].id
    assert skylogin.logins[-1].reason == "expiry_missing"
    assert [one.subject for one in skylogin.logins[1:]] == ["bob", "carol"]
    assert SOME_DAY <= skylogin.logins[1].at < SOME_DAY + timedelta(minutes=1)
    assert "refused expiry_missing: " in repr(skylogin.logins)


def test_nothing_was_tried(skylogin: SkyloginApp) -> None:
    """Which is an error where an attempt is wanted."""
    assert list(skylogin.logins) == []
    with pytest.raises(LookupError, match="nobody has tried"):
        _ = skylogin.logins.last


def test_more_attempts_than_a_page(skylogin: SkyloginApp) -> None:
    """None is missing."""
    token = skylogin.bad.malformed("alice")
    with ThreadPoolExecutor(8) as threads:
        for _ in range(MANY):
            threads.submit(skylogin.call, LOGIN, token=token)

    assert len(skylogin.logins.refused) == MANY


def test_attempts_are_waited_for(skylogin: SkyloginApp) -> None:
    """One that came already counts, and so does one that comes."""
    skylogin.login("alice")
    later = threading.Timer(0.1, skylogin.login, ["bob"])
    later.start()

    assert skylogin.logins.wait_for("alice").accepted
    assert skylogin.logins.wait_for(subject="bob", accepted=True).reason == "created"
    later.join()


def test_an_attempt_that_never_comes(skylogin: SkyloginApp) -> None:
    """The error lists those that did."""
    with pytest.raises(TimeoutError, match=r"reason='expired' in 0 s; nobody tried to log in"):
        skylogin.logins.wait_for(reason="expired", timeout=0)
    skylogin.login("alice")

    with pytest.raises(TimeoutError, match=r"(?s)accepted=False in 0\.05 s; .*alice  accepted: "):
        skylogin.logins.wait_for("alice", accepted=False, timeout=0.05)


def test_any_attempt_that_never_comes(skylogin: SkyloginApp) -> None:
    """It was not said which."""
    with pytest.raises(TimeoutError, match=r"^no attempt in 0 s; nobody tried to log in$"):
        skylogin.logins.wait_for(timeout=0)


def test_a_line_is_a_line(skylogin: SkyloginApp) -> None:
    """Whatever a token says."""
    skylogin.login("al\nice\x1b[1m")

    assert "al\N{REPLACEMENT CHARACTER}ice" in str(skylogin.logins.last)
    assert str(skylogin.logins.last).isprintable()


# --- the clock ---------------------------------------------------------------------


def test_the_clock_is_moved(skylogin: SkyloginApp) -> None:
    """It stands, goes on, jumps, and goes back to the system's."""
    clock = skylogin.clock
    assert clock.freeze(SOME_DAY) == SOME_DAY == clock.now()
    assert clock.advance(90) == SOME_DAY + timedelta(seconds=90)
    assert clock.advance(timedelta(days=1), hours=-24, seconds=0.5) == SOME_DAY + timedelta(
        seconds=90.5
    )
    assert clock.unfreeze() >= SOME_DAY
    assert clock.now() < clock.now()
    assert SOME_DAY - timedelta(days=1) <= clock.set(SOME_DAY - timedelta(days=1)) < SOME_DAY
    assert abs(clock.reset() - datetime.now(UTC)) < timedelta(minutes=1)


def test_a_time_has_a_zone(skylogin: SkyloginApp) -> None:
    """One without is a mistake that nobody would find."""
    naive = datetime(2031, 5, 6)  # noqa: DTZ001
    with pytest.raises(ValueError, match=r"does not say in which zone .*tzinfo=UTC"):
        skylogin.clock.freeze(naive)
    with pytest.raises(ValueError, match="zone"):
        skylogin.clock.set(naive)
    skylogin.login("alice")
    with pytest.raises(ValueError, match="zone"):
        skylogin.users["alice"].disable(until=naive)


def test_tokens_go_by_the_apps_clock(skylogin: SkyloginApp) -> None:
    """One that is minted now is good now, and ends when its hour has passed."""
    skylogin.clock.set(SOME_DAY)
    token = skylogin.mint("alice")
    skylogin.login_with(token)
    skylogin.clock.advance(hours=1, seconds=1)

    with pytest.raises(LoginRefusedError, match="expired"):
        skylogin.login_with(token)


def test_tokens_are_good_as_early_as_a_clock_goes(skylogin: SkyloginApp) -> None:
    """A time of 0 is none to the original, so that no clock goes as far back."""
    skylogin.clock.freeze(datetime(1971, 1, 1, tzinfo=UTC))
    skylogin.login("alice")
    with pytest.raises(LoginRefusedError, match="expired"):
        skylogin.login_with(skylogin.bad.expired("alice"))
    with pytest.raises(AdminError, match="1971 to 8999"):
        skylogin.clock.freeze(datetime(1970, 1, 1, tzinfo=UTC))


# --- faults ------------------------------------------------------------------------

SPOILT = {
    "error": (
        lambda faults: faults.error("ResourceNotFound", "gone"),
        LoginRefusedError,
        "404 ResourceNotFound 110: gone",
    ),
    "status": (lambda faults: faults.status(503), LoginRefusedError, "503"),
    "database_busy": (lambda faults: faults.database_busy(), LoginRefusedError, "kept changing"),
    "drop": (lambda faults: faults.drop(), ConnectionError, "without an answer"),
    "truncate": (lambda faults: faults.truncate(), ConnectionError, "in the middle of an answer"),
}


@pytest.mark.parametrize(("add", "error", "text"), SPOILT.values(), ids=SPOILT)
def test_a_fault_strikes_once(
    add: Any, error: type[Exception], text: str, skylogin: SkyloginApp
) -> None:
    """As a client sees it; the next call is as ever."""
    fault = add(skylogin.faults)
    assert [one.id for one in skylogin.faults] == [fault.id]

    with pytest.raises(error, match=text):
        skylogin.login("alice")

    assert list(skylogin.faults) == []
    skylogin.login("alice")


def test_an_answer_comes_late(skylogin: SkyloginApp) -> None:
    """By as much as was asked."""
    skylogin.faults.latency(LATENCY_SECONDS, LOGIN)
    skylogin.call("_status:healthz")
    begin = time.monotonic()
    skylogin.login("alice")

    assert time.monotonic() - begin >= LATENCY_SECONDS


def test_a_number_that_is_none_is_no_fault(skylogin: SkyloginApp) -> None:
    """It is refused before it is sent, in the words of `json`."""
    with pytest.raises(ValueError, match="Out of range float"):
        skylogin.faults.latency(float("nan"))


def test_faults_are_ended(skylogin: SkyloginApp) -> None:
    """One, or all."""
    fault = skylogin.faults.status(500, calls=5)
    skylogin.faults.add("drop", LOGIN, probability=0.5, seed=7)
    assert (fault.calls_left, fault.struck) == (5, 0)
    fault.end()
    assert [one.kind for one in skylogin.faults] == ["drop"]
    skylogin.faults.clear()

    skylogin.login("alice")


# --- the whole app -------------------------------------------------------------------


def test_a_reset_app_is_as_new(skylogin: SkyloginApp) -> None:
    """Users, attempts, faults and the clock; what it is reached by stays."""
    secret = skylogin.secret
    skylogin.clock.freeze(SOME_DAY)
    skylogin.login("alice")
    skylogin.faults.drop()
    skylogin.reset()

    assert len(skylogin.users) == len(skylogin.logins) == 0
    assert list(skylogin.faults) == []
    assert skylogin.clock.now() < SOME_DAY
    assert skylogin.secret == secret
    assert skylogin.login("alice").last_login_at is None


def test_a_snapshot_is_forgotten(skylogin: SkyloginApp) -> None:
    """A reset keeps it, so that there is another way to make room."""
    skylogin.snapshot("empty")
    skylogin.reset()
    skylogin.restore("empty")
    skylogin.forget("empty")
    with pytest.raises(AdminError, match="no snapshot empty"):
        skylogin.restore("empty")
    with pytest.raises(AdminError, match="no snapshot empty"):
        skylogin.forget("empty")


def test_who_is_signed_out_logs_in_a_second_later(skylogin: SkyloginApp) -> None:
    """Even where the clock stands: tokens of the same second are ended as well."""
    skylogin.clock.freeze()
    before = skylogin.login("alice")
    skylogin.users["alice"].sign_out()
    with pytest.raises(CallRefusedError, match="AccessTokenNotAccepted"):
        skylogin.call("me", access_token=before.access_token)
    skylogin.clock.advance(1)
    after = skylogin.login("alice")

    assert skylogin.call("me", access_token=after.access_token)["user_id"] == after.user_id


def test_a_snapshot_is_restored(skylogin: SkyloginApp) -> None:
    """With the clock of then."""
    skylogin.clock.freeze(SOME_DAY)
    skylogin.login("alice")
    skylogin.snapshot("one-user")
    skylogin.users["alice"].delete()
    skylogin.login("bob")
    skylogin.clock.reset()
    skylogin.restore("one-user")

    assert set(skylogin.users) == {"alice"}
    assert skylogin.clock.now() == SOME_DAY
    with pytest.raises(AdminError, match="404: there is no snapshot another"):
        skylogin.restore("another")


def test_a_seed_goes_in_and_out(skylogin: SkyloginApp, tmp_path: Path) -> None:
    """As a dictionary or as a file, and what is exported can be sown again."""
    skylogin.seed({"users": [{"sub": "alice", "profile": {"name": "Alice"}, "roles": ["editor"]}]})
    path = tmp_path / "users.yaml"
    path.write_text("users:\n  - sub: bob\n    disabled: {message: not today}\n")
    skylogin.seed(path)
    exported = skylogin.export()
    skylogin.reset()
    skylogin.seed(exported)

    assert set(skylogin.users) == {"alice", "bob"}
    assert skylogin.users["alice"].roles == ("editor",)
    assert skylogin.users["bob"].disabled_message == "not today"


def test_a_seed_that_is_wrong_says_where(skylogin: SkyloginApp, tmp_path: Path) -> None:
    """File, line and field."""
    path = tmp_path / "users.yaml"
    path.write_text("users:\n  - sub: bob\n    shoesize: 44\n")

    with pytest.raises(ValueError, match=r"users\.yaml:3: users\[0\]\.shoesize"):
        skylogin.seed(path)


def test_a_seed_of_several_apps(skylogin: SkyloginApp, tmp_path: Path) -> None:
    """Has to have one of the app's name; one that is alone is meant, whatever its name."""
    path = tmp_path / "users.json"
    one = {"users": [{"sub": "alice"}]}
    path.write_text(json.dumps({"apps": {"myapp": one}}))
    skylogin.seed(path)
    path.write_text(json.dumps({"apps": {"myapp": one, "another": one}}))

    assert set(skylogin.users) == {"alice"}
    with pytest.raises(
        ValueError, match=f"apps myapp, another, and none is called {skylogin.name}"
    ):
        skylogin.seed(str(path))


# --- servers -------------------------------------------------------------------------


def test_apps_do_not_see_each_other(skylogin: SkyloginApp, skylogin_server: SkyloginServer) -> None:
    """Nor do their clocks."""
    other = skylogin_server.app("another")
    other.clock.freeze(SOME_DAY)
    other.login("alice")

    assert "alice" not in skylogin.users
    assert skylogin.clock.now() < SOME_DAY
    other.delete()


def test_the_app_of_the_environment(skylogin_server: SkyloginServer) -> None:
    """Is the one without a name."""
    app = RunningServer(skylogin_server.url).app()

    assert app.name == "myapp"
    assert app.url == f"{skylogin_server.url}/"
    assert app.secret == skylogin_server.custom_token_secret


def test_settings_of_a_server_of_ones_own() -> None:
    """As environment variables; the process's own do not count."""
    with SkyloginServer({"SKYLOGIN_ISSUER": "shop", "MASTER_KEY": "master"}) as server:
        app = server.app()
        app.login("alice", iss="shop")
        with pytest.raises(LoginRefusedError, match="issuer_wrong"):
            app.login("alice")
        with pytest.raises(AdminError, match="401"):
            RunningServer(server.url).app()
        url = server.url

    for ask in (app.clock.now, lambda: app.login("alice")):
        with pytest.raises(ConnectionRefusedError, match=f"no server at {url}"):
            ask()


REFUSED: dict[str, Callable[[SkyloginApp], object]] = {
    "roles": lambda app: app.users.add("alice", roles="editor"),
    "seconds": lambda app: app.clock.advance(1e13),
    "fault": lambda app: app.faults.latency(-1),
    "snapshot": lambda app: app.restore("nowhere"),
    "name": lambda app: app.snapshot("no name"),
    "user": lambda app: app.users.add("bert").delete() or app.users["bert"],
    "surrogate": lambda app: app.users.add("\ud800"),
    "nan": lambda app: app.users.add("alice", {"number": float("nan")}),
    "algorithm": lambda app: app.mint("alice", algorithm="none"),
}


@pytest.mark.parametrize("refused", REFUSED.values(), ids=REFUSED)
def test_a_server_here_refuses_as_one_elsewhere(
    refused: Callable[[SkyloginApp], object],
    skylogin_server: SkyloginServer,
    skylogin: SkyloginApp,
) -> None:
    """In the same words, though it is asked without HTTP."""
    said = []
    for app in (skylogin, RunningServer(skylogin_server.url).app(skylogin.name)):
        with pytest.raises((AdminError, KeyError, ValueError)) as error:
            refused(app)
        said.append((type(error.value), str(error.value)))
    assert said[0] == said[1]


@pytest.mark.parametrize(
    "url",
    [
        "ftp://localhost",
        "localhost:3000",
        "http://localhost/apps/x/",
        "http://localhost:x",
        "http://localhost:99999",
        "http://localhost:0",
    ],
)
def test_no_url_of_a_server(url: str) -> None:
    """Is said so at once."""
    with pytest.raises(ValueError, match=f"{url} .*URL"):
        RunningServer(url)


def test_a_connection_that_the_server_closed_is_not_used(skylogin: SkyloginApp) -> None:
    """A call after a dropped one gets a new connection, and is sent once."""
    for _ in range(TIMES):
        skylogin.faults.drop(after=True)
        with pytest.raises(ConnectionError):
            skylogin.login("alice")

    assert len(skylogin.logins) == TIMES


def test_threads_share_an_app(skylogin: SkyloginApp) -> None:
    """Each has a connection while it needs one."""
    with ThreadPoolExecutor(8) as threads:
        names = [f"user{number}" for number in range(40)]
        ids = [login.user_id for login in threads.map(skylogin.login, names)]

    assert [skylogin.users[name].id for name in names] == ids


@pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork here")
@pytest.mark.filterwarnings("ignore:.*fork.*:DeprecationWarning")
def test_a_forked_process_has_connections_of_its_own(skylogin: SkyloginApp) -> None:
    """Two that spoke on one would hear each other's answers."""
    skylogin.login("alice")
    child = os.fork()
    if child == 0:
        code = 1
        try:
            for _ in range(TIMES):
                skylogin.login("bob")
            code = 0
        finally:
            os._exit(code)
    for _ in range(TIMES):
        assert skylogin.login("alice").user_id == skylogin.users["alice"].id

    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
    assert len(skylogin.logins) == 1 + 2 * TIMES


def test_an_app_that_is_made_again_is_a_new_one(skylogin_server: SkyloginServer) -> None:
    """Its clock and its faults are its own, and nothing that was tried before is in it."""
    app = skylogin_server.app("again")
    app.clock.freeze(SOME_DAY)
    app.faults.error("ResourceNotFound", calls=5)
    with pytest.raises(LoginRefusedError):
        app.login_with("no token")
    app.delete()

    app = skylogin_server.app("again")

    assert abs(app.clock.now() - datetime.now(UTC)) < timedelta(minutes=1)
    assert list(app.faults) == []
    app.login("alice")
    assert [one.accepted for one in app.logins] == [True]


def test_an_app_that_gets_keys_has_a_secret_of_its_own(skylogin_server: SkyloginServer) -> None:
    """Tokens are signed with the one that is listed, and accepted."""
    name = "keyed"
    skylogin_server.app(name).login("alice")
    keyed = f"{skylogin_server.url}/_admin/v1/apps/{name}/rotate-keys"
    answer = requests.post(keyed, headers={"Authorization": "Bearer secret"}, timeout=10)
    assert answer.ok, answer.text
    app = skylogin_server.app(name)

    app.login("alice")

    assert app.secret != skylogin_server.custom_token_secret
    claims = jwt.decode(app.mint("alice"), app.secret, algorithms=["HS256"])
    assert claims["sub"] == "alice"
    assert app.login_with(jwt.encode(claims, app.secret)).user_id == app.users["alice"].id
