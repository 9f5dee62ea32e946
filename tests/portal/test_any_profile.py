"""Pages and commands with profiles that hold every kind of value."""

import html
import json
import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest
import requests
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from skylogin.testing import LoginRefusedError, SkyloginApp, SkyloginServer

from tests.processes import run_skylogin
from tests.sites import FORM_TOKEN

LETTERS = (
    "aÄ<&\"'\\{}%$ \t\n\r\x01\x1b\x7f\x85\u00ad\u0301\u202e\u2066\u05d0\u0639\u2028\ufeff\ufffd😀"
)
TEXTS = st.one_of(
    st.text(LETTERS, max_size=12),
    st.sampled_from(["", "\u202eabc", "a" * 5000, "</script>", "{{ 1 }}", "javascript:x"]),
)
NUMBERS = st.one_of(
    st.integers(-(2**31), 2**31), st.sampled_from([0.1, -0.0, 1e300, 2**53 + 1, 10**30])
)
TYPES = ("date", "geo", "ref", "asset", "geojson", "seq", "unknown", "relation", "dict", "", "x")
# Some are typed values, and some only look like one.
TYPED = st.one_of(
    st.sampled_from(
        [
            {"$type": "date", "$date": "2026-01-02T03:04:05.678Z"},
            {"$type": "date", "$date": "0001-01-01T00:00:00Z"},
            {"$type": "geo", "$lat": 1.5, "$lng": -2},
            {"$type": "ref", "$id": "user/nobody"},
            {"$type": "asset", "$name": "a.png"},
            {"$type": "geojson", "$val": {"type": "Point", "coordinates": [1, 2]}},
            {"$type": "date"},
            {"$type": "date", "$date": 3},
            {"$date": "2026-01-02T03:04:05Z"},
            {"$type": ["date"]},
            {"items": [], "keys": 1, "get": None, "values": "x"},
        ]
    ),
    st.builds(lambda kind, more: {**more, "$type": kind}, st.sampled_from(TYPES), st.just({})),
)
LEAVES = st.one_of(st.none(), st.booleans(), NUMBERS, TEXTS, TYPED)
NAMES = st.one_of(
    st.sampled_from(
        ["username", "email", "name", "items", "get", "$type", "self", "class", "\u202ex"]
    ),
    st.text(LETTERS, min_size=1, max_size=6),
)
VALUES = st.recursive(
    LEAVES,
    lambda inner: st.one_of(st.lists(inner, max_size=4), st.dictionaries(NAMES, inner, max_size=4)),
    max_leaves=12,
)
PROFILES = st.dictionaries(NAMES, VALUES, max_size=5)
Page = Callable[..., str]
TEXTAREA = re.compile(r"<textarea name=\"profile\"[^>]*>(.*?)</textarea>", re.DOTALL)


@pytest.fixture(scope="module")
def server() -> Iterator[SkyloginServer]:
    """A server for the whole module."""
    with SkyloginServer() as running:
        yield running


@pytest.fixture(scope="module")
def page(server: SkyloginServer) -> Page:
    """Return a browser: it opens pages of the portal, submits forms, and keeps cookies."""
    browser = requests.Session()
    browser.headers["Origin"] = server.url

    def show(path: str, **form: str) -> str:
        url = f"{server.url}/portal/{path}"
        answer = browser.request("POST" if form else "GET", url, data=form, timeout=30)
        assert answer.ok, f"{url}: {answer.text}"
        return answer.text

    return show


def log_in(app: SkyloginApp, profile: dict[str, Any]) -> None:
    """Log in with *profile*; what its fields do not take is left out."""
    try:
        app.login("alice", profile)
    except LoginRefusedError:
        for name, value in profile.items():
            try:
                app.login("alice", {name: value})
            except LoginRefusedError:
                continue


@pytest.mark.heavy
@given(profile=PROFILES)
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow])
def test_each_page_shows_any_profile(
    server: SkyloginServer, page: Page, profile: dict[str, Any]
) -> None:
    """The form to edit it as well, which changes nothing if it is saved as it is."""
    app = server.app()
    app.reset()
    app.login("alice")
    log_in(app, profile)
    user = app.users["alice"]
    path = f"users/{quote(user.id)}"

    shown = page(path)
    for other in ("users", f"{path}/delete", "logins", "overview", "audit", "users?search=alice"):
        page(other)
    for attempt in app.logins:
        page(f"logins/{attempt.id}")
    [typed] = TEXTAREA.findall(shown)
    page(
        f"{path}/edit",
        form_token=form_token_of(shown),
        profile=html.unescape(typed).removeprefix("\n"),
    )

    assert app.users["alice"].profile == user.profile


def form_token_of(shown: str) -> str:
    """Return the token of the forms on a page."""
    [token] = set(FORM_TOKEN.findall(shown))
    return token


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ({"on": 1}, {"on": True}),
        ({"on": True}, {"on": 1}),
        ({"on": [0]}, {"on": [False]}),
        ([{"on": False}], [{"on": 0}]),
    ],
)
def test_an_edit_from_a_number_to_a_boolean_is_saved(
    server: SkyloginServer, page: Page, before: object, after: object
) -> None:
    """They are equal in Python."""
    app = server.app()
    app.reset()
    app.login("alice", {"flags": before})
    path = f"users/{quote(app.users['alice'].id)}"

    form_token = form_token_of(page(path))
    page(f"{path}/edit", form_token=form_token, profile=json.dumps({"flags": after}))

    assert repr(app.users["alice"].profile["flags"]) == repr(after)


RICH = {
    "address": {"street": "x", "lines": [1, [None, {"$date": 3}]]},
    "born": {"$type": "date", "$date": "2026-01-02T03:04:05Z"},
    "place": {"$type": "geo", "$lat": 1.5, "$lng": -2},
    "looks typed": {"$date": "2026-01-02T03:04:05Z", "$types": "date"},
    "\u202eright to left": "\u05d0\u0639 \x1b[31m\x07\x85",
    "empty": {"text": "", "list": [], "object": {}},
    "long": "a" * 5000,
    "number": 1e300,
}
COMMANDS = ("users find", "users show {id}", "users show {id} --json", "logins", "export rich.json")


@pytest.mark.slow
def test_each_command_shows_any_profile(server: SkyloginServer, tmp_path: Path) -> None:
    """The exported profile is the stored one."""
    app = server.app()
    app.login("rich", RICH)
    user = app.users["rich"]
    settings = {"SKYLOGIN_ADMIN_TOKEN": app.master_key}

    for command in COMMANDS:
        words = [*command.format(id=user.id).split(), "--url", server.url]
        done = run_skylogin(tmp_path, *words, **settings)
        assert (done.returncode, done.stderr.count("Traceback")) == (0, 0), done.stderr

    exported = json.loads((tmp_path / "rich.json").read_text(encoding="utf-8"))
    [profile] = [one["profile"] for one in exported["users"] if one["sub"] == "rich"]
    assert profile == user.profile
