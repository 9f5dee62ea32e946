"""Where the ready file says that the server is."""

from pathlib import Path

import pytest
from skylogin import readiness


def test_a_ready_file_says_the_url(tmp_path: Path) -> None:
    """Whatever else is in its line."""
    file = tmp_path / "ready.json"
    file.write_text('{"url": "http://[::1]:80/", "port": 80}\n')

    assert readiness.url_in(file) == "http://[::1]:80/"


@pytest.mark.parametrize("content", ["", "[]", "{}", "{", "1", "\udcff"])
def test_what_is_no_ready_line_says_nothing(content: str, tmp_path: Path) -> None:
    """As a file that is not there says nothing."""
    file = tmp_path / "ready.json"
    file.write_text(content, encoding="utf-8", errors="surrogateescape")

    assert readiness.url_in(file) == readiness.url_in(tmp_path / "missing") == ""
