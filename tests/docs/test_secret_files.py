"""The page about settings names each of those that may be in a file."""

import re

from skylogin import config

from tests.docs.pages import PAGES, section


def test_every_setting_that_may_be_in_a_file_is_named() -> None:
    """And no other."""
    text = section(PAGES["docs/settings.md"], "## Secrets in files")

    assert set(re.findall(r"`([A-Z_]+)`", text)) - {"_FILE"} == set(config.FROM_FILES)
