"""What pages say about settings in files."""

import re

import pytest
from skylogin import config

from tests.docs.pages import PAGES, section


def test_every_setting_that_may_be_in_a_file_is_named() -> None:
    """And no other."""
    text = section(PAGES["docs/settings.md"], "## Secrets in files")

    assert set(re.findall(r"`([A-Z_]+)`", text)) - {"_FILE"} == set(config.FROM_FILES)


@pytest.mark.parametrize("page", ["docs/tls.md", "docs/systemd.md"])
def test_lines_for_a_file_of_settings_set_settings(page: str) -> None:
    """As `.env`, or a unit's file of its environment, has them."""
    snippets = re.findall(r"```ini\n(.*?)```", PAGES[page], re.DOTALL)
    names = [line.partition("=")[0] for text in snippets for line in text.splitlines()]

    assert names
    assert config.VARIABLES | {f"{name}_FILE" for name in config.FROM_FILES} > set(names)
