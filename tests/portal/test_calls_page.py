"""The page Calls: calls without secrets, stubs and mails."""

from http import HTTPStatus

import pytest

from tests.sites import Site

HELLO = "hello:world"


async def call(site: Site, action: str, **args: object) -> None:
    """Call an action of the default app."""
    await site.send("POST", "", json={"action": action, "api_key": "an-api-key", "args": args})


async def test_the_page_shows_calls_stubs_and_mails(dev_site: Site) -> None:
    """Escaped, and without secrets."""
    empty = (await dev_site.get("calls")).text
    assert ("No calls yet" in empty, "No stubs" in empty, "No mails" in empty) == (True,) * 3

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
    page = (await dev_site.get("calls")).text

    assert "&lt;i&gt;" in page
    assert "&lt;b&gt;" in page
    assert "did you mean hello:world, which has one?" in page
    assert "1 of 2" in page
    assert "reset-password?code=" in page
    for hidden in ("hunter2", "long enough", "<i>", "<b>"):
        assert hidden not in page


async def test_stubs_and_calls_are_removed(dev_site: Site) -> None:
    """By their buttons."""
    await dev_site.get("calls")
    await dev_site.post("calls/stubs", action=HELLO, error="PluginTimeout", message="slow")
    await call(dev_site, HELLO)
    [stub] = dev_site.services.app.stubs.all()
    assert "PluginTimeout slow" in (await dev_site.get("calls")).text

    await dev_site.post(f"calls/stubs/{stub.id}/remove")
    await dev_site.post("calls/forget")

    assert dev_site.services.app.stubs.all() == []
    assert dev_site.services.app.calls.find() == []


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
    await dev_site.get("calls")

    page = await dev_site.post("calls/stubs", **fields)

    assert page.status == HTTPStatus.UNPROCESSABLE_ENTITY
    assert problem in page.text
    assert f'value="{fields.get("action", "")}"' in page.text
