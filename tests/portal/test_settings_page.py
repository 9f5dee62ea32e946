"""The page Settings, and bad tokens on the page Tokens."""

import html
import re

import pytest
from skylogin import config
from skylogin.config.settings import VARIABLES
from skylogin.portal.setting_groups import CHANGED, GROUPS, group_of
from skylogin.tokens.bad_tokens import KINDS

from tests.sites import MakeSite, Site

HEADING = re.compile(r"<h2>(.*?) <span")
ROW = re.compile(r'<th scope="row"><code>(\w+)</code>')


def test_every_group_has_settings() -> None:
    """Each setting is in one."""
    assert {group_of(variable) for variable in VARIABLES} == set(GROUPS)


async def test_changed_settings_come_first(make_site: MakeSite) -> None:
    """The others follow in groups; none is left out."""
    site = await make_site(config.DEV, SKYLOGIN_LEEWAY_SECONDS="30")

    page = (await site.get("settings")).text

    first, *others = HEADING.findall(page)
    assert first == CHANGED
    assert others == [group for group in GROUPS if group in others]
    changed = page[: page.index(f"<h2>{others[0]}")]
    assert "SKYLOGIN_LEEWAY_SECONDS" in changed
    assert sorted(ROW.findall(page)) == sorted(VARIABLES)


async def test_limits_are_shown_with_how_often_they_were_reached(make_site: MakeSite) -> None:
    """Those in force; `skylogin dev` has none."""
    site = await make_site(config.SERVE, SKYLOGIN_LIMITS="calls=2/h,websockets=7")
    for _ in range(5):
        await site.browser.get("/")
    await site.sign_in()

    page = (await site.get("settings")).text
    limits = page[page.index('<h2 id="limits">') :]
    assert re.search(r">calls</th><td>2 an hour</td><td>.*?</td><td>3</td>", limits)
    assert re.search(r">websockets</th><td>7 at once</td><td>.*?</td><td>0</td>", limits)
    assert ">body_bytes</th>" not in limits
    dev = await make_site(config.DEV)
    assert "Nothing is limited." in (await dev.get("settings")).text


async def test_settings_are_searched(dev_site: Site) -> None:
    """By every word, in names, values and meanings."""
    page = (await dev_site.get("settings", params={"search": "LOG keeps days"})).text

    assert ROW.findall(page) == ["SKYLOGIN_LOGIN_LOG_DAYS"]
    nothing = (await dev_site.get("settings", params={"search": "<b>"})).text
    assert "No setting has these words" in nothing
    assert 'value="&lt;b&gt;"' in nothing


@pytest.mark.parametrize("kind", KINDS)
async def test_a_bad_token_is_made_and_explained(kind: str, dev_site: Site) -> None:
    """As in the pytest fixture: each is refused for its reason."""
    await dev_site.get("token")

    page = await dev_site.post("token/mint", subject="anna", expires_in="60", bad=kind)

    assert page.ok
    assert f"refused</span> {KINDS[kind].reason}</h2>" in page.text
    assert f'<option value="{kind}" selected>' in page.text
    [minted] = re.findall(r'<pre id="minted"[^>]*>(.*?)</pre>', page.text)
    assert html.unescape(minted)


async def test_an_unknown_kind_of_bad_token_is_refused(dev_site: Site) -> None:
    """Nothing typed is lost."""
    await dev_site.get("token")

    page = await dev_site.post("token/mint", subject="anna", expires_in="60", bad="x")

    assert "is not a kind of bad token" in html.unescape(page.text)
    assert 'value="anna"' in page.text
