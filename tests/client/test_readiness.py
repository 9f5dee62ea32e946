"""Ready files and URLs of servers that are waited for."""

from pathlib import Path

import pytest
from skylogin.client import readiness


def test_a_ready_file_has_the_url(tmp_path: Path) -> None:
    """Among other facts."""
    file = tmp_path / "ready.json"
    file.write_text('{"url": "http://[::1]:80/", "port": 80}\n')

    assert readiness.url_in(file) == "http://[::1]:80/"


@pytest.mark.parametrize("content", ["", "[]", "{}", "{", "1", "\udcff"])
def test_an_invalid_ready_file_has_no_url(content: str, tmp_path: Path) -> None:
    """Nor does a missing one."""
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
def test_an_invalid_url_is_not_ready(url: str) -> None:
    """And that is the problem that is returned."""
    assert readiness.wait_until_ready(lambda: url, 0) in ("not a URL", "no ready line")


def test_nan_seconds_are_no_wait() -> None:
    """They would never be over."""
    assert readiness.wait_until_ready(lambda: "", float("nan"))
