"""The table of actions, and the action that a call asks for."""

from typing import Any

import pytest
from skylogin.actions.preprocessors import authenticate, check_access_key
from skylogin.actions.stubbed import NOT_EMULATED
from skylogin.actions.table import ACTIONS, find

LOGIN = "sso:custom_token:login"
NAMES: dict[str, tuple[str, dict[str, Any], str]] = {
    "the body": ("/", {"action": "me"}, "me"),
    "the path": ("/sso/custom_token/login", {}, LOGIN),
    "the path with colons": ("/sso:custom_token:login", {}, LOGIN),
    "the path wins": ("/_status/healthz", {"action": "nope"}, "_status:healthz"),
    "the path wins, though not emulated": ("/push/user", {"action": "me"}, "push:user"),
    "an unknown path": ("/no/such/path", {"action": "me"}, "me"),
    "an unknown path alone": ("/no/such/path", {}, ""),
    "a slash at the end": ("/_status/healthz/", {"action": "me"}, "me"),
    "another case": ("/_STATUS/healthz", {}, ""),
    "not a string": ("/", {"action": 5}, ""),
    "a list": ("/", {"action": ["me"]}, ""),
    "null": ("/", {"action": None}, ""),
    "capitals": ("/", {"ACTION": "me"}, ""),
    "an unknown name": ("/", {"action": "nope"}, "nope"),
    "nothing": ("", {}, ""),
}


@pytest.mark.parametrize(("path", "payload", "name"), NAMES.values(), ids=NAMES)
def test_a_call_asks_for_an_action(path: str, payload: dict[str, Any], name: str) -> None:
    """By its path, or by its body."""
    assert find(path, payload).name == name


def test_no_action_is_both_done_and_refused() -> None:
    """The key of each row is its name."""
    assert not NOT_EMULATED & set(ACTIONS)
    assert {name: action.name for name, action in ACTIONS.items()} == {
        name: name for name in ACTIONS
    }


def test_every_action_but_home_checks_the_key_first() -> None:
    """Before any other check."""
    first = {name: action.preprocessors[:1] for name, action in ACTIONS.items()}

    assert first.pop("") == first.pop("_status:healthz") == ()
    assert set(first.values()) == {(check_access_key,), (authenticate,)}


def test_every_login_is_in_the_login_log() -> None:
    """And every action that creates a user; nothing else."""
    assert {name for name, action in ACTIONS.items() if action.logged} == {
        LOGIN,
        "auth:signup",
        "auth:login",
        "sso:oauth:login",
        "sso:oauth:signup",
    }
