"""Which requests may reach the admin API and the portal."""

import pytest
from multidict import CIMultiDict
from skylogin.http import origin

Headers = dict[str, str] | list[tuple[str, str]]
NAMES = frozenset(("localhost",))
NAVIGATION = {"Sec-Fetch-Mode": "navigate", "Sec-Fetch-Dest": "document"}

ALLOWED = {
    "a program": ("POST", "127.0.0.1:3000", {}),
    "a page of the portal": (
        "POST",
        "localhost:3000",
        {"Origin": "http://localhost:3000", "Sec-Fetch-Site": "same-origin"},
    ),
    "behind TLS": ("POST", "localhost", {"Origin": "https://localhost"}),
    "a typed address": ("GET", "[::1]:3000", {"Sec-Fetch-Site": "none"}),
    "a name with its dot": ("GET", "LocalHost.:3000", {}),
    "an app's host": ("GET", "shop.localhost:3000", {}),
    "a link on another site": ("GET", "127.0.0.1", {"Sec-Fetch-Site": "cross-site", **NAVIGATION}),
}
REFUSED = {
    "rebinding": ("GET", "evil.example:3000", {}, "host"),
    "a name with the same ending": ("GET", "evillocalhost", {}, "host"),
    "no host": ("GET", "", {}, "host"),
    "a user name": ("GET", "evil.example@localhost", {}, "host"),
    "a backslash": ("GET", "evil.example\\.localhost", {}, "host"),
    "an invalid host": ("GET", "[::1", {}, "host"),
    "another origin": ("GET", "localhost:3000", {"Origin": "http://evil.example"}, "origin"),
    "another port": ("POST", "localhost:3000", {"Origin": "http://localhost:3001"}, "origin"),
    "a hidden origin": ("POST", "localhost:3000", {"Origin": "null"}, "origin"),
    "an invalid origin": ("POST", "localhost:3000", {"Origin": "http://[::1"}, "origin"),
    "another scheme": ("POST", "localhost", {"Origin": "file://localhost"}, "origin"),
    "another site": ("GET", "localhost", {"Sec-Fetch-Site": "cross-site"}, "another site"),
    "another port's page": ("POST", "localhost", {"Sec-Fetch-Site": "same-site"}, "another site"),
    "a form of another site": (
        "POST",
        "localhost",
        {"Sec-Fetch-Site": "cross-site", **NAVIGATION},
        "another site",
    ),
    "a second origin": (
        "POST",
        "localhost",
        [("Origin", "http://localhost"), ("Origin", "http://evil.example")],
        "origin",
    ),
    "a second site": (
        "POST",
        "localhost",
        [("Sec-Fetch-Site", "same-origin"), ("Sec-Fetch-Site", "cross-site")],
        "another site",
    ),
    "a frame": (
        "GET",
        "localhost",
        {"Sec-Fetch-Site": "cross-site", "Sec-Fetch-Mode": "navigate", "Sec-Fetch-Dest": "iframe"},
        "another site",
    ),
}


def refusal(method: str, host: str, headers: Headers, names: frozenset[str] | None = NAMES) -> str:
    """Return why a request is refused that no proxy forwards."""
    return origin.refusal(method, (host, host), CIMultiDict(headers), names=names)


@pytest.mark.parametrize(("method", "host", "headers"), ALLOWED.values(), ids=ALLOWED)
def test_a_request_of_an_operator_is_allowed(method: str, host: str, headers: Headers) -> None:
    """From a program, a page of the portal or a link."""
    assert refusal(method, host, headers) == ""


@pytest.mark.parametrize(("method", "host", "headers", "why"), REFUSED.values(), ids=REFUSED)
def test_a_forged_request_is_refused(method: str, host: str, headers: Headers, why: str) -> None:
    """With a reason."""
    assert why in refusal(method, host, headers)


def test_a_server_behind_a_proxy_answers_to_any_host() -> None:
    """But not to another origin."""
    foreign = {"Origin": "https://b.example"}

    assert refusal("GET", "login.example.com", {}, names=None) == ""
    assert "SKYLOGIN_TRUSTED_PROXIES" in refusal("GET", "a.example", foreign, names=None)


HOSTS = {
    "Host passed on": (("login.example.com", "login.example.com"), ""),
    "Host rewritten": (("127.0.0.1:3000", "login.example.com"), ""),
    "Host rewritten by an unknown proxy": (
        ("127.0.0.1:3000", "127.0.0.1:3000"),
        "X-Forwarded-Host",
    ),
}


@pytest.mark.parametrize(("hosts", "why"), HOSTS.values(), ids=HOSTS)
def test_an_origin_is_that_of_the_host_which_the_browser_used(
    hosts: tuple[str, str], why: str
) -> None:
    """Else the refusal says what to set."""
    headers = CIMultiDict({"Origin": "https://login.example.com"})

    found = origin.refusal("POST", hosts, headers, names=None)

    assert bool(found) == bool(why)
    assert why in found


def test_a_forwarded_host_does_not_hide_rebinding() -> None:
    """A page can send that header to its own name, if a trusted proxy runs on this machine."""
    hosts = ("evil.example", "localhost")

    assert "evil.example" in origin.refusal("GET", hosts, CIMultiDict(), names=NAMES)
    assert "evil.example" in origin.refusal("GET", hosts[::-1], CIMultiDict(), names=NAMES)
