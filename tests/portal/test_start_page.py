"""The start page: its examples, its secret, and the login that it tries."""

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
# HS256 needs 32 bytes.
SECRET_CHARACTERS_MIN = 32
ISSUERS = {"javascript": ["node", "-"], "python": [sys.executable, "-"]}


def copyable(page: str, name: str) -> str:
    """Return a text that a page offers to copy."""
    found = re.search(rf'id="{name}"[^>]*>(.*?)</', page, re.DOTALL)
    assert found is not None
    return html.unescape(found[1])


@pytest.mark.slow
@pytest.mark.parametrize("name", ISSUERS)
async def test_the_pasted_examples_log_in(name: str, require: Any, dev_site: Site) -> None:
    """The program prints a token, and the curl command logs in with it."""
    if name == "javascript":
        require("nodejs", "the packages of tests/sdk")
    page = (await dev_site.get("?show=secret")).text
    environment = {**os.environ, "NODE_PATH": str(NODE_MODULES)}

    def run(command: list[str], text: str = "") -> str:
        return subprocess.run(
            command, input=text, env=environment, capture_output=True, text=True, check=True
        ).stdout

    token = run(ISSUERS[name], copyable(page, name)).strip()
    command = copyable(page, "curl").replace("\\\n", " ").replace("PASTE THE TOKEN HERE", token)
    answer = json.loads(await asyncio.to_thread(run, shlex.split(command)))

    assert answer["result"]["profile"]["username"] == "alice"


async def test_the_secret_is_masked_until_it_is_shown(dev_site: Site) -> None:
    """In the examples too."""
    secret = copyable((await dev_site.get("?show=secret")).text, "secret")
    masked = await dev_site.get()

    assert len(secret) >= SECRET_CHARACTERS_MIN
    assert secret not in masked.text


@pytest.mark.parametrize("value", ["NaN", "1e999", "[" * 5000, "[" * 600 + "]" * 600])
async def test_a_profile_to_try_has_to_be_json(value: str, dev_site: Site) -> None:
    """Values that only Python's json accepts are refused too."""
    await dev_site.get()

    page = await dev_site.post("try", subject="x", profile=f'{{"a": {value}}}')

    assert "The profile is not JSON" in page.text
