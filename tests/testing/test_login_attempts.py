"""The login log of an app."""

import threading
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta

import pytest
from skylogin.testing import LoginRefusedError, SkyloginApp

pytestmark = pytest.mark.slow

# More than a page of the admin API.
MANY = 205
LOGIN = "sso:custom_token:login"
SOME_DAY = datetime(2031, 5, 6, 7, 8, 9, tzinfo=UTC)


def test_attempts_are_in_the_order_in_which_they_came(skylogin: SkyloginApp) -> None:
    """Accepted and refused ones, whatever the clock said."""
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


def test_an_app_without_attempts_has_an_empty_list(skylogin: SkyloginApp) -> None:
    """The list is empty, and asking for the last one is an error."""
    assert list(skylogin.logins) == []
    with pytest.raises(LookupError, match="no login attempts yet"):
        _ = skylogin.logins.last


def test_all_pages_of_attempts_are_read(skylogin: SkyloginApp) -> None:
    """None is missing."""
    token = skylogin.bad.malformed("alice")
    with ThreadPoolExecutor(8) as threads:
        for _ in range(MANY):
            threads.submit(skylogin.call, LOGIN, token=token)

    assert len(skylogin.logins.refused) == MANY


def test_an_attempt_has_the_profile_of_its_token(skylogin: SkyloginApp) -> None:
    """And the id of the secret that signed it, even if it was refused."""
    skylogin.login("alice", {"age": 5})
    with pytest.raises(LoginRefusedError):
        skylogin.login_with(skylogin.bad.expired("alice", {"age": 6}))

    assert [one.profile for one in skylogin.logins] == [{"age": 5}, {"age": 6}]
    assert len({one.secret_id for one in skylogin.logins} - {""}) == 1


def test_an_attempt_is_waited_for(skylogin: SkyloginApp) -> None:
    """A past attempt counts, and so does a future one."""
    skylogin.login("alice")
    later = threading.Timer(0.1, skylogin.login, ["bob"])
    later.start()

    assert skylogin.logins.wait_for("alice").accepted
    assert skylogin.logins.wait_for(subject="bob", accepted=True).reason == "created"
    later.join()


def test_waiting_in_vain_lists_the_other_attempts(skylogin: SkyloginApp) -> None:
    """In the text of the error."""
    with pytest.raises(TimeoutError, match=r"with reason='expired' in 0 s; there were none$"):
        skylogin.logins.wait_for(reason="expired", timeout=0)
    skylogin.login("alice")

    with pytest.raises(TimeoutError, match=r"(?s)accepted=False in 0\.05 s; .*alice  accepted: "):
        skylogin.logins.wait_for("alice", accepted=False, timeout=0.05)


def test_waiting_for_an_unknown_reason_is_refused(skylogin: SkyloginApp) -> None:
    """At once: it could never succeed."""
    with pytest.raises(ValueError, match=r"'foo' is not a reason; .*expired"):
        skylogin.logins.wait_for(reason="foo")


def test_waiting_in_vain_without_filters_names_none(skylogin: SkyloginApp) -> None:
    """Without filters the error names none."""
    with pytest.raises(TimeoutError, match=r"^no login attempt in 0 s; there were none$"):
        skylogin.logins.wait_for(timeout=0)


def test_an_attempt_is_shown_in_one_line(skylogin: SkyloginApp) -> None:
    """Control characters in its token are escapes."""
    skylogin.login("al\nice\x1b[1m")

    assert r"al\nice\x1b[1m" in str(skylogin.logins.last)
    assert str(skylogin.logins.last).isprintable()
