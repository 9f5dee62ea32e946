"""Which requests may reach the admin API and the portal."""

import pytest
from skylogin.http import origin

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
    "an app's host": ("GET", "shop.localhost:3000", {}),
    "a link on another site": ("GET", "127.0.0.1", {"Sec-Fetch-Site": "cross-site", **NAVIGATION}),
}
REFUSED = {
    "rebinding": ("GET", "evil.example:3000", {}, "host"),
    "a name with the same ending": ("GET", "evillocalhost", {}, "host"),
    "no host": ("GET", "", {}, "host"),
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
    "a frame": (
        "GET",
        "localhost",
        {"Sec-Fetch-Site": "cross-site", "Sec-Fetch-Mode": "navigate", "Sec-Fetch-Dest": "iframe"},
        "another site",
    ),
}


@pytest.mark.parametrize(("method", "host", "headers"), ALLOWED.values(), ids=ALLOWED)
def test_a_request_of_an_operator_is_allowed(
    method: str, host: str, headers: dict[str, str]
) -> None:
    """From a program, a page of the portal or a link."""
    assert origin.refusal(method, host, headers, names=NAMES) == ""


@pytest.mark.parametrize(("method", "host", "headers", "why"), REFUSED.values(), ids=REFUSED)
def test_a_forged_request_is_refused(
    method: str, host: str, headers: dict[str, str], why: str
) -> None:
    """With a reason."""
    assert why in origin.refusal(method, host, headers, names=NAMES)


def test_a_server_behind_a_proxy_answers_to_any_host() -> None:
    """But not to another origin."""
    assert origin.refusal("GET", "login.example.com", {}, names=None) == ""
    assert origin.refusal("GET", "a.example", {"Origin": "https://b.example"}, names=None)
