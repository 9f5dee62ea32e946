"""The start page: its examples, its secret, and the login that it tries."""

import asyncio
import html
import json
import re
from pathlib import Path
from typing import Any

import pytest
from skylogin import config

from tests import maven
from tests.examples.commands import paste
from tests.sites import MakeSite, Site

NODE_MODULES = Path(__file__).parent.parent / "sdk" / "node_modules"
# HS256 needs 32 bytes.
SECRET_CHARACTERS_MIN = 32
# What a reader runs, by the name of the example: its file, and what it needs.
FILES = {
    "javascript": ("make_token.js", ["nodejs", "the packages of tests/sdk"]),
    "python": ("make_token.py", []),
    "ruby": ("make_token.rb", ["ruby", "ruby-jwt"]),
    "java": ("MakeToken.java", ["default-jdk-headless", "the libraries of Java"]),
}
EXPORT = re.compile(r"^(?:#|//) (export TOKEN=.*)$", re.MULTILINE)


def copyable(page: str, name: str) -> str:
    """Return a text that a page offers to copy."""
    found = re.search(rf'id="{name}"[^>]*>(.*?)</', page, re.DOTALL)
    assert found is not None
    return html.unescape(found[1])


def paste_with_libraries(folder: Path, script: str) -> str:
    """Return what *script* prints in a shell in *folder*, where the libraries are installed."""
    (folder / "node_modules").symlink_to(NODE_MODULES)
    (folder / "lib").mkdir()
    for jar in maven.DOWNLOADED.rglob("*.jar"):
        if {"jsonwebtoken", "fasterxml"} & set(jar.parts):
            (folder / "lib" / jar.name).symlink_to(jar)
    return paste(folder, script)


UNUSUAL = """it's "odd" #{1} \\ $HOME `x` €"""
KEYS = {
    "usual keys": {},
    "unusual keys": {
        "API_KEY": UNUSUAL,
        "CUSTOM_TOKEN_SECRET": f"{UNUSUAL}, and long enough for HS256",
    },
}


@pytest.mark.slow
@pytest.mark.parametrize("keys", KEYS.values(), ids=KEYS)
@pytest.mark.parametrize("name", FILES)
async def test_the_pasted_examples_log_in(
    name: str, keys: dict[str, str], require: Any, make_site: MakeSite, tmp_path: Path
) -> None:
    """The file prints a token, as its first lines say, and the curl command logs in with it."""
    file, needed = FILES[name]
    require("curl", *needed)
    page = (await (await make_site(config.DEV, **keys)).get("?show=secret")).text
    text = copyable(page, name)
    assert text.splitlines()[0].endswith(f" {file}")
    (tmp_path / file).write_text(text, encoding="utf-8")
    [export] = EXPORT.findall(text)
    script = f"{export}\n{copyable(page, 'curl')}"

    printed = await asyncio.to_thread(paste_with_libraries, tmp_path, script)

    assert json.loads(printed)["result"]["profile"]["username"] == "alice"


@pytest.mark.slow
async def test_the_pasted_sdk_logs_in_and_ends(
    require: Any, dev_site: Site, tmp_path: Path
) -> None:
    """No websocket keeps the program alive."""
    require(*FILES["javascript"][1])
    page = (await dev_site.get("?show=secret")).text
    (tmp_path / "make_token.js").write_text(copyable(page, "javascript"))
    (tmp_path / "login.mjs").write_text(copyable(page, "sdk"))

    script = "export TOKEN=$(node make_token.js)\nnode login.mjs"
    assert await asyncio.to_thread(paste_with_libraries, tmp_path, script) == "alice\n"


async def test_without_a_secret_there_is_nothing_to_copy(make_site: MakeSite) -> None:
    """No masked text stands in for it."""
    page = (await (await make_site(config.DEV, CUSTOM_TOKEN_SECRET="")).get()).text

    assert config.MASK not in page
    assert "no valid secret" in page


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
