"""Export and import of an app."""

import copy
import io
import json
from http import HTTPStatus
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from skylogin.actions.services import Services
from skylogin.database import tables
from skylogin.operations import apps, exports
from skylogin.operations.operator import ConflictError, Operator, RefusedError, list_acts

from tests.stores import Ask, LogIn, MakeServices, make_item

pytestmark = pytest.mark.slow

APP = "myapp"
Lines = list[dict[str, Any]]
HEAD = {"skylogin": "export", "version": tables.VERSION}
FRIEND = "9bd7b5dd-ad0c-4ec6-8b2c-6e63e0f5c3a3"
USER = {
    "table": "users", "row": {"id": FRIEND, "last_seen_at": "2026-01-02T03:04:05Z"},
}  # fmt: skip
PRINCIPAL = {
    "table": "principals",
    "row": {
        "kind": "custom_token", "provider": "", "principal": "friend", "user_id": FRIEND,
        "created_at": "2026-01-02T03:04:05Z",
    },
}  # fmt: skip
RECORD = {
    "table": "records",
    "row": {
        "database_id": "", "type": "user", "id": FRIEND, "owner_id": FRIEND,
        "created_at": "2026-01-02T03:04:05Z", "created_by": FRIEND,
        "updated_at": "2026-01-02T03:04:05Z", "updated_by": FRIEND,
        "data": {"username": "Friend"},
    },
}  # fmt: skip


async def exported(operator: Operator, app: str = APP) -> Lines:
    """Return the lines of an export."""
    file = io.BytesIO()
    number = await exports.export(operator, app, file)
    lines = [json.loads(line) for line in file.getvalue().splitlines()]
    assert len(lines) == number + 1
    return lines


async def load(operator: Operator, lines: Lines, app: str = APP, *, replace: bool = False) -> None:
    """Import lines."""
    text = "".join(f"{json.dumps(line)}\n" for line in lines)
    await exports.load(operator, app, io.BytesIO(text.encode()), replace=replace)


@pytest.fixture
async def filled(make_services: MakeServices, ask: Ask, log_in: LogIn) -> Services:
    """Services whose app has users, passwords, roles, rules, and records of every kind."""
    services = await make_services(PWHISTORY_ENABLED="YES")
    for name in ("Anna", "zoë"):
        await log_in(services, f"sub-{name}", username=name, age=1.5)
    bert = await ask(services, "auth:signup", auth_data={"username": "bert"}, password="a secret 1")
    token, bert_id = bert.body["result"]["access_token"], bert.body["result"]["user_id"]
    master = {"key": "secret"}
    assigned = await ask(services, "role:assign", users=[bert_id], roles=["writer"], **master)
    assert assigned.status == HTTPStatus.OK, assigned.body
    await ask(services, "role:admin", roles=["writer"], **master)
    await ask(
        services,
        "schema:create",
        record_types={"note": {"fields": [{"name": "number", "type": "sequence"}]}},
        **master,
    )
    for database in ("_public", "_private"):
        saved = await ask(
            services,
            "record:save",
            access_token=token,
            database_id=database,
            records=[
                {
                    "_id": f"note/{database}",
                    "text": "ä\u2028\U0001f600",
                    "is": True,
                    "half": 0.1,
                    "large": 1e300,
                    "when": {"$type": "date", "$date": "2026-01-02T03:04:05.678Z"},
                    "where": {"$type": "geo", "$lat": 1, "$lng": -2.5},
                    "who": {"$type": "ref", "$id": f"user/{bert_id}"},
                    "shape": {"$type": "geojson", "$val": {"type": "Point", "coordinates": [1, 2]}},
                    "anything": {"a": [1, {"b": None}]},
                }
            ],
        )
        assert [one["_type"] for one in saved.body["result"]] == ["record"], saved.body
    device = {"type": "ios", "device_token": "a token", "topic": "com.example.app"}
    registered = await ask(services, "device:register", access_token=token, **device)
    assert registered.status == HTTPStatus.OK, registered.body
    await ask(
        services, "schema:default_access", type="note",
        default_access=[{"role": "writer", "level": "read"}], **master,
    )  # fmt: skip
    await ask(services, "schema:access", type="note", create_roles=["writer"], **master)
    return services


