"""Text that is cut to a width."""

import pytest
from skylogin.encoding import widths

CUT = {
    "short": ("anna", "anna", "anna"),
    "long": ("0123456789abcdef", "012345…ef", "012345678…"),
    "wide": ("美咲美咲美咲美咲", "美咲美…咲", "美咲美咲…"),
    "just wide enough": ("美咲美咲美", "美咲美咲美", "美咲美咲美"),
}


@pytest.mark.parametrize(("text", "short", "beginning"), CUT.values(), ids=CUT)
def test_a_long_text_loses_its_middle_or_its_end(text: str, short: str, beginning: str) -> None:
    """Wide letters count twice."""
    assert widths.short(text, 10) == short
    assert widths.beginning(text, 10) == beginning
