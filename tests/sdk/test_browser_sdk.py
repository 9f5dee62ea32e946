"""The original's JavaScript SDK, its bundle for browsers, in a page of another origin.

The page and the server have different ports, so the browser sends real preflight
requests.
"""

import shutil
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, Page, sync_playwright
from skylogin.testing import SkyloginServer

from tests.sdk.conftest import CLIENTS, PACKAGE, Endpoint, check_app

# Chromium runs as root only without its sandbox; the rest keeps it off the network.
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
pytestmark = [pytest.mark.slow, pytest.mark.xdist_group("browser SDK")]
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
    """The site of the app: the page, the bundle and the scenario."""

    def do_GET(self) -> None:
        """Send a file, or the page."""
        file: Path | None = FILES.get(self.path)
        body = file.read_bytes() if file else PAGE
        kind = "text/javascript" if file else "text/html"
        self.send_response(200)
        self.send_header("Content-Type", f"{kind}; charset=utf-8")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: Any) -> None:
        """Log nothing."""


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
    """The app's page, with its own storage."""
    with browser.new_context() as context:
        page = context.new_page()
        page.set_default_timeout(MILLISECONDS_MAX)
        page.goto(site)
        yield page


def test_an_app_runs_in_a_browser(page: Page, endpoint: Endpoint) -> None:
    """The same app as in Node."""
    check_app(page.evaluate(PLAY, endpoint.app_settings()))


def test_a_login_outlives_its_page(page: Page, endpoint: Endpoint) -> None:
    """The SDK stores user and token in the browser."""
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


def test_a_page_of_another_origin_than_cors_host_sees_no_answer(page: Page) -> None:
    """The browser hides the answer from it."""
    with SkyloginServer({"CORS_HOST": "http://app.example"}) as server:
        other = Endpoint(f"{server.url}/", server.custom_token_secret)
        seen = page.evaluate(LOG_IN, other.app_settings())

    assert seen == {"status": "undefined", "code": None}