async def test_an_import_makes_an_equal_app(filled: Services, operator: Operator, ask: Ask) -> None:
    """With another name; principals log in as the same users in it."""
    lines = await exported(operator)
    assert {
        "roles", "record_types", "record_fields", "field_access", "users", "user_roles",
        "principals", "devices", "records",
    } <= {line.get("table") for line in lines}  # fmt: skip
    assert lines[0] == {**HEAD, "app": APP, "at": lines[0]["at"]}
    await apps.create(operator, "copy")

    await load(operator, lines, "copy")

    assert (await exported(operator, "copy"))[1:] == lines[1:]
    copy = await filled.apps.find("copy")
    assert copy is not None
    known = {"app": copy, "key": copy.api_key, "password": "a secret 1"}
    found = await ask(filled, "auth:login", auth_data={"username": "BERT"}, **known)
    assert found.body["result"]["roles"] == ["writer"]
    taken = await ask(filled, "auth:signup", auth_data={"username": "anna"}, **known)
    assert taken.body["error"]["name"] == "Duplicated"
    item = make_item(filled, "sub-Anna")
    in_copy = await filled.logins.submit(item._replace(app=copy))
    assert (await filled.logins.submit(item)).user.id == in_copy.user.id


async def test_an_export_contains_no_secret_and_no_key(
    filled: Services, operator: Operator
) -> None:
    """They belong to the server."""
    made = await apps.create(operator, "shop")
    text = json.dumps([await exported(operator), await exported(operator, "shop")])
    for secret in (made.api_key, made.master_key, "a secret"):
        assert str(secret) not in text


async def test_the_audit_list_has_exports_and_imports(filled: Services, operator: Operator) -> None:
    """Each in its app."""
    lines = await exported(operator)
    await load(operator, lines, replace=True)
    acts = await list_acts(operator, APP)
    assert sorted(one.name for one in acts) == ["app.export", "app.import"]


async def test_rows_that_exist_are_a_conflict(filled: Services, operator: Operator) -> None:
    """Nothing is written."""
    await load(operator, [HEAD, USER, PRINCIPAL, RECORD])
    before = await exported(operator)
    another = {**RECORD, "row": {**RECORD["row"], "id": "another", "data": {"username": "new"}}}
    with pytest.raises(ConflictError, match="users: a row with the id"):
        await load(operator, [HEAD, USER, another])
    with pytest.raises(ConflictError, match="principals: a row with the"):
        await load(operator, [HEAD, {**PRINCIPAL, "row": {**PRINCIPAL["row"], "principal": "x"}}])
    with pytest.raises(ConflictError, match="have the same username"):
        await load(
            operator, [HEAD, another | {"row": {**another["row"], "data": {"username": "ANNA"}}}]
        )
    assert (await exported(operator))[1:] == before[1:]


async def test_replacing_overwrites_rows_that_exist(filled: Services, operator: Operator) -> None:
    """Other rows stay."""
    before = await exported(operator)
    await load(operator, [HEAD, USER, PRINCIPAL, RECORD])
    changed = {**RECORD, "row": {**RECORD["row"], "data": {"username": "Other"}}}
    other_name = {**PRINCIPAL, "row": {**PRINCIPAL["row"], "principal": "other"}}
    await load(operator, [HEAD, USER, other_name, changed], replace=True)
    after = await exported(operator)
    [record] = [
        one["row"] for one in after if "data" in one.get("row", {}) and one["row"]["id"] == FRIEND
    ]
    assert record["data"] == {"username": "Other"}
    principals = [one["row"]["principal"] for one in after if one.get("table") == "principals"]
    assert "other" in principals
    assert "friend" not in principals
    assert len(after) == len(before) + 3
    # A second import changes nothing.
    await load(operator, after, replace=True)
    assert (await exported(operator))[1:] == after[1:]


async def test_a_sequence_continues_after_the_higher_number(
    filled: Services, operator: Operator
) -> None:
    """The file's or the app's."""
    lines = await exported(operator)
    [row] = [one["row"] for one in lines if one.get("row", {}).get("field") == "number"]
    # One for each of the two notes.
    assert row["next_value"] == 1 + len(("_public", "_private"))
    row["next_value"] = further = 50
    await load(operator, lines, replace=True)
    row["next_value"] = 2
    await load(operator, lines, replace=True)
    after = await exported(operator)
    [row] = [one["row"] for one in after if one.get("row", {}).get("field") == "number"]
    assert row["next_value"] == further


def changed(line: dict[str, Any], **values: Any) -> dict[str, Any]:
    """Return a line with another row."""
    return {**line, "row": {**line["row"], **values}}


