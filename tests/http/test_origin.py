"""Which requests reach what belongs to operators."""

import pytest
from skylogin.http import origin

NAMES = frozenset(("localhost",))
NAVIGATION = {"Sec-Fetch-Mode": "navigate", "Sec-Fetch-Dest": "document"}

ALLOWED = {
    "a program": ("POST", "127.0.0.1:3000", {}),
    "a page of ours": (
        "POST",
        "localhost:3000",
        {"Origin": "http://localhost:3000", "Sec-Fetch-Site": "same-origin"},
    ),
    "behind TLS": ("POST", "localhost", {"Origin": "https://localhost"}),
    "an address that was typed": ("GET", "[::1]:3000", {"Sec-Fetch-Site": "none"}),
    "an app's host": ("GET", "shop.localhost:3000", {}),
    "a link from elsewhere": ("GET", "127.0.0.1", {"Sec-Fetch-Site": "cross-site", **NAVIGATION}),
}
REFUSED = {
    "rebinding": ("GET", "evil.example:3000", {}, "host"),
    "a name that only ends alike": ("GET", "evillocalhost", {}, "host"),
    "no host": ("GET", "", {}, "host"),
    "what is no host": ("GET", "[::1", {}, "host"),
    "another origin": ("GET", "localhost:3000", {"Origin": "http://evil.example"}, "origin"),
    "another port": ("POST", "localhost:3000", {"Origin": "http://localhost:3001"}, "origin"),
    "an origin that hides": ("POST", "localhost:3000", {"Origin": "null"}, "origin"),
    "an origin that is none": ("POST", "localhost:3000", {"Origin": "http://[::1"}, "origin"),
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
def test_a_request_is_let_through(method: str, host: str, headers: dict[str, str]) -> None:
    """One of the operator's own."""
    assert origin.refusal(method, host, headers, names=NAMES) == ""


@pytest.mark.parametrize(("method", "host", "headers", "why"), REFUSED.values(), ids=REFUSED)
def test_a_request_is_refused(method: str, host: str, headers: dict[str, str], why: str) -> None:
    """With a reason."""
    assert why in origin.refusal(method, host, headers, names=NAMES)


def test_behind_a_proxy_any_host_may_be_ours() -> None:
    """But not any origin."""
    assert origin.refusal("GET", "login.example.com", {}, names=None) == ""
    assert origin.refusal("GET", "a.example", {"Origin": "https://b.example"}, names=None)
