"""The README's lines that set up Skygear's SDK, in a test of `node:test`: it ends by itself."""

from collections.abc import Callable
from pathlib import Path

import pytest
from skylogin.testing import SkyloginServer

from tests.docs.pages import SNIPPETS
from tests.examples.commands import EXAMPLES
from tests.examples.languages import LANGUAGES
from tests.processes import output_of

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
        token = server.app().mint("alice", {"username": "alice"})

        output_of(["node", "--test", "login.test.mjs"], tmp_path, TOKEN=token)
