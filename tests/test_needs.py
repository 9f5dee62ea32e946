"""The list of what the tests need besides Python packages."""

from pathlib import Path

import pytest

from tests import needs
from tests.examples.languages import LANGUAGES


def test_a_ruby_without_a_library_is_told_apart_from_one_that_has_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """By loading what the example loads: an old minitest has no `minitest/test_task`."""
    ruby = tmp_path / "ruby"
    ruby.write_text("#!/bin/sh\ncase $2 in *minitest/test_task*) exit 1;; esac\n")
    ruby.chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path))

    assert needs.missing("ruby", "ruby-jwt") is None
    assert needs.missing("ruby", "ruby-minitest") == (
        "ruby-minitest is not installed: the kit for Ruby with its example is not tested"
    )


def test_what_the_examples_need_is_in_the_list() -> None:
    """So that `make test` installs it."""
    assert {name for language in LANGUAGES.values() for name in language.needs} <= set(needs.NEEDS)
