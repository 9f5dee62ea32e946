"""docs/faults.md names tests that exist."""

import re

from tests.docs.pages import PAGES, ROOT


def test_every_fault_is_shown_by_a_test() -> None:
    """Each row ends with the files of its tests."""
    rows = re.findall(r"^\| .+ \| .+ \| (`.+`) \|$", PAGES["docs/faults.md"], re.MULTILINE)
    named = [name for row in rows for name in re.findall(r"`([\w/]+\.py)`", row)]

    assert named
    assert [name for name in named if not (ROOT / "tests" / name).is_file()] == []
