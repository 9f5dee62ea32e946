"""Text in UTF-8, with or without a byte order mark, and what is something else."""

import pytest
from skylogin.domain import text_file
from skylogin.domain.text_file import NotTextError


@pytest.mark.parametrize("text", ["", "a", "ö\n🦊", "\ufeffa"])
@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig"])
def test_a_text_is_read(text: str, encoding: str) -> None:
    """Only one byte order mark belongs to the file."""
    assert text_file.read(text.encode("utf-8-sig")) == text
    assert text_file.read(text.encode(encoding)) == text.removeprefix(
        "\ufeff" if encoding == "utf-8" else ""
    )


REFUSED = {
    "Latin-1": ("a\né".encode("latin-1"), 2, "is not UTF-8: byte 0xe9 at offset 2"),
    "after a mark": (b"\xef\xbb\xbf\xe9", 1, "is not UTF-8: byte 0xe9 at offset 3"),
    "half a letter": ("aé".encode()[:-1], 1, "is not UTF-8: byte 0xc3 at offset 1"),
    "a surrogate": (b"\xed\xa0\x80", 1, "is not UTF-8: byte 0xed at offset 0"),
    "UTF-16": ("a".encode("utf-16"), 1, "is UTF-16, not UTF-8: byte 0xff at offset 0"),
    "UTF-16 from big": (b"\xfe\xff\x00a", 1, "is UTF-16, not UTF-8: byte 0xfe at offset 0"),
    "without a mark": (b"a\x00", 1, "is not a text in UTF-8: byte 0x00 at offset 1"),
}


@pytest.mark.parametrize(("data", "line", "problem"), REFUSED.values(), ids=REFUSED)
def test_another_encoding_is_refused(data: bytes, line: int, problem: str) -> None:
    """With the first byte that is wrong, and where it is."""
    with pytest.raises(NotTextError) as error:
        text_file.read(data)

    assert (str(error.value), error.value.line) == (problem, line)
