"""The lists that the admin API gives in pages."""

import json
from importlib import resources

import pytest

from tests.sites import BASE, LOG_IN, SiteApp

DOCUMENT = json.loads(resources.files("skylogin.admin").joinpath("openapi.json").read_text())
LISTS = [
    path
    for path, operations in DOCUMENT["paths"].items()
    if "cursor" in [one.get("name") for one in operations.get("get", {}).get("parameters", ())]
]
ROWS = 4


@pytest.mark.parametrize("path", LISTS)
async def test_only_a_page_with_more_after_it_has_a_cursor(path: str, site_app: SiteApp) -> None:
    """The last page has none, also if it is full."""
    for number in range(ROWS):
        token = await site_app.mint(f"user-{number}")
        user = (await site_app.call(LOG_IN, token=token)).json()["result"]["user_id"]
        await site_app.admin("POST", f"users/{user}/sign-out")
        # Acts on all apps.
        other = SiteApp(site_app.client)
        await other.client.post(
            f"{BASE}/apps", json={"name": other.name}, headers={"Authorization": "Bearer secret"}
        )

    async def page(limit: int, cursor: str = "") -> tuple[int, str | None]:
        """Return the number of rows and the cursor."""
        url = f"{BASE}{path.format(app=site_app.name)}?limit={limit}"
        headers = {"Authorization": "Bearer secret"}
        answer = await site_app.client.get(f"{url}{cursor}", headers=headers)
        body = await answer.json()
        next_cursor = body.pop("next_cursor")
        [rows] = body.values()
        return len(rows), next_cursor

    number, after_all = await page(100)
    assert number >= ROWS
    assert after_all is None
    assert await page(number) == (number, None)
    rows, cursor = await page(number - 1)
    assert (rows, bool(cursor)) == (number - 1, True)
    assert await page(1, f"&cursor={cursor}") == (1, None)
