"""Accessibility of the pages: on a phone and a wide screen, in light and dark."""

import asyncio
import math
import random
import re
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from skylogin.clock import system_now
from skylogin.database import Store
from skylogin.store import login_counts
from skylogin.store.login_counts import Counts

from tests.browsers import Client
from tests.portal.pictures import SHOWN

pytestmark = [pytest.mark.slow, pytest.mark.xdist_group("accessibility")]

AXE = Path(__file__).parent.parent / "sdk" / "node_modules" / "axe-core" / "axe.min.js"
README = (Path(__file__).parent.parent.parent / "README.md").read_text(encoding="utf-8")
DAY_MINUTES = 24 * 60
PHONE_WIDTH = 390
STOPS_MAX = 300
WIDTHS = (1280, PHONE_WIDTH)
PAGES = {
    "start": "",
    "overview": "overview",
    "logins": "logins",
    "invalid filter": "logins?subject=eve&since=2026-01-02T03:04&until=x",
    "users": "users",
    "secrets": "secrets",
    "token": "token",
    "keys": "app",
    "audit": "audit",
    "settings": "settings",
    "apps": "apps",
    "tests": "tests",
    "calls": "calls",
    "stubs": "calls/stubs",
    "outbox": "calls/outbox",
    "no users": "users?search=nobody",
    "unknown page": "no-such-page",
}
RUN_AXE = """async rules => (await axe.run(rules.length ? {runOnly: rules} : {})).violations
    .filter(one => ["serious", "critical"].includes(one.impact))
    .map(one => `${one.id}: ${one.nodes.map(node => node.html).join(" ")}`)"""

# What axe-core looks at in each scheme, everything if no rules are named: only colours differ.
RULES = {"light": [], "dark": ["color-contrast", "link-in-text-block"]}

# Collects everything that can be focused, for the next script.
LIST_STOPS = """() => {
    const all = "a[href], button, input, select, textarea, summary, [tabindex='0']";
    window.stops = [...document.querySelectorAll(all)]
        .filter(one => one.checkVisibility({visibilityProperty: true}) && !one.disabled
            && one.type !== "hidden" && one.tabIndex >= 0);
    return window.stops.length;
}"""
# Which of them has the focus, and whether it is visible.
LOOK_AT_FOCUS = """() => {
    const one = document.activeElement;
    const style = getComputedStyle(one);
    const seen = (style.outlineStyle !== "none" && parseFloat(style.outlineWidth) > 0)
        || style.boxShadow !== "none";
    return [window.stops.indexOf(one), seen, one.outerHTML.slice(0, 80)];
}"""


@pytest.fixture
def page(require: Any, browser: Any) -> Iterator[Any]:
    """A page into which axe-core can be loaded."""
    require("the packages of tests/sdk")
    context = browser.new_context(bypass_csp=True)
    page = context.new_page()
    yield page
    context.close()


def test_the_readme_shows_the_pictures() -> None:
    """`make screenshots` makes them."""
    folder = Path(__file__).parent.parent.parent / "docs" / "screenshots"
    named = set(re.findall(r"docs/screenshots/([a-z0-9-]+)\.png", README))
    assert named == set(SHOWN) == {one.stem for one in folder.iterdir()}


async def add_a_day(database: str) -> None:
    """Add counts of accepted and refused logins through the last day."""
    now = system_now().replace(second=0, microsecond=0)
    numbers = random.Random(1)
    attempts = {}
    for ago in range(1, DAY_MINUTES):
        busy = 3 + 2.5 * math.sin(ago / DAY_MINUTES * 2 * math.pi)
        minute = now - timedelta(minutes=ago)
        attempts[minute, "updated"] = int(busy * 4 + numbers.random() * 6)
        attempts[minute, "expired"] = int(numbers.random() * busy)
    store = Store(database)
    try:
        await store.run(lambda tx: login_counts.add(tx, "myapp", Counts(attempts, {})))
    finally:
        await store.close()


def test_every_page_is_accessible(page: Any, client: Client) -> None:
    """axe-core finds nothing serious, and nothing is wider than the screen."""
    for number in range(3):
        client.log_in("eve", secret="wrong")
        client.log_in("mallory", expires_in=-12 - number)
    # Playwright runs an event loop in this thread.
    with ThreadPoolExecutor() as threads:
        threads.submit(lambda: asyncio.run(add_a_day(client.database))).result()
    client.control("faults", kind="latency", seconds=2, calls=3, action="sso:custom_token:login")
    client.control("faults", kind="drop", probability=0.3, seed=7)
    client.control("snapshots", name="three-users")
    client.write_counts()
    pages = addresses(page, client)

    found = []
    for width in WIDTHS:
        page.set_viewport_size({"width": width, "height": 900})
        for name, url in pages.items():
            page.goto(url)
            if page.evaluate("document.documentElement.scrollWidth") > width:
                found.append(f"{name} is wider than {width}")
            page.add_script_tag(path=AXE)
            for scheme, rules in RULES.items():
                page.emulate_media(color_scheme=scheme)
                violations = page.evaluate(RUN_AXE, rules)
                found += [f"{name} at {width}, {scheme}: {one}" for one in violations]
    assert found == []


def addresses(page: Any, client: Client) -> dict[str, str]:
    """Return the address of every page, and of one user and one login attempt."""
    base = f"{client.server.url}/portal/"
    pages = {name: base + path for name, path in PAGES.items()}
    for name, link in (("user", "users"), ("login", "logins")):
        page.goto(base + link)
        href = page.locator("tbody a").first.get_attribute("href")
        pages[name] = base + href.removeprefix("/portal/")
    pages["delete"] = pages["user"] + "/delete"
    return pages


def test_every_page_works_with_the_keyboard(browser: Any, client: Client) -> None:
    """Tab reaches everything that can be focused, and the focus is visible."""
    client.log_in("eve", secret="wrong")
    client.control("faults", kind="drop", probability=0.3, seed=7)
    client.write_counts()
    context = browser.new_context()
    page = context.new_page()
    found = []
    for name, url in addresses(page, client).items():
        page.goto(url)
        left = set(range(page.evaluate(LIST_STOPS)))
        assert left, name
        # A date field has several tab stops.
        presses = 0
        while left and presses < STOPS_MAX:
            presses += 1
            page.keyboard.press("Tab")
            number, seen, html = page.evaluate(LOOK_AT_FOCUS)
            left.discard(number)
            if number >= 0 and not seen:
                found.append(f"{name}: the focus on {html} is not visible")
        found += [
            f"{name}: Tab does not reach {page.evaluate(f'window.stops[{one}].outerHTML')}"
            for one in left
        ]
    context.close()
    assert found == []


def test_a_long_word_does_not_widen_a_page(browser: Any, client: Client) -> None:
    """On a phone."""
    word = "w" * 300
    client.log_in("longest", username=word, email=f"{word}@example.com", motto=word)
    client.log_in("l" * 36, secret="wrong")
    client.write_counts()
    context = browser.new_context(viewport={"width": PHONE_WIDTH, "height": 900})
    page = context.new_page()
    base = f"{client.server.url}/portal/"
    found = []
    for path in ("users", "logins", "user", "login", "user/delete"):
        page.goto(base + path.partition("/")[0].removesuffix("s") + "s")
        if not path.endswith("s"):
            page.locator("tbody a").first.click()
            page.wait_for_load_state()
            if path == "user/delete":
                page.get_by_role("link", name="Delete").click()
                page.wait_for_load_state()
        if page.evaluate("document.documentElement.scrollWidth") > PHONE_WIDTH:
            found.append(path)
    context.close()
    assert found == []
