"""Data that the recorded database does not have."""

import json
from http import HTTPStatus
from typing import Any

import bcrypt
import pytest

from tests.skygear.databases import UNRECORDED_DATA, USERS, NewDatabase, OldDatabase, ask

pytestmark = pytest.mark.slow
NUMBER, NEXT_NUMBER = 7, 42
USER, DISABLED = "01d7825b-7d46-436c-b7d4-d423935feb6e", "bffe274a-3c1e-4e73-a3b0-6c533b950888"


@pytest.fixture
def extended(old: OldDatabase) -> OldDatabase:
    """A database with other record types, and rows of all tables."""
    old.sql(UNRECORDED_DATA)
    return old


def rows_of(export: list[str]) -> dict[str, list[dict[str, Any]]]:
    """Return the rows of an export by table."""
    found: dict[str, list[dict[str, Any]]] = {}
    for line in map(json.loads, export):
        found.setdefault(line["table"], []).append(line["row"])
    return found


def test_every_kind_of_row_is_imported(extended: OldDatabase, new: NewDatabase) -> None:
    """Fields of all types, rules, sequences, devices, and principals of users who are gone."""
    report = new.load(extended.url)

    assert report["unclear"] == []
    assert report["records"] == {"note": 3, "user": 58}
    assert {one["what"].split(":")[0] for one in report["stays"]} == {
        "assets",
        "friends",
        "the table of_a_plugin, which has no records",
    }
    rows = rows_of(new.export())
    notes = {row["id"]: row for row in rows["records"] if row["type"] == "note"}
    assert notes["first"]["data"] == {
        "title": "Zürich 🐧",
        'Größe (in "cm") :x %s': 0.1,
        "number": 7,
        "big": 9007199254740993,
        "price": "$12.50",
        "tags": "{a,b}",
        "done": True,
        "due": "1969-12-31T23:59:59.999999Z",
        "place": [114.123456789012, -22.5],
        "area": {"type": "Polygon", "coordinates": [[[0, 0], [1.5, 0], [1, 1], [0, 0]]]},
        "extra": {"a": [1, 1, 100, None, {"$type": "geo"}], "é": "é"},
        "author": DISABLED,
        "picture": "cat.png",
        "code": "ABC",
    }
    assert notes["second"]["data"] == {"number": 12, "about": "first"}
    assert (notes["second"]["owner_id"], notes["second"]["created_by"]) == ("", "")
    assert notes["mine"]["database_id"] == USER
    fields = {row["field"]: row for row in rows["record_fields"] if row["type"] == "note"}
    assert fields["number"]["next_value"] == NEXT_NUMBER
    assert (fields["author"]["kind"], fields["author"]["target"]) == ("reference", "user")
    types = {row["type"]: row for row in rows["record_types"]}
    assert types["note"]["create_roles"] == ["Editor", "Writer"]
    assert types["not made yet"] == {
        "type": "not made yet",
        "made": False,
        "create_roles": ["Editor"],
    }
    principals = {row["user_id"]: row for row in rows["principals"]}
    assert principals["gone"]["principal"] == "a user who is gone"
    history = [row["logged_at"] for row in rows["password_history"]]
    assert history == [
        "2020-01-02T00:00:00.000000Z",
        "2020-01-02T00:00:00.000001Z",
        "2020-01-02T00:00:00.000000Z",
    ]
    assert {row["id"] for row in rows["devices"]} == {"phone", "nobody's"}
    assert any("SKYLOGIN_CONTRACT=original: 1 subject" in note for note in report["notes"])
    assert new.load(extended.url)["rows"]["records"] == {"there": 61, "same": 61}


