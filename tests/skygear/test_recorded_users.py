"""What was true of every user of a real Skygear is true after the import too."""

from http import HTTPStatus
from typing import Any

import pytest

from tests.skygear.databases import USERS, NewDatabase, OldDatabase, ask, log_in

pytestmark = pytest.mark.slow


def without(answer: Any, *names: str) -> Any:
    """Return an answer without what each call changes."""
    return {name: value for name, value in answer.items() if name not in names}


@pytest.mark.parametrize("new", ["sqlite", "postgresql"], indirect=True)
def test_all_users_are_imported(old: OldDatabase, new: NewDatabase) -> None:
    """Old access tokens, ids, passwords and refusals are those of the original."""
    before = old.dump()
    report = new.load(old.reader_url)

    assert report["rows"]["users"] == {"there": 58, "new": 58}
    assert report["logins"] == {"custom_token": 40, "password": 10, "oauth": 4, "anonymous": 3}
    assert (report["unclear"], report["needs_all_logins"]) == ([], True)
    assert old.dump() == before
    with new.server() as server:
        for user in USERS:
            _, answer = ask(server.url, "me", access_token=user["access_token"])
            if "error" in user["me"]:
                assert answer["error"] == user["me"]["error"], user
            else:
                changing = ("last_seen_at", "access_token")
                assert without(answer["result"], *changing) == without(user["me"], *changing)
        for user in USERS:
            status, answer = log_in(server.url, user)
            if "error" in user["me"]:
                assert answer["error"] == user["me"]["error"], user
            elif status != HTTPStatus.OK:
                pytest.fail(f"{user['user_id']} cannot log in: {answer}")
            else:
                assert answer["result"]["user_id"] == user["user_id"]


def test_a_second_import_changes_nothing(old: OldDatabase, new: NewDatabase) -> None:
    """Nothing changed in the original, and logins here do not count as changes."""
    new.load(old.url)
    first = new.export()
    with new.server() as server:
        for user in USERS[:6]:
            log_in(server.url, user)
    after_logins = new.export()
    report = new.load(old.url)

    assert report["unclear"] == []
    assert report["rows"]["users"] == {"there": 58, "same": 58}
    assert len(first) == len(after_logins) == len(new.export())
    assert new.export() == after_logins
