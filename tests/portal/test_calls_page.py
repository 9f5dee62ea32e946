"""The pages Calls, Stubs and Outbox: calls without secrets, what answers them, and mails."""

from http import HTTPStatus

import pytest
from skylogin.portal.stubs import ROWS_MAX

from tests.sites import Site

HELLO = "hello:world"


async def call(site: Site, action: str, **args: object) -> None:
    """Call an action of the default app."""
    await site.send("POST", "", json={"action": action, "api_key": "an-api-key", "args": args})


PAGES = {"calls": "No calls yet", "calls/stubs": "No stubs", "calls/outbox": "No mails"}


async def test_the_pages_show_calls_stubs_and_mails(dev_site: Site) -> None:
    """Escaped, and without secrets."""
    for path, nothing in PAGES.items():
        assert nothing in (await dev_site.get(path)).text

    added = await dev_site.post("calls/stubs", action=HELLO, result='{"a": "<b>"}', times="2")
    assert added.status == HTTPStatus.SEE_OTHER
    await call(dev_site, HELLO, name="<i>", password="hunter2")
    await call(dev_site, "hello:wrld")
    await dev_site.send(
        "POST",
        "auth/signup",
        json={
            "api_key": "an-api-key",
            "auth_data": {"email": "a@example.com"},
            "password": "long enough",
        },
    )
    await call(dev_site, "user:forgot-password", email="a@example.com")
    calls, stubs, outbox = [(await dev_site.get(path)).text for path in PAGES]
    page = calls + stubs + outbox

    assert "&lt;i&gt;" in calls
    assert "&lt;b&gt;" in stubs
    assert "did you mean hello:world, which has one?" in calls
    assert "1 of 2" in stubs
    assert "reset-password?code=" in outbox
    assert 'Outbox <span class="number">1</span>' in calls
    for hidden in ("hunter2", "long enough", "<i>", "<b>"):
        assert hidden not in page


async def test_stubs_and_calls_are_removed(dev_site: Site) -> None:
    """By their buttons."""
    await dev_site.get("calls/stubs")
    await dev_site.post("calls/stubs", action=HELLO, error="PluginTimeout", message="slow")
    await call(dev_site, HELLO)
    [stub] = dev_site.services.app.stubs.all()
    assert "PluginTimeout slow" in (await dev_site.get("calls/stubs")).text

    await dev_site.post(f"calls/stubs/{stub.id}/remove")
    await dev_site.post("calls/forget")

    assert dev_site.services.app.stubs.all() == []
    assert dev_site.services.app.calls.find() == []


async def test_the_newest_rows_come_first(dev_site: Site) -> None:
    """So many that the page is not too long; all of them if asked."""
    for number in range(ROWS_MAX + 1):
        await call(dev_site, f"hello:{number}.")
    newest, every = f"hello:{ROWS_MAX}.", "hello:0."

    page = (await dev_site.get("calls")).text
    whole = (await dev_site.get("calls?all=1")).text

    assert f"the latest {ROWS_MAX} of {ROWS_MAX + 1}." in page
    assert (f'<td><code title="{every}">' in page, newest in page) == (False, True)
    assert whole.index(newest) < whole.index(f'<code title="{every}">')


INVALID = {
    "an emulated action": ({"action": "me"}, "skylogin emulates me"),
    "no JSON": ({"action": HELLO, "result": "{"}, "result is not JSON"),
    "no number": ({"action": HELLO, "times": "often"}, "is not a number"),
    "nothing": ({}, "skylogin emulates a call without action"),
}


@pytest.mark.parametrize(("fields", "problem"), INVALID.values(), ids=INVALID)
async def test_an_invalid_stub_is_explained(
    dev_site: Site, fields: dict[str, str], problem: str
) -> None:
    """And what was typed is still there."""
    await dev_site.get("calls/stubs")

    page = await dev_site.post("calls/stubs", **fields)

    assert page.status == HTTPStatus.UNPROCESSABLE_ENTITY
    assert problem in page.text
    assert f'value="{fields.get("action", "")}"' in page.text
