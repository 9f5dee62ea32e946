"""The README's lines that set up Skygear's SDK, in a test of `node:test`: it ends by itself."""

import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest
from skylogin.testing import SkyloginServer

from tests.docs.pages import SNIPPETS
from tests.examples.commands import EXAMPLES, SECONDS_MAX, beside_skylogin
from tests.examples.languages import LANGUAGES

ENDPOINT = "http://127.0.0.1:3000/"


@pytest.mark.slow
def test_a_node_test_with_the_readmes_lines_ends(
    tmp_path: Path, require: Callable[..., None]
) -> None:
    """A websocket would keep its process alive for ever."""
    require(*LANGUAGES["javascript"].needs)
    [text] = [one.text for one in SNIPPETS if one.page == "README.md" and one.language == "js"]
    imports, _, body = text.partition("\n\n")
    (tmp_path / "node_modules").symlink_to(EXAMPLES / "javascript" / "node_modules")
    with SkyloginServer() as server:
        body = body.replace(ENDPOINT, f"{server.url}/")
        (tmp_path / "login.test.mjs").write_text(
            f"{imports}\nimport {{ test }} from 'node:test';\n"
            f"test('logs in', async () => {{\n{body}\n}});\n"
        )
        done = subprocess.run(
            ["node", "--test", "login.test.mjs"],
            cwd=tmp_path,
            env=beside_skylogin({"TOKEN": server.app().mint("alice", {"username": "alice"})}),
            capture_output=True,
            text=True,
            timeout=SECONDS_MAX,
            check=False,
        )

    assert done.returncode == 0, done.stdout
