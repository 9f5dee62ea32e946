"""Reading the records of a call."""

from typing import Any

import pytest
from skylogin.domain import record_json
from skylogin.domain.record_json import GivenRecord
from skylogin.domain.user import FieldValue, RecordId
from skylogin.errors import SkygearError

NOTE = RecordId("note", "1")
READ = {
    "id": ({"_id": "note/1"}, GivenRecord(NOTE, None, {})),
    "id with slashes": ({"_id": "a/b/c"}, GivenRecord(RecordId("a", "b/c"), None, {})),
    "fields": (
        {"_id": "note/1", "title": "T", "_type": "x", "": 1, "_y": {"$type": "?"}},
        GivenRecord(NOTE, None, {"title": FieldValue("string", "T")}),
    ),
    "list": (
        {"_id": "note/1", "_access": [{"level": "read", "role": "a", "x": 1}]},
        GivenRecord(NOTE, [{"level": "read", "role": "a"}], {}),
    ),
    "empty list": ({"_id": "note/1", "_access": []}, GivenRecord(NOTE, [], {})),
    "null for a list": ({"_id": "note/1", "_access": None}, GivenRecord(NOTE, None, {})),
}


@pytest.mark.parametrize(("raw", "expected"), READ.values(), ids=READ)
def test_a_record_of_a_call_is_read(raw: dict[str, Any], expected: GivenRecord) -> None:
    """Its id, access list and fields; other names with an underscore are ignored."""
    assert record_json.read(raw) == expected


NOT_READ = {
    "no id": ({}, "missing required fields", ["id"]),
    "id of another type": ({"_id": 5}, "missing required fields", ["id"]),
    "no type": (
        {"_id": "abc"},
        'record: "_id" should be of format \'{type}/{id}\', got "abc"',
        ["id"],
    ),
    "text for a list": ({"_id": "a/b", "_access": "all"}, "_access must be an array", ["_access"]),
    "null for an entry": ({"_id": "a/b", "_access": [None]}, "invalid _access entry", ["_access"]),
    "bad value": ({"_id": "a/b", "x": {"$type": "foo"}}, "unknown $type = foo", None),
    "U+0000": ({"_id": "a/\0"}, 'invalid byte sequence for encoding "UTF8": 0x00', None),
}


@pytest.mark.parametrize(("raw", "message", "arguments"), NOT_READ.values(), ids=NOT_READ)
def test_an_invalid_record_is_refused(
    raw: dict[str, Any], message: str, arguments: list[str] | None
) -> None:
    """The refusal names the invalid argument."""
    with pytest.raises(SkygearError) as caught:
        record_json.read(raw)

    assert caught.value.message == message
    assert caught.value.info == (arguments and {"arguments": arguments})
