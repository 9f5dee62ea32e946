"""Where key paths lead."""

import pytest
from skylogin.domain.fields import new_field
from skylogin.errors import RECORD_QUERY_INVALID, SkygearError
from skylogin.query.paths import Step, reach, resolve
from skylogin.query.predicate import KeyPath

AUTHOR, NAME = new_field("reference", "person"), new_field("string")
EDITOR = new_field("reference", "ghost")
SCHEMA = {"note": {"author": AUTHOR, "text": NAME, "editor": EDITOR}, "person": {"name": NAME}}


def test_a_path_leads_from_field_to_field() -> None:
    """A reference leads to the type that it refers to; reserved fields exist in every type."""
    assert resolve(KeyPath("text"), "note", SCHEMA) == [Step("note", "text", NAME)]
    assert resolve(KeyPath("author.name"), "note", SCHEMA) == [
        Step("note", "author", AUTHOR),
        Step("person", "name", NAME),
    ]
    assert resolve(KeyPath("author._id"), "note", SCHEMA)[1].field == new_field("string")


LEADS_NOWHERE = {
    "an unknown field": ("title", 'keypath "title" does not exist'),
    "an unknown field of another type": ("author.age", 'keypath "author.age" does not exist'),
    "a type that does not exist": ("editor._id", 'keypath "editor._id" does not exist'),
    "an empty name": ("author.", 'keypath "author." does not exist'),
    "a field that is not a reference": (
        "text.name",
        'field "text" in keypath "text.name" is not a reference',
    ),
    "the first error counts": ("title.author.name", 'keypath "title.author.name" does not exist'),
}


@pytest.mark.parametrize(("path", "message"), LEADS_NOWHERE.values(), ids=LEADS_NOWHERE)
def test_a_path_that_leads_nowhere_is_refused(path: str, message: str) -> None:
    """With the sentences of the original."""
    with pytest.raises(SkygearError) as caught:
        resolve(KeyPath(path), "note", SCHEMA)

    assert (caught.value.kind, caught.value.message) == (RECORD_QUERY_INVALID, message)


def test_a_path_reaches_the_first_field_that_is_unknown() -> None:
    """That is the field to load next."""
    assert reach(["author", "name", "x"], "note", {}) == [("note", "author")]
    assert reach(["author", "age", "x"], "note", SCHEMA) == [("note", "author"), ("person", "age")]
    assert reach(["text", "x"], "note", SCHEMA) == [("note", "text")]
