"""Text and JSON as a terminal shows them."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from skylogin.encoding import visible

CHARSETS = ("ascii", "cp1252", "koi8-r", "utf-8")
texts = st.text(st.characters(exclude_categories=()))
values: st.SearchStrategy[Any] = st.recursive(
    st.none() | st.booleans() | st.integers() | texts,
    lambda inner: st.lists(inner) | st.dictionaries(texts, inner),
    max_leaves=8,
)

SHOWN = {
    "letters": ("Zoë Ångström 名前 שלום", "utf-8", "Zoë Ångström 名前 שלום"),
    "ascii": ("Zoë 名", "ascii", r"Zo\xeb \u540d"),
    "cp1252": ("Zoë 名 €", "cp1252", r"Zoë \u540d €"),
    "beyond 16 bits": ("\U0001f600", "cp1252", r"\U0001f600"),
    "line ends": ("a\r\nb\tc", "utf-8", r"a\r\nb\tc"),
    "an ANSI escape": ("\x1b[31mred", "utf-8", r"\x1b[31mred"),
    "C1": ("\x9b31m\x85\x7f", "utf-8", r"\x9b31m\x85\x7f"),
    "bidi overrides": ("\u202eecila\u2066\u200f", "utf-8", r"\u202eecila\u2066\u200f"),
    "invisible": ("a\u200bb\ufeff\u2028", "utf-8", r"a\u200bb\ufeff\u2028"),
    "bytes of a command line": ("\udcff", "utf-8", r"\udcff"),
    "a wide space": ("山田\u3000太郎\xa0x", "utf-8", "山田\u3000太郎\\xa0x"),
    "backslashes": (r"C:\n", "utf-8", r"C:\n"),
}


@pytest.mark.parametrize(("text", "charset", "shown"), SHOWN.values(), ids=SHOWN)
def test_what_a_terminal_would_obey_or_hide_is_an_escape(
    text: str, charset: str, shown: str
) -> None:
    """And so is what it cannot encode."""
    assert visible.text(text, charset) == shown


@given(text=texts, charset=st.sampled_from(CHARSETS))
def test_any_text_can_be_shown(text: str, charset: str) -> None:
    """Everywhere, as one line."""
    shown = visible.text(text, charset)

    assert all(map(visible.is_harmless, shown))
    assert shown.encode(charset).decode(charset) == shown


@given(value=values, charset=st.sampled_from(CHARSETS), indent=st.sampled_from([None, 2]))
def test_json_keeps_its_values(value: Any, charset: str, indent: int | None) -> None:
    """And is as harmless."""
    shown = visible.json_text(value, charset, indent)

    # A pair of surrogates is one character in JSON.
    assert json.loads(shown) == json.loads(json.dumps(value))
    assert all(map(visible.is_harmless, shown.replace("\n", "")))
    assert indent or "\n" not in shown
    shown.encode(charset)
