"""Where the ready file says that the server is."""

from pathlib import Path

import pytest
from skylogin.client import readiness


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


@pytest.mark.parametrize(
    "url",
    [
        "",
        "localhost:3000",
        "http://",
        "http://[::1",
        "http://127.0.0.1:x",
        "http://127.0.0.1:99999",
        "http://a b:1",
        "http://\u00e9..\u00e9:1",
    ],
)
def test_what_is_no_url_is_not_ready(url: str) -> None:
    """However it is wrong."""
    assert readiness.wait_until_ready(lambda: url, 0) in ("not a URL", "there is no ready line")


def test_no_number_of_seconds_is_no_wait() -> None:
    """What is no number never passes."""
    assert readiness.wait_until_ready(lambda: "", float("nan"))