FIELD = {
    "table": "record_fields",
    "row": {"type": "user", "field": "username", "kind": "number", "target": "", "column_type": ""},
}
INVALID_LINES: dict[str, tuple[Lines, str]] = {
    "no header": ([USER], "line 1: it has to begin with"),
    "a later version": ([{**HEAD, "version": "9999"}], "line 1: the export has version 9999"),
    "an unknown table": ([HEAD, {"table": "journal", "row": {}}], "line 2: a line is"),
    "another member": ([HEAD, {**USER, "more": 1}], "line 2: a line is"),
    "a wrong order": ([HEAD, RECORD, USER], "line 3: users comes after records"),
    "an unknown column": ([HEAD, changed(USER, nose=1)], "line 2: users: users has no 'nose'"),
    "a missing column": (
        [HEAD, USER, changed(RECORD, data=None)],
        "line 3: records: data is missing",
    ),
    "not a text": ([HEAD, changed(USER, id=1)], "id has to be a text"),
    "not a time": ([HEAD, changed(USER, last_seen_at="now")], "last_seen_at is not a time"),
    "not a boolean": ([HEAD, changed(USER, disabled="no")], "disabled has to be true or"),
    "a long id": ([HEAD, changed(USER, id="a" * 801)], "id is longer than 800 bytes"),
    "a field with a dot": (
        [HEAD, changed(FIELD, field="a.b")],
        'line 2: record_fields: "a.b" is not a valid field name',
    ),
    "a long OAuth principal": (
        [HEAD, changed(PRINCIPAL, kind="oauth", provider="google", principal="a" * 801)],
        "line 2: principals: the principal is longer than 800 bytes",
    ),
    "U+0000": ([HEAD, changed(USER, id="a\0")], "line 2:"),
    "not an object": ([HEAD, changed(RECORD, data=[])], "data has to be an object"),
    "an invalid field": ([HEAD, changed(RECORD, data={"x": 1})], "x is not a field of its type"),
    "another type": ([HEAD, changed(RECORD, data={"username": 1})], "username is a string"),
    "not an access list": ([HEAD, changed(RECORD, access=[1])], "access has to be a list"),
}


@pytest.mark.parametrize(("lines", "said"), INVALID_LINES.values(), ids=INVALID_LINES)
async def test_the_error_names_the_invalid_line(
    lines: Lines, said: str, make_services: MakeServices, operator: Operator
) -> None:
    """Nothing is written, not even the lines before it."""
    await make_services()
    before = await exported(operator)
    with pytest.raises(RefusedError, match="line") as refused:
        await load(operator, lines)
    assert said in str(refused.value)
    assert (await exported(operator))[1:] == before[1:]


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (b"", "line 1"),
        (b"\xff", "line 1: it is not UTF-8: byte 0xff at offset 0"),
        (b"{", "line 1"),
        (b"[]", "not a JSON object"),
    ],
)
async def test_an_invalid_file_is_refused(
    text: bytes, said: str, make_services: MakeServices, operator: Operator
) -> None:
    """With the reason."""
    await make_services()
    with pytest.raises(RefusedError, match=said):
        await exports.load(operator, APP, io.BytesIO(text))


async def test_a_byte_order_mark_is_accepted(
    make_services: MakeServices, operator: Operator
) -> None:
    """An editor may have put one in front."""
    await make_services()
    text = f"{json.dumps(HEAD)}\n{json.dumps(USER)}\n"

    rows = await exports.load(operator, APP, io.BytesIO(text.encode("utf-8-sig")))

    assert rows == {"users": 1}


async def test_a_field_keeps_its_type(make_services: MakeServices, operator: Operator) -> None:
    """Another type in the file is a conflict."""
    await make_services()
    with pytest.raises(ConflictError, match="the field username of user is a string here"):
        await load(operator, [HEAD, FIELD])


VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5)
    | st.sampled_from(["2026-01-02T03:04:05Z", FRIEND, "user", "string", "a" * 900]),
    lambda inner: st.lists(inner, max_size=2)
    | st.dictionaries(st.text(max_size=3), inner, max_size=2),
    max_leaves=4,
)  # fmt: skip


@pytest.fixture
async def first_export(filled: Services, operator: Operator) -> Lines:
    """The export that every example starts from."""
    return await exported(operator)


@given(data=st.data())
@settings(
    deadline=None,
    max_examples=40,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
async def test_any_file_is_imported_or_refused(
    data: st.DataObject, first_export: Lines, operator: Operator
) -> None:
    """What was imported can be exported again."""
    lines = copy.deepcopy(first_export)
    for _ in range(data.draw(st.integers(1, 3))):
        line = data.draw(st.sampled_from(lines[1:]))
        name = data.draw(st.sampled_from([*line["row"], "other"]))
        line["row"][name] = data.draw(VALUES)
    before = await exported(operator)
    try:
        await load(operator, lines, replace=True)
    except RefusedError:
        assert (await exported(operator))[1:] == before[1:]
    else:
        await load(operator, await exported(operator), replace=True)
