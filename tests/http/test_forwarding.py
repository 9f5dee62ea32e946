"""Who sent a request, as trusted proxies report it."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from multidict import CIMultiDict
from skylogin import config
from skylogin.http import forwarding
from skylogin.http.forwarded_header import read_address
from skylogin.http.forwarding import UNKNOWN, Client

PROXY = "10.0.0.1"
TRUSTED = config.read(
    {"SKYLOGIN_TRUSTED_PROXIES": "10.0.0.0/8, fd00::/8, ::ffff:192.168.0.0/112"}, config.DEV
).trusted_proxies
Lines = list[tuple[str, str]]


def read(lines: Lines, peer: str = PROXY) -> Client:
    """Return the client of a request with these header lines that comes from *peer*."""
    return forwarding.read(CIMultiDict(lines), Client(peer, "http", "127.0.0.1:3000"), TRUSTED)


NODES = {
    "203.0.113.9": "203.0.113.9",
    "203.0.113.9:51234": "203.0.113.9",
    "203.0.113.9:_port": "203.0.113.9",
    "2001:db8::7": "2001:db8::7",
    "2001:0DB8:0::0007": "2001:db8::7",
    "[2001:db8::7]": "2001:db8::7",
    "[2001:db8::7]:443": "2001:db8::7",
    "::ffff:203.0.113.9": "203.0.113.9",
    "[::ffff:cb00:7109]:1": "203.0.113.9",
    "fe80::1%eth0": "fe80::1",
    "[fe80::1%eth0]:80": "fe80::1",
}
NOT_NODES = (
    "",
    "_hidden",
    "unknown",
    "for=203.0.113.9",
    '"203.0.113.9"',
    "203.0.113.009",
    "203.0.113",
    "3405803785",
    "0xcb007109",
    "203.0.113.9:port",
    "203.0.113.9:",
    "203.0.113.9:1:2",
    "[203.0.113.9]",
    "[2001:db8::7",
    "[2001:db8::7]443",
    "2001:db8:0:0:0:0:0:7:443",
    "fe80::1%",
    "203.0.113.9%eth0",
    "٢٠٣.0.113.9",
    "unix:",
    "203.0.113.9/32",
    "a.example",
)


@pytest.mark.parametrize(("text", "address"), NODES.items(), ids=NODES)
def test_an_address_is_read_without_port_and_zone(text: str, address: str) -> None:
    """In one form, so that a client has one address."""
    assert str(read_address(text)) == address


@pytest.mark.parametrize("text", NOT_NODES)
def test_what_is_not_an_address_is_ignored(text: str) -> None:
    """A client is not known by a name that a proxy made up."""
    assert read_address(text) is None


FORWARDED_FOR = "X-Forwarded-For"
# Header lines from a trusted proxy, and the client that they name.
NAMED: dict[str, tuple[Lines, str]] = {
    "nobody": ([], PROXY),
    "one line": ([(FORWARDED_FOR, "203.0.113.9")], "203.0.113.9"),
    "the client's own part": ([(FORWARDED_FOR, "6.6.6.6, 203.0.113.9")], "203.0.113.9"),
    "the client's own line": (
        [(FORWARDED_FOR, "6.6.6.6"), (FORWARDED_FOR, "203.0.113.9")],
        "203.0.113.9",
    ),
    "lines in any case": (
        [("x-forwarded-for", "6.6.6.6"), ("X-FORWARDED-FOR", "203.0.113.9")],
        "203.0.113.9",
    ),
    "two proxies": ([(FORWARDED_FOR, "6.6.6.6, 203.0.113.9, 10.9.9.9")], "203.0.113.9"),
    "two proxies in two lines": (
        [(FORWARDED_FOR, "6.6.6.6,203.0.113.9"), (FORWARDED_FOR, "10.9.9.9")],
        "203.0.113.9",
    ),
    "a proxy with a port": ([(FORWARDED_FOR, "203.0.113.9, 10.9.9.9:4711")], "203.0.113.9"),
    "an IPv6 proxy": ([(FORWARDED_FOR, "203.0.113.9, [fd00::1%eth0]:1")], "203.0.113.9"),
    "a mapped proxy": ([(FORWARDED_FOR, "203.0.113.9, ::ffff:10.9.9.9")], "203.0.113.9"),
    "a mapped network": ([(FORWARDED_FOR, "203.0.113.9, 192.168.1.1")], "203.0.113.9"),
    "empty parts": ([(FORWARDED_FOR, ",203.0.113.9, ,"), (FORWARDED_FOR, " ")], "203.0.113.9"),
    "only proxies": ([(FORWARDED_FOR, "10.1.1.1, 10.2.2.2")], "10.1.1.1"),
    "a hidden client": ([(FORWARDED_FOR, "6.6.6.6, unknown")], PROXY),
    "a hidden client of the second proxy": ([(FORWARDED_FOR, "6.6.6.6, _a, 10.2.2.2")], "10.2.2.2"),
    "Forwarded": ([("Forwarded", "for=203.0.113.9")], "203.0.113.9"),
    "a quoted address": (
        [("Forwarded", 'For="[2001:db8::7]:443";Proto=https , FOR=10.2.2.2')],
        "2001:db8::7",
    ),
    "separators and escapes in quotes": (
        [("Forwarded", r'by="a,b;\"c";for="203.0.113.\9";secret="\\"')],
        "203.0.113.9",
    ),
    "Forwarded in two lines": (
        [("Forwarded", "for=6.6.6.6"), ("Forwarded", 'for="203.0.113.9:1"')],
        "203.0.113.9",
    ),
    "after a malformed line": (
        [("Forwarded", 'for="6.6.6.6'), ("Forwarded", "for=203.0.113.9")],
        "203.0.113.9",
    ),
    "empty parts of Forwarded": ([("Forwarded", ", ;for=203.0.113.9;; ,,")], "203.0.113.9"),
    "a malformed line": ([("Forwarded", 'for=", for=203.0.113.9')], UNKNOWN),
    "a repeated parameter": ([("Forwarded", "for=6.6.6.6;for=203.0.113.9")], UNKNOWN),
    "a hidden client in Forwarded": ([("Forwarded", "for=_hidden")], PROXY),
    "Forwarded without an address": (
        [("Forwarded", "proto=https"), (FORWARDED_FOR, "203.0.113.9")],
        "203.0.113.9",
    ),
    "both": (
        [("Forwarded", 'for="203.0.113.9:1"'), (FORWARDED_FOR, "203.0.113.9, 10.2.2.2")],
        "203.0.113.9",
    ),
    "both, one of them only about proxies": (
        [("Forwarded", "for=203.0.113.9"), (FORWARDED_FOR, "10.2.2.2")],
        "203.0.113.9",
    ),
    "both, and not the same": (
        [("Forwarded", "for=203.0.113.9"), (FORWARDED_FOR, "6.6.6.6")],
        UNKNOWN,
    ),
    "a hidden client and another": (
        [("Forwarded", "for=_hidden"), (FORWARDED_FOR, "6.6.6.6")],
        UNKNOWN,
    ),
}


@pytest.mark.parametrize(("lines", "address"), NAMED.values(), ids=NAMED)
def test_a_trusted_proxy_names_the_client(lines: Lines, address: str) -> None:
    """By the part nearest to it that is not a trusted proxy."""
    assert read(lines).address == address


@pytest.mark.parametrize("lines", [lines for lines, _ in NAMED.values()], ids=NAMED)
@pytest.mark.parametrize(
    ("peer", "address"),
    [("198.51.100.1", "198.51.100.1"), ("::ffff:198.51.100.1", "198.51.100.1"), ("", "")],
)
def test_others_are_not_believed(lines: Lines, peer: str, address: str) -> None:
    """Nor is a request believed whose sender has no address."""
    assert read([*lines, ("X-Forwarded-Host", "a.example")], peer) == Client(
        address, "http", "127.0.0.1:3000"
    )


@pytest.mark.parametrize("peer", ["::ffff:10.0.0.1", "fd00::1", "fd00::1%eth0"])
def test_a_trusted_proxy_is_known_in_every_form(peer: str) -> None:
    """A server that listens on IPv6 and IPv4 sees IPv4 addresses in the form of IPv6."""
    assert read([(FORWARDED_FOR, "203.0.113.9")], peer).address == "203.0.113.9"


@given(
    st.lists(st.tuples(st.sampled_from((FORWARDED_FOR, "Forwarded")), st.text(max_size=30))),
    st.sampled_from((FORWARDED_FOR, "Forwarded")),
)
def test_whatever_a_client_sends_it_is_its_own_address_or_none(lines: Lines, name: str) -> None:
    """It cannot take the address of another client, nor that of a proxy."""
    added = "203.0.113.9:55" if name == FORWARDED_FOR else 'for="203.0.113.9:55"'

    assert read([*lines, (name, added)]).address in ("203.0.113.9", UNKNOWN)


ONE_HOP = (FORWARDED_FOR, "203.0.113.9")
SEEN: dict[str, tuple[Lines, str]] = {
    "nothing": ([], "http://127.0.0.1:3000"),
    "the protocol": ([("X-Forwarded-Proto", "HTTPS")], "https://127.0.0.1:3000"),
    "a protocol of websockets": ([("X-Forwarded-Proto", "wss")], "https://127.0.0.1:3000"),
    "another protocol": ([("X-Forwarded-Proto", "ftp")], "http://127.0.0.1:3000"),
    "all": (
        [
            ONE_HOP,
            ("X-Forwarded-Proto", "https"),
            ("X-Forwarded-Host", "login.example.com:8443"),
            ("X-Forwarded-Prefix", "/login/"),
        ],
        "https://login.example.com:8443/login",
    ),
    "the client's own lines": (
        [
            ("X-Forwarded-Proto", "http"),
            ("X-Forwarded-Host", "evil.example"),
            ("X-Forwarded-Prefix", "/evil"),
            ONE_HOP,
            ("X-Forwarded-Proto", "https"),
            ("X-Forwarded-Host", "login.example.com"),
            ("X-Forwarded-Prefix", "/login"),
        ],
        "https://login.example.com/login",
    ),
    "two proxies": (
        [
            (FORWARDED_FOR, "6.6.6.6, 203.0.113.9, 10.2.2.2"),
            ("X-Forwarded-Proto", "http, https, http"),
            ("X-Forwarded-Host", "evil.example, login.example.com, inner"),
            ("X-Forwarded-Prefix", "/evil, /a"),
            ("X-Forwarded-Prefix", "/b"),
        ],
        "https://login.example.com/a/b",
    ),
    "a second proxy that adds nothing": (
        [(FORWARDED_FOR, "203.0.113.9, 10.2.2.2"), ("X-Forwarded-Proto", "https")],
        "https://127.0.0.1:3000",
    ),
    "without addresses": ([("X-Forwarded-Proto", "http, https")], "https://127.0.0.1:3000"),
    "Forwarded": (
        [("Forwarded", 'for=203.0.113.9;host="login.example.com:8443";proto=HTTPS, for=10.2.2.2')],
        "https://login.example.com:8443",
    ),
    "an IPv6 host": ([("X-Forwarded-Host", "[2001:db8::1]:80")], "http://[2001:db8::1]:80"),
    "what is not a host": ([("X-Forwarded-Host", "a b")], "http://127.0.0.1:3000"),
    "an address of another site": (
        [("X-Forwarded-Prefix", "//evil.example")],
        "http://127.0.0.1:3000",
    ),
    "a prefix that leaves": ([("X-Forwarded-Prefix", "/a/../b")], "http://127.0.0.1:3000"),
    "a prefix with markup": ([("X-Forwarded-Prefix", '/"><b>')], "http://127.0.0.1:3000"),
    "no prefix": ([("X-Forwarded-Prefix", "/")], "http://127.0.0.1:3000"),
}


@pytest.mark.parametrize(("lines", "url"), SEEN.values(), ids=SEEN)
def test_a_trusted_proxy_tells_how_the_client_addresses_the_server(lines: Lines, url: str) -> None:
    """By what the proxy next to the client saw."""
    assert read(lines).server_url == url