def test_records_answer_as_before(extended: OldDatabase, new: NewDatabase) -> None:
    """Queries over other types, with typed values; a sequence continues."""
    new.load(extended.url)
    [token] = [user["access_token"] for user in USERS if user["user_id"] == USER]
    with new.server() as server:

        def query(**payload: Any) -> Any:
            body = {"database_id": "_public", "record_type": "note", **payload}
            status, answer = ask(server.url, "record:query", access_token=token, **body)
            assert status == HTTPStatus.OK, answer
            return answer["result"]

        first = query(predicate=["eq", {"$type": "keypath", "$val": "title"}, "Zürich 🐧"])[0]
        near = ["func", "distance", {"$type": "keypath", "$val": "place"},
                {"$type": "geo", "$lng": 114.12, "$lat": -22.5}]  # fmt: skip
        [found] = query(predicate=["lt", near, 1000])
        listed = query(sort=[[{"$type": "keypath", "$val": "number"}, "desc"]])
        as_master = {"api_key": "secret", "access_token": token, "database_id": "_public"}
        note = {"_id": "note/new", "title": "x"}
        _, saved = ask(server.url, "record:save", **as_master, records=[note])
        # As the SDKs do, with all fields.
        changed = {**first, "title": "changed", "extra": {}}
        _, again = ask(server.url, "record:save", **as_master, records=[changed])
    assert found["_id"] == first["_id"] == "note/first"
    assert first["price"] == {"$type": "unknown", "$underlying_type": "money"}
    assert first["author"] == {"$id": f"user/{DISABLED}", "$type": "ref"}
    assert first["due"] == {"$date": "1969-12-31T23:59:59.999999Z", "$type": "date"}
    assert first["place"] == {"$lat": -22.5, "$lng": 114.123456789012, "$type": "geo"}
    assert first["area"]["$type"] == "geojson"
    assert first["number"] == NUMBER
    assert [record["_id"] for record in listed] == ["note/second", "note/first"]
    assert again["result"][0].get("title") == "changed", again
    assert again["result"][0]["picture"] == {"$name": "cat.png", "$type": "asset"}
    assert saved["result"][0]["number"] == NEXT_NUMBER, saved


@pytest.mark.parametrize("new", ["sqlite"], indirect=True)
def test_unique_keys_of_the_old_server_log_users_in(old: OldDatabase, new: NewDatabase) -> None:
    """Those of the old server's AUTH_RECORD_KEYS log users in; the report says how to set it."""
    old.sql(
        """ALTER TABLE "user" DROP CONSTRAINT auth_record_keys_user_email_key,
           DROP CONSTRAINT auth_record_keys_user_username_key,
           ADD CONSTRAINT auth_record_keys_user_name_nick_key UNIQUE (name, nick)""",
        """UPDATE "user" SET name = 'Pw', username = 'the same' WHERE nick LIKE 'n%'""",
    )
    report = new.load(old.url)
    [user] = [user for user in USERS if user.get("auth_data") == {"username": "pw1x3"}]
    with new.server(AUTH_RECORD_KEYS="(name,nick)") as server:
        status, answer = ask(
            server.url,
            "auth:login",
            auth_data={"name": "Pw", "nick": "n3"},
            password=user["password"],
        )

    assert "set AUTH_RECORD_KEYS=(name,nick), as the old database has them" in report["notes"]
    assert (status, answer["result"]["user_id"]) == (HTTPStatus.OK, user["user_id"])


@pytest.mark.parametrize("new", ["sqlite"], indirect=True)
def test_an_import_makes_a_missing_app_with_many_fields(old: OldDatabase, new: NewDatabase) -> None:
    """An app that is missing is made; its users keep their ids, and their tokens end."""
    columns = ", ".join(f'ADD "field {number}" double precision' for number in range(1400))
    old.sql(f'ALTER TABLE "user" {columns}', 'UPDATE "user" SET "field 7" = 7')
    report = new.load(old.url, "--into", "shop")
    with new.server() as server:
        shop = server.app("shop")
        user = next(iter(USERS))
        secret = new.run("secret", "show", "--app", "shop", "--json").stdout
        logged_in = shop.login(user["principal_id"])

    assert secret
    assert logged_in.user_id == user["user_id"]
    assert any("tokens of up to 57 users end: shop is not the" in note for note in report["notes"])


@pytest.mark.parametrize("new", ["sqlite"], indirect=True)
def test_earlier_passwords_count(old: OldDatabase, new: NewDatabase) -> None:
    """A password of the imported history cannot be set again."""
    [user] = [user for user in USERS if user.get("auth_data") == {"username": "pw1x3"}]
    earlier = bcrypt.hashpw(b"an earlier one", bcrypt.gensalt(4, b"2a")).decode()
    old.sql(f"INSERT INTO _password_history VALUES ('1', '{user['user_id']}', '{earlier}', now())")
    new.load(old.url)
    token, password = user["access_token"], user["password"]
    with new.server(USER_AUDIT_ENABLED="YES", USER_AUDIT_PW_HISTORY_SIZE="3") as server:
        answers = [
            ask(
                server.url, "auth:password", access_token=token, old_password=password, password=one
            )
            for one in ("an earlier one", "another one")
        ]

    assert answers[0][1]["error"]["info"]["reason"] == "PasswordReused", answers[0]
    assert answers[1][0] == HTTPStatus.OK
