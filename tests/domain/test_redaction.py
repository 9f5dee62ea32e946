"""What clients send, without its secrets."""

import json

import pytest
from skylogin.domain import redaction

HEAD = "eyJhbGciOiJIUzI1NiJ9"
TOKEN, SHOWN = f"{HEAD}.e30.c2lnbmF0dXJl", f"{HEAD}.e30.…"
TEXTS = {
    "alone": ("{}", "{}"),
    "in a sentence": ("see {}, please", "see {}, please"),
    "after other letters": ("token_{}", "token_{}"),
    "after a version": ("v1.2.{}", "v1.2.{}"),
    "in a path": ("/a.b/{}/c", "/a.b/{}/c"),
    "twice": ("{} {}", "{} {}"),
}


@pytest.mark.parametrize(("given", "shown"), TEXTS.values(), ids=TEXTS)
def test_the_signature_of_a_token_is_hidden(given: str, shown: str) -> None:
    """Wherever the token is."""
    assert redaction.text(given.replace("{}", TOKEN)) == shown.replace("{}", SHOWN)


@pytest.mark.parametrize("text", ["a.b.c", "1.2.3", "file.tar.gz", "eye.b.c", f"{HEAD}.e30"])
def test_other_words_with_dots_are_shown(text: str) -> None:
    """They have no signature."""
    assert redaction.text(text) == text


@pytest.mark.parametrize("part", ["ey", "eyJ.", "eyJhbGciOi."])
def test_a_long_word_is_looked_at_once(part: str) -> None:
    """Else this test would take minutes."""
    assert redaction.text("." + part * 300_000)


@pytest.mark.parametrize(
    ("given", "shown"),
    [
        ({"password": "hunter2", "a": 1}, {"password": "…", "a": 1}),
        ([{"user": {"apiKey": "hunter2"}}], [{"user": {"apiKey": "…"}}]),
        ([json.dumps({"pin": "hunter2"})], ['{"pin":"…"}']),
    ],
)
def test_json_in_a_string_is_looked_into(given: object, shown: object) -> None:
    """As clients send it that encode their arguments themselves."""
    text = redaction.redacted(json.dumps(given))
    assert isinstance(text, str)
    assert json.loads(text) == shown


@pytest.mark.parametrize("text", ['{ "a" : 1 }', "[1, 2]", "{", "[not JSON]", "[" * 5000])
def test_other_strings_stay_as_they_are(text: str) -> None:
    """To the letter, so that a test can wait for them."""
    assert redaction.redacted(text) == text
