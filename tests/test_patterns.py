"""No pattern of the package takes long, whatever a stranger sends."""

import importlib
import itertools
import pkgutil
import re
from collections.abc import Iterator

import pytest
import skylogin

LENGTH = 30_000
BEGINS = ("", '"', "a", "://")
REPEATED = ("1", "a", "e", " ", "-", "_", ".", ",", "/", '"', '\\"', "'", "(", "[", "%", ":", "a.")
# Nothing matches it, so that all ways to match what is before it are tried.
END = "\x01"
# Importing them starts something.
LEFT_OUT = ("skylogin.pytest_plugin", "skylogin.__main__")


def patterns() -> Iterator[tuple[str, re.Pattern[str] | re.Pattern[bytes]]]:
    """Yield every pattern that a module of the package has, with its name."""
    for found in pkgutil.walk_packages(skylogin.__path__, "skylogin."):
        if found.name in LEFT_OUT:
            continue
        for name, value in vars(importlib.import_module(found.name)).items():
            if isinstance(value, re.Pattern):
                yield f"{found.name}.{name}", value


PATTERNS = dict(patterns())


@pytest.mark.parametrize("name", PATTERNS)
def test_no_pattern_takes_long(name: str) -> None:
    """If the time grew with the square of the length, this test would take minutes."""
    pattern = PATTERNS[name]
    for begin, repeated in itertools.product(BEGINS, REPEATED):
        text = f"{begin}{repeated * (LENGTH // len(repeated))}{END}"
        if isinstance(pattern.pattern, bytes):
            pattern.match(text.encode())
            pattern.fullmatch(text.encode())
        else:
            pattern.match(text)
            pattern.fullmatch(text)
