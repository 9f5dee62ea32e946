"""The frame of every page: the navigation, the apps to switch to, the search for a user."""

import html
import re
from http import HTTPStatus

import pytest
from skylogin import config
from skylogin.operations import apps
from skylogin.portal.navigation import GROUPS, links, section
from skylogin.portal.routes import ROUTES

from tests.sites import LOG_IN, MakeSite, Site

CURRENT = re.compile(r'<a href="([^"]*)" aria-current="([a-z]*)">')
SUBJECTS = ("anna", "annabel", "a&b")
SECTIONS = {
    "users": "users",
    "users/anna/delete": "users",
    "logins/1": "logins",
    "token/mint": "token",
    "": "",
    "try": "",
    "calls/stubs": "calls",
}


def test_each_entry_has_its_page() -> None:
    """In both commands that have it."""
    entries = [entry for group in GROUPS.values() for entry in group]
    pages = {route.path: route.dev_only for route in ROUTES if route.method == "GET"}

    assert {entry.path: entry.dev_only for entry in entries}.items() <= pages.items()


@pytest.mark.parametrize(("page", "path"), SECTIONS.items())
def test_a_page_belongs_to_an_entry(page: str, path: str) -> None:
    """A detail page to the entry of its list."""
    assert section(page, is_dev=True) == path


@pytest.mark.parametrize("path", ["calls", "calls/outbox", "tests", "nowhere"])
async def test_a_missing_page_does_not_lead_to_itself(serve_site: Site, path: str) -> None:
    """Of `skylogin serve`, which lacks some, as of any address."""
    await serve_site.sign_in()

    page = await serve_site.get(path)

    assert page.status == HTTPStatus.NOT_FOUND
    assert path not in page.text.partition("<main")[0]


def test_a_detail_page_lights_its_entry() -> None:
    """As a part of it, not as the page itself."""
    shown = [link for group in links("/p/", "users/anna", is_dev=True).values() for link in group]

    assert [(link.address, link.current) for link in shown if link.current] == [
        ("/p/users", "true")
    ]


async def test_the_switcher_lists_the_apps(make_site: MakeSite) -> None:
    """Each leads to the same page of the app."""
    site = await make_site(config.DEV)
    for name in ("shop", "blog"):
        await apps.create(site.operator, name)

    page = (await site.get("apps/shop/logins")).text

    switcher = page.partition('class="switcher"')[2].partition("</details>")[0]
    paths = re.findall(r'href="/portal/([^"]*)"', switcher)
    assert paths == ["logins", "apps/blog/logins", "apps/shop/logins", "apps"]
    assert CURRENT.findall(switcher) == [("/portal/apps/shop/logins", "true")]


@pytest.mark.core
async def test_a_user_is_found_from_every_page(dev_site: Site) -> None:
    """By the sub, the e-mail or the id; what several users have leads to the list."""
    seeded = [{"sub": sub, "profile": {"email": f"{sub}@example.com"}} for sub in SUBJECTS]
    await dev_site.admin("POST", "/apps/myapp/seed", json={"users": seeded})
    listed = (await dev_site.admin("GET", "/apps/myapp/users")).json()["users"]
    ids = {one["profile"]["email"].partition("@")[0]: one["id"] for one in listed}

    async def found(text: str) -> str:
        answer = await dev_site.get("find", params={"q": text})
        return answer.headers["Location"].removeprefix("/portal/")

    for text in ("anna", ids["anna"], "ANNA@example.com", "anna@"):
        assert await found(text) == f"users/{ids['anna']}", text
    assert await found("a&b") == f"users/{ids['a&b']}"
    assert await found("ann") == "users?search=ann"
    assert await found("no/one") == "users?search=no%2Fone"
    assert await found("") == "users?search="


async def test_the_search_stays_in_the_app(dev_site: Site) -> None:
    """Its form leads to the app of the page."""
    await dev_site.send("POST", f"apps/shop/{LOG_IN}", json={})

    page = html.unescape((await dev_site.get("apps/shop/settings")).text)

    assert 'action="/portal/apps/shop/find"' in page
