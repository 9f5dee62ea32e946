"""The first login that the portal has people paste."""

import asyncio
import html
import json
import os
import re
import shlex
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.sites import Site

NODE_MODULES = Path(__file__).parent.parent / "sdk" / "node_modules"
# What HS256 asks for.
SECRET_CHARACTERS_MIN = 32
ISSUERS = {"javascript": ["node", "-"], "python": [sys.executable, "-"]}


def shown(page: str, name: str) -> str:
    """Return what a page has to be copied."""
    found = re.search(rf'id="{name}"[^>]*>(.*?)</', page, re.DOTALL)
    assert found is not None
    return html.unescape(found[1])


@pytest.mark.slow
@pytest.mark.parametrize("name", ISSUERS)
async def test_a_first_login_can_be_pasted(name: str, require: Any, stand_in: Site) -> None:
    """The token of an issuer, and curl with it."""
    if name == "javascript":
        require("nodejs", "the packages of tests/sdk")
    _, page = await stand_in.get("?show=secret")
    environment = {**os.environ, "NODE_PATH": str(NODE_MODULES)}

    def run(command: list[str], text: str = "") -> str:
        return subprocess.run(
            command, input=text, env=environment, capture_output=True, text=True, check=True
        ).stdout

    token = run(ISSUERS[name], shown(page, name)).strip()
    command = shown(page, "curl").replace("\\\n", " ").replace("PASTE THE TOKEN HERE", token)
    answer = json.loads(await asyncio.to_thread(run, shlex.split(command)))
    assert answer["result"]["profile"]["username"] == "alice"


async def test_the_secret_is_masked_until_it_is_asked_for(stand_in: Site) -> None:
    """Everywhere on the page."""
    secret = shown((await stand_in.get("?show=secret"))[1], "secret")
    assert len(secret) >= SECRET_CHARACTERS_MIN
    assert secret not in (await stand_in.get())[1]


@pytest.mark.parametrize("value", ["NaN", "1e999", "[" * 5000, "[" * 600 + "]" * 600])
async def test_a_profile_is_json_as_the_wire_has_it(value: str, stand_in: Site) -> None:
    """What Python alone takes for JSON is refused."""
    await stand_in.get()
    _, text = await stand_in.post("try", subject="x", profile=f'{{"a": {value}}}')
    assert "The profile is not JSON" in text
