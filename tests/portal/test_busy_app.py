"""The pages of an app with 200 users and 500 logins, in a real browser."""

from collections.abc import Iterator
from typing import Any

import pytest
from skylogin.testing import SkyloginServer

from tests.browsers import Client
from tests.portal import busy_app

pytestmark = [pytest.mark.slow, pytest.mark.xdist_group("busy app")]

ROWS, HEIGHT_MAX, PHONE_WIDTH = 50, 2500, 390
PAGES = ("overview", "secrets", "token", "app", "tests", "settings")
CALLS = ("calls", "calls/stubs", "calls/outbox")
LISTS = ("users", "logins", "logins?accepted=no", *CALLS, "audit", "apps")
# What is cut off, or can only be seen by scrolling sideways. A field scrolls by itself.
CLIPPED = """() => [...document.querySelectorAll("body *")].filter((one) => {
    const { right, width } = one.getBoundingClientRect();
    const hides = getComputedStyle(one).overflowX !== "visible";
    return one.checkVisibility() && width > 2 && !one.matches("input, textarea, select, .skip")
        && (right > innerWidth + 1 || (hides && one.scrollWidth > one.clientWidth + 1));
}).map((one) => one.outerHTML.slice(0, 120))"""


@pytest.fixture(scope="module")
def busy(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Client]:
    """A server whose default app is busy."""
    database = f"sqlite:///{tmp_path_factory.mktemp('busy') / 'busy_app.db'}"
    with SkyloginServer(database=database) as server:
        client = Client(server, database)
        busy_app.fill(client)
        yield client


@pytest.fixture
def open_page(browser: Any, busy: Client) -> Iterator[Any]:
    """Return a function that opens a page of the portal at a width."""
    context = browser.new_context()
    page = context.new_page()

    def go(path: str, width: int) -> Any:
        page.set_viewport_size({"width": width, "height": 900})
        page.goto(f"{busy.server.url}/portal/{path}")
        return page

    yield go
    context.close()


@pytest.mark.parametrize("path", LISTS)
def test_a_list_has_one_line_a_row(open_page: Any, path: str) -> None:
    """Whatever the names and the e-mails are."""
    page = open_page(path, 1280)

    heights = {round(row.bounding_box()["height"]) for row in page.locator("tbody tr").all()}
    assert page.locator("tbody tr").count() == ROWS
    assert max(heights) < 2 * min(heights), heights
    assert page.evaluate("document.documentElement.scrollHeight") < HEIGHT_MAX
    assert page.evaluate(CLIPPED) == []


def test_nothing_is_clipped_on_a_phone(open_page: Any, busy: Client) -> None:
    """On each page with that data."""
    app = busy.server.app()
    users = [f"users/{app.users[sub].id}" for sub, _ in list(busy_app.profiles())[:2]]
    logins = [f"logins/{one.id}" for one in app.logins[-12:]]
    pages = ("", "?show=secret", *PAGES, *LISTS, *users, *logins, "users?search=nobody")

    clipped = {path: open_page(path, PHONE_WIDTH).evaluate(CLIPPED) for path in pages}

    assert {path: found for path, found in clipped.items() if found} == {}


def test_the_shortened_id_is_copied_whole(browser: Any, busy: Client) -> None:
    """By the button beside it."""
    context = browser.new_context(permissions=["clipboard-read", "clipboard-write"])
    page = context.new_page()
    page.goto(f"{busy.server.url}/portal/users?search=user-4")
    user_id = busy.server.app().users["user-4"].id
    row = page.locator("tbody tr").filter(has=page.get_by_text("user-4", exact=True))
    shown = row.locator(".shortened code").inner_text()

    row.get_by_role("button", name="Copy the id").click()
    page.get_by_role("button", name="Copied").wait_for()

    assert page.evaluate("navigator.clipboard.readText()") == user_id
    assert len(shown) < len(user_id)
    context.close()


def test_rows_that_are_read_do_not_jump(open_page: Any, busy: Client) -> None:
    """New ones wait until the pointer has left."""
    page = open_page("logins", 1280)
    page.get_by_text("Live").wait_for()
    row = page.locator("tbody tr").nth(3)
    text = row.inner_text()
    row.hover()
    place = row.bounding_box()

    busy.log_in("a-newcomer", secret="wrong")
    page.get_by_text("1 new, shown when you leave the list").wait_for()
    assert (row.inner_text(), row.bounding_box()) == (text, place)
    page.locator("h1").hover()

    page.locator("tbody tr").filter(has_text="a-newcomer").wait_for()
