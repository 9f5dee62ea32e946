"""An import shows in the portal, the admin API, the audit list and `doctor`."""

import sqlite3
from contextlib import closing
from typing import Any

import pytest
import requests

from tests.skygear.databases import USERS, NewDatabase, OldDatabase
from tests.stores import SERVE_KEYS, SERVE_SECRET

pytestmark = [pytest.mark.slow, pytest.mark.parametrize("new", ["sqlite"], indirect=True)]


def page(url: str, path: str) -> str:
    """Return a page of the portal."""
    return requests.get(f"{url}/portal/{path}", timeout=30).text


def test_an_import_is_shown_with_its_users(old: OldDatabase, new: NewDatabase) -> None:
    """The report, where users come from, and one act."""
    with new.server() as server:
        assert "No imports yet" in page(server.url, "imports")
    new.load(old.url)
    user_id = USERS[0]["user_id"]
    with new.server() as server:
        shown = page(server.url, "imports")
        user = page(server.url, f"users/{user_id}")
        audit = page(server.url, "audit")
        admin: Any = ask_admin(server.url, "imports")["imports"]
        details = ask_admin(server.url, f"users/{user_id}")
    assert "From skygear _" in shown
    assert "finished" in shown
    assert "40 users by custom token" in shown
    assert "<dd>from skygear _</dd>" in user
    assert audit.count("app.import_skygear") == 1
    assert [one["state"] for one in admin] == ["finished"]
    assert admin[0]["report"]["rows"]["users"]["new"] == len(USERS) + 1
    assert details["origin"] == "skygear _"
    assert "imported from\tskygear _" in new.run("users", "show", user_id).stdout


def test_a_running_import_shows_its_progress(old: OldDatabase, new: NewDatabase) -> None:
    """The page says how far it is, and asks again; one that was killed can be run again."""
    new.load(old.url)
    write(new, "later", "2100-01-02T00:00:00.000000Z")
    write(new, "earlier", "2020-01-02T00:00:00.000000Z")
    with new.server() as server:
        shown = page(server.url, "imports")
    assert 'http-equiv="refresh"' in shown
    assert '<progress value="5" max="9"' in shown
    assert "stopped" in shown


def write(new: NewDatabase, run_id: str, at: str) -> None:
    """Add an import that is half-way at a time."""
    with closing(sqlite3.connect(new.url.removeprefix("sqlite:///"))) as connection, connection:
        connection.execute(
            "INSERT INTO imports (app, id, origin, started_at, updated_at, done, total) "
            "VALUES ('_', ?, 'skygear _', ?, ?, 5, 9)",
            (run_id, at, at),
        )


def ask_admin(url: str, path: str) -> Any:
    """Ask the admin API about the app."""
    headers = {"Authorization": "Bearer secret"}
    return requests.get(f"{url}/_admin/v1/apps/_/{path}", headers=headers, timeout=30).json()


def test_doctor_says_which_logins_are_needed(old: OldDatabase, new: NewDatabase) -> None:
    """By the settings of a server with the contract `documented`."""
    new.load(old.url)
    own = {"CUSTOM_TOKEN_SECRET": SERVE_SECRET, "TOKEN_STORE_SECRET": f"{SERVE_SECRET} too"}
    serve = {**SERVE_KEYS, **own, "SKYLOGIN_CONTRACT": "documented"}
    said = new.run("doctor", "--mode", "serve", **serve).stdout
    then = new.run("doctor", "--mode", "serve", **serve, SKYLOGIN_LOGINS="all").stdout
    warning = (
        "SKYLOGIN_LOGINS=custom_token keeps imported users from logging in (password, oauth, "
        "anonymous): set it to all"
    )

    assert warning in said
    assert "keeps imported users" not in then
