"""Take the README's pictures of the portal: `python -m tests.portal.pictures DIRECTORY`.

With `--all`, it takes one of each page in both widths and schemes, to look at while designing.
"""

import itertools
import shutil
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

from playwright import sync_api
from skylogin.testing import SkyloginServer

from tests.browsers import OPTIONS, Client
from tests.portal import busy_app

HEIGHT = 860
SHOWN = ("logins-1280-light",)
WIDTHS, SCHEMES = (1280, 390), ("light", "dark")


def pages(client: Client) -> Iterator[tuple[str, str]]:
    """Yield the name and the path of each page."""
    app = client.server.app()
    yield "start", ""
    for name in ("overview", "logins", "users", "secrets", "token", "app", "tests", "audit"):
        yield name, name
    for name in ("settings", "apps", "calls"):
        yield name, name
    yield "stubs", "calls/stubs"
    yield "outbox", "calls/outbox"
    yield "user", f"users/{app.users['user-4'].id}"
    for reason in ("expired", "signature_wrong", "updated"):
        yield reason, f"logins/{[one.id for one in app.logins if one.reason == reason][-1]}"
    yield "no-users", "users?search=nobody"
    yield "no-logins", "apps/shop/logins?subject=nobody"


def take(client: Client, folder: Path, *, has_all: bool) -> None:
    """Take the pictures of a filled server."""
    program = shutil.which("chromium") or shutil.which("chromium-browser")
    with sync_api.sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=program, args=OPTIONS)
        for width, scheme in itertools.product(WIDTHS, SCHEMES):
            size = sync_api.ViewportSize(width=width, height=HEIGHT)
            page = browser.new_page(color_scheme=scheme, viewport=size)
            for name, path in pages(client):
                picture = f"{name}-{width}-{scheme}"
                if has_all or picture in SHOWN:
                    page.goto(f"{client.server.url}/portal/{path}")
                    page.screenshot(path=folder / f"{picture}.png", full_page=has_all)
        browser.close()


def main(folder: Path, *, has_all: bool) -> None:
    """Fill a server, and take the pictures."""
    folder.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as data:
        database = f"sqlite:///{data}/busy_app.db"
        with SkyloginServer(database=database) as server:
            client = Client(server, database)
            busy_app.fill(client)
            take(client, folder, has_all=has_all)


if __name__ == "__main__":
    main(Path(sys.argv[1]), has_all="--all" in sys.argv)
