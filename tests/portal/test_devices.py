"""A user's devices, on the user's page and in the admin API."""

import pytest

from tests.sites import KEYS, Site

pytestmark = pytest.mark.slow


async def test_the_devices_of_a_user_are_shown(dev_site: Site) -> None:
    """With type, topic and time; only those of the user."""
    who = {"api_key": KEYS["MASTER_KEY"], "_user_id": "alice"}
    ids = []
    for kind, topic in (("ios", "<com.example>"), ("android", "")):
        body = {**who, "type": kind, "device_token": f"{kind}-token", "topic": topic}
        answer = await dev_site.send("POST", "device/register", json=body)
        ids.append(answer.json()["result"]["id"])
    other = {"api_key": KEYS["MASTER_KEY"], "type": "ios"}
    await dev_site.send("POST", "device/register", json=other)

    page = (await dev_site.get("users/alice")).text
    shown = (await dev_site.admin("GET", "/apps/myapp/users/alice")).json()
    god = (await dev_site.get("users/_god")).text

    assert "&lt;com.example&gt;" in page
    assert [page.count(f'title="{one}"') for one in ids] == [1, 1]
    devices = {one["id"]: (one["type"], one["token"], one["topic"]) for one in shown["devices"]}
    assert devices == {
        ids[0]: ("ios", "ios-token", "<com.example>"),
        ids[1]: ("android", "android-token", None),
    }
    assert [god.count(one) for one in ids] == [0, 0]
    assert "without a device token" in god
