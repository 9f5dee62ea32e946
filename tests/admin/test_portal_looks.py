"""How the pages look: on a phone and on a wide screen, in the light and in the dark."""

import os
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from .browsing import Client

pytestmark = pytest.mark.slow

AXE = Path(__file__).parent.parent / "clients" / "node_modules" / "axe-core" / "axe.min.js"
# `make screenshots` has them made anew; the README shows some of them.
SCREENSHOTS = os.environ.get("SCREENSHOTS", "")
WIDTHS = (1280, 390)
PAGES = {
    "start": "",
    "overview": "overview",
    "logins": "logins",
    "users": "users",
    "secrets": "secrets",
    "token": "token",
    "keys": "app",
    "audit": "audit",
    "settings": "settings",
    "apps": "apps",
    "nobody": "users?search=nobody",
    "nothing": "no-such-page",
}
RUN_AXE = """async () => (await axe.run()).violations
    .filter(one => ["serious", "critical"].includes(one.impact))
    .map(one => `${one.id}: ${one.nodes.map(node => node.html).join(" ")}`)"""


@pytest.fixture(params=["light", "dark"])
def page(request: pytest.FixtureRequest, require: Any, browser: Any) -> Iterator[Any]:
    """A page that lets the checks of accessibility in."""
    require(None if AXE.is_file() else "axe-core is not installed: `make test` does it")
    context = browser.new_context(color_scheme=request.param, bypass_csp=True)
    page = context.new_page()
    page.scheme = request.param
    yield page
    context.close()


def test_every_page_can_be_read(page: Any, client: Client) -> None:
    """By anybody: axe-core finds nothing serious, and nothing runs over the side."""
    for number in range(3):
        client.log_in("mallory", expires_in=-12 - number)
        client.log_in("eve", secret="wrong")
    time.sleep(1.5)
    base = f"{client.server.url}/portal/"
    pages = {name: base + path for name, path in PAGES.items()}
    for name, link in (("user", "users"), ("login", "logins")):
        page.goto(base + link)
        pages[name] = base + page.locator("tbody a").first.get_attribute("href").removeprefix(
            "/portal/"
        )
    pages["delete"] = pages["user"] + "/delete"

    found = []
    for width in WIDTHS:
        page.set_viewport_size({"width": width, "height": 900})
        for name, url in pages.items():
            page.goto(url)
            if page.evaluate("document.documentElement.scrollWidth") > width:
                found.append(f"{name} is wider than {width}")
            if SCREENSHOTS:
                page.screenshot(path=f"{SCREENSHOTS}/{name}-{width}-{page.scheme}.png")
            page.add_script_tag(path=AXE)
            found += [f"{name} at {width}: {fault}" for fault in page.evaluate(RUN_AXE)]
    assert found == []
