"""Requests that no browser sends: they are answered like any other, and cost little."""

import asyncio
import logging
from http import HTTPStatus

import pytest
from skylogin.portal import templates

from tests.sites import Site

COOKIES = (b"skylogin_session=\xff", b"\xff=\xfe", b"skylogin_session=\xff; skylogin_session=a")


@pytest.mark.parametrize("cookie", COOKIES)
async def test_a_cookie_that_is_not_ascii_is_no_session(cookie: bytes, dev_site: Site) -> None:
    """Nor is it an error of the server."""
    host, port = dev_site.browser.host, dev_site.browser.port
    lines = (b"GET /portal/ HTTP/1.1", f"Host: {host}:{port}".encode(), b"Cookie: " + cookie)
    reader, writer = await asyncio.open_connection(host, port)
    writer.write(b"\r\n".join((*lines, b"", b"")))

    assert await reader.readline() == b"HTTP/1.1 200 OK\r\n"
    writer.close()
    await writer.wait_closed()


async def test_names_of_static_files_are_only_looked_up(
    dev_site: Site, caplog: pytest.LogCaptureFixture
) -> None:
    """However long they are: nothing is kept of them, and nothing is logged."""
    names = [*(f"{'a' * 16_000}{number}" for number in range(20)), "", "templates.py", "a/b.css"]
    with caplog.at_level(logging.INFO):
        statuses = {(await dev_site.get(f"static/{name}")).status for name in names}

    assert statuses == {HTTPStatus.NOT_FOUND}
    assert not caplog.records
    assert templates.static("portal.css") is not None
