"""The static files of the portal."""

import logging
from http import HTTPStatus

import pytest
from skylogin.portal import templates

from tests.sites import Site


async def test_names_of_static_files_are_only_looked_up(
    dev_site: Site, caplog: pytest.LogCaptureFixture
) -> None:
    """However long they are: nothing is kept of them, and nothing is logged."""
    names = [*(f"{'a' * 16_000}{number}" for number in range(20)), "", "templates.py", "a/b.css"]
    with caplog.at_level(logging.INFO):
        statuses = {(await dev_site.get(f"static/{name}")).status for name in names}

    assert statuses == {HTTPStatus.NOT_FOUND}
    assert not caplog.records
    assert "portal.css" in templates.static_files()
