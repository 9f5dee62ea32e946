"""docs/retention.md says for every table why it does not grow for ever."""

import re

from skylogin.database.tables import metadata

from tests.docs.pages import PAGES


def test_every_table_has_its_bound() -> None:
    """A new table is added with its bound, and its part in tests/apps/test_retention.py."""
    rows = re.findall(r"^\| `(\w+)` \| .+ \| .+ \|$", PAGES["docs/retention.md"], re.MULTILINE)

    assert sorted(rows) == sorted(metadata.tables)
