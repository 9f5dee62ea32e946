"""The copy buttons of every page: the clipboard then has the real value."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from skylogin import config, portal

from tests.browsers import Client

pytestmark = [pytest.mark.slow, pytest.mark.xdist_group("browser walk")]

TEMPLATES = Path(portal.__file__).parent / "html"
PERMISSIONS = ["clipboard-read", "clipboard-write"]


@pytest.fixture
def page(browser: Any, client: Client) -> Iterator[Any]:
    """A page of the portal that may use the clipboard."""
    context = browser.new_context(permissions=PERMISSIONS)
    page = context.new_page()
    page.set_default_timeout(8000)
    yield page
    context.close()


def copied(page: Any) -> dict[str, str]:
    """Click each copy button of a page, and return what is then in the clipboard."""
    page.evaluate(
        "document.querySelectorAll('main details').forEach((one) => { one.open = true; })"
    )
    texts = {}
    for button in page.locator("[data-copy]").all():
        page.evaluate("navigator.clipboard.writeText('')")
        button.click()
        button.get_by_text("Copied").wait_for()
        name = button.get_attribute("data-copy")
        texts[name] = page.evaluate("navigator.clipboard.readText()")
    return texts


def shown(page: Any) -> dict[str, str]:
    """Return the texts of a page that can be copied."""
    found = page.locator(".copyable pre").all()
    return {one.get_attribute("id"): one.text_content() for one in found}


def test_masked_texts_are_copied_as_they_are(page: Any, client: Client) -> None:
    """On the start page, whose secret and examples are masked at first."""
    url = f"{client.server.url}/portal/"
    page.goto(url)
    masked, texts = shown(page), copied(page)
    assert shown(page) == masked
    page.goto(f"{url}?show=secret")

    assert texts == shown(page) == copied(page)
    assert texts["secret"] == client.server.custom_token_secret
    assert {name for name in masked if config.MASK in masked[name]} == {
        *("secret", "javascript", "python", "ruby", "java")
    }
    assert [name for name in texts if config.MASK in texts[name]] == []


def test_without_a_clipboard_the_real_text_is_selected(browser: Any, client: Client) -> None:
    """As on a page without TLS."""
    context = browser.new_context()
    page = context.new_page()
    page.add_init_script("Object.defineProperty(navigator, 'clipboard', { value: undefined });")
    page.goto(f"{client.server.url}/portal/")
    button = page.locator("[data-copy=secret]")
    button.click()
    button.get_by_text("Selected").wait_for()

    selected = page.evaluate("getSelection().toString()")
    context.close()
    assert selected.strip() == client.server.custom_token_secret


def test_every_other_page_copies_what_it_shows(page: Any, client: Client) -> None:
    """Keys, secrets, tokens, answers and commands."""
    app, url = client.server.app(), f"{client.server.url}/portal/"
    [secret_id] = {one.secret_id for one in app.logins}
    templates = set()
    paths = ("app?show=keys", f"secrets?show={secret_id}")
    for path in (*paths, f"logins/{app.logins.last.id}", "token"):
        page.goto(url + path)
        if path == "token":
            page.get_by_role("button", name="Make token").click()
        texts = copied(page)
        assert texts == shown(page)
        assert [name for name in texts if config.MASK in texts[name]] == []
        if texts:
            name = "login" if path.startswith("logins/") else path.split("?")[0]
            templates.add(f"{name}.html")
    page.goto(url)
    page.get_by_role("button", name="Log in").click()
    assert copied(page)["answer"] == shown(page)["answer"]

    page.goto(f"{url}app")
    assert copied(page) == {"api-key": app.api_key, "master-key": app.master_key}
    page.goto(f"{url}secrets")
    assert copied(page) == {f"secret-{secret_id}": client.server.custom_token_secret}
    # A page that gets a copy button is added above.
    using = {path.name for path in TEMPLATES.glob("*.html") if "copyable(" in path.read_text()}
    assert using - {"macros.html", "start.html"} == templates
