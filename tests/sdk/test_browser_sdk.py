"""The original's JavaScript SDK, its bundle for browsers, in a page of another origin.

The page and the server have different ports, so the browser asks the server by
real preflight requests what the page may do.
"""

import shutil
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, Page, sync_playwright

from tests.sdk.conftest import CLIENTS, PACKAGE, Endpoint, check_app

# What Chromium needs to run as root, and to leave everybody but us alone.
ARGUMENTS = (
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
)
MILLISECONDS_MAX = 60_000
PAGE = b"""<!doctype html><meta charset="utf-8"><title>An app</title>
<script src="/skygear.min.js"></script><script src="/app_scenario.js"></script>
"""
FILES = {
    "/skygear.min.js": PACKAGE / "dist" / "skygear.min.js",
    "/app_scenario.js": CLIENTS / "app_scenario.js",
}
PLAY = "settings => playApp(skygear, settings).catch(reason => { throw describe(reason); })"
LOG_IN = """
async ({ endPoint, apiKey, customTokens }) => {
    await skygear.config({ endPoint, apiKey });
    return skygear.auth.loginWithCustomToken(customTokens[0]).then(
        user => ({ user: user._id }),
        ({ status, error }) => ({ status: String(status), code: error.code || null })
    );
}
"""


class Site(BaseHTTPRequestHandler):
    """Serves the page, the bundle and the scenario."""

    def do_GET(self) -> None:
        """Answer with a file, or with the page."""
        file: Path | None = FILES.get(self.path)
        body = file.read_bytes() if file else PAGE
        kind = "text/javascript" if file else "text/html"
        self.send_response(200)
        self.send_header("Content-Type", f"{kind}; charset=utf-8")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: Any) -> None:
        """Say nothing."""


@pytest.fixture(scope="module")
def site() -> Iterator[str]:
    """The URL of the app's own site."""
    with ThreadingHTTPServer(("127.0.0.1", 0), Site) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}/"
        server.shutdown()
        thread.join()


@pytest.fixture(scope="module")
def browser(require: Any) -> Iterator[Browser]:
    """The system's Chromium, without a window."""
    require("chromium", "the packages of tests/sdk")
    program = shutil.which("chromium") or shutil.which("chromium-browser")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=program, args=ARGUMENTS)
        yield browser
        browser.close()


@pytest.fixture
def page(browser: Browser, site: str) -> Iterator[Page]:
    """The app's page, with a storage of its own."""
    with browser.new_context() as context:
        page = context.new_page()
        page.set_default_timeout(MILLISECONDS_MAX)
        page.goto(site)
        yield page


@pytest.mark.slow
def test_an_app_runs_in_a_browser(page: Page, endpoint: Endpoint) -> None:
    """The same app as in Node, from a page of another origin."""
    check_app(page.evaluate(PLAY, endpoint.app_settings()))
    endpoint.check_nothing_crashed()


@pytest.mark.slow
def test_a_login_outlives_its_page(page: Page, endpoint: Endpoint) -> None:
    """The SDK keeps user and token in the browser's storage."""
    settings = endpoint.app_settings()
    logged_in = page.evaluate(LOG_IN, settings)
    page.reload()

    me = page.evaluate(
        """async ({ endPoint, apiKey }) => {
            await skygear.config({ endPoint, apiKey });
            return { user: (await skygear.auth.whoami())._id };
        }""",
        settings,
    )

    assert me == logged_in
    assert set(me) == {"user"}


@pytest.mark.slow
def test_a_page_that_is_not_allowed_sees_no_answer(page: Page, start_server: Any) -> None:
    """What CORS_HOST says holds: the browser hides the answer from any other page."""
    server = start_server("dev", "--port", "0", "--ephemeral", CORS_HOST="http://app.example")
    facts = server.facts
    keys = (facts["api_key"], facts["master_key"], facts["custom_token_secret"])

    seen = page.evaluate(LOG_IN, Endpoint(server.url, *keys, server).app_settings())

    assert seen == {"status": "undefined", "code": None}
