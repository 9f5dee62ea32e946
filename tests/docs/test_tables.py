"""The tables of the pages have the rows of the code, each of them and no others."""

import re

import pytest
from skylogin.actions.stubbed import NOT_EMULATED
from skylogin.actions.table import ACTIONS
from skylogin.errors import ERROR_KINDS, Reason

from tests.docs import generated
from tests.docs.pages import PAGES, section

COMMAND_SHOWN = re.compile(r"(?:`|bin/)skylogin ([a-z]+(?:-[a-z]+)*)(?: ([a-z]+(?:-[a-z]+)*))?")
WIRE = PAGES["docs/wire.md"]
PAGES_MADE = generated.render()


@pytest.mark.parametrize("page", PAGES_MADE)
def test_a_page_repeats_what_the_code_says(page: str) -> None:
    """Settings, commands, actions and bad tokens, in the words of the code."""
    assert PAGES[page] == PAGES_MADE[page], "run: python -m tests.docs.generated"


def test_every_action_is_one_of_the_original() -> None:
    """Each that the server has or refuses is described, and each described one is known."""
    assert generated.ORIGINAL.keys() == ACTIONS.keys() | NOT_EMULATED
    assert generated.PARTLY.keys() | generated.NEEDS_OF.keys() <= ACTIONS.keys()


def test_every_error_kind_has_its_row() -> None:
    """Name, code and status, and no row too many."""
    text = section(WIRE, "## Error kinds")
    rows = set(re.findall(r"^\| `(\w+)` \| (\d+) \| (\d+) \|$", text, re.MULTILINE))

    assert rows == {(kind.name, str(kind.code), str(kind.status)) for kind in ERROR_KINDS}


def test_every_reason_has_a_sentence() -> None:
    """A developer who meets a reason finds it explained, and no reason that is gone."""
    text = section(WIRE, "## Reasons")
    rows = re.findall(r"^\| `(\w+)` \| (.+\.) \|$", text, re.MULTILINE)

    assert {name for name, _ in rows} == {str(reason) for reason in Reason}


@pytest.mark.parametrize("page", PAGES)
def test_commands_that_are_shown_exist(page: str) -> None:
    """What a reader copies from a page runs."""
    commands = {name for name, _ in generated.commands()}
    groups = {name.split()[0] for name in commands if " " in name}
    shown = {
        f"{first} {second}" if first in groups and second else first
        for first, second in COMMAND_SHOWN.findall(PAGES[page])
    }

    assert shown <= commands | groups
