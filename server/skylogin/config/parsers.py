"""How the texts of settings are read. A parser raises ValueError with what is wrong."""

import ipaddress
import re
from collections.abc import Callable
from typing import TypeVar

from skylogin.domain import database_url as urls
from skylogin.domain import unique_keys
from skylogin.domain.unique_keys import KeySet
from skylogin.tokens import jws

T = TypeVar("T")

GUESSABLE_LEVEL_MAX = 5
PORT_MAX = 65535
# A time so many days ago, or from now, can still be represented.
DAYS_MAX = 36_500
LENGTH_MAX = 100
# The bits before the IPv4 address in an IPv4-mapped IPv6 address.
MAPPED_BITS = 96
Network = ipaddress.IPv4Network | ipaddress.IPv6Network

_TRUE = frozenset(("1", "t", "true", "y", "yes", "on"))
_FALSE = frozenset(("0", "f", "false", "n", "no", "off"))
# int() accepts more: blanks, underscores, digits of other scripts.
_DECIMAL = re.compile(r"[+-]?\d+", re.ASCII)
_DOMAIN = re.compile(r"[a-z0-9_-]+(?:\.[a-z0-9_-]+)*", re.ASCII)


class FallbackToDefault(Exception):
    """The original uses the default instead of this value. The text says why."""


def texts(value: str) -> tuple[str, ...]:
    """Read texts separated by commas."""
    return tuple(item.strip() for item in value.split(",") if item.strip())


def choice(*choices: str) -> Callable[[str], str]:
    """Return a parser that accepts one of *choices*."""

    def parse(value: str) -> str:
        if value not in choices:
            raise ValueError(f"is not one of {', '.join(choices)}")
        return value

    return parse


def optional(parse: Callable[[str], T]) -> Callable[[str], T | None]:
    """Return a parser that also accepts an empty text, as None."""
    return lambda value: parse(value) if value else None


def boolean(value: str) -> bool:
    """Read yes or no."""
    if value.lower() in _TRUE | _FALSE:
        return value.lower() in _TRUE
    raise ValueError("is neither yes nor no")


def lenient_integer(value: str) -> int:
    """Read an integer by Skygear's rule: anything else means the default."""
    if _DECIMAL.fullmatch(value) is None or _is_too_large(value):
        raise FallbackToDefault("is not a number, so the default is used")
    return int(value)


def integer(value: str) -> int:
    """Read an integer of 0 or more."""
    if _DECIMAL.fullmatch(value) is None:
        raise ValueError("is not a whole number")
    if _is_too_large(value):
        raise ValueError("is too large a number")
    if int(value) < 0:
        raise ValueError("is negative")
    return int(value)


def positive_integer(value: str) -> int:
    """Read an integer of 1 or more."""
    if integer(value) == 0:
        raise ValueError("has to be more than 0")
    return int(value)


def _is_too_large(digits: str) -> bool:
    # Go's integers have 64 bits. Python refuses to read very long ones at all.
    return len(digits) > LENGTH_MAX or abs(int(digits)) >= 2**63


def days(value: str) -> int:
    """Read a number of days by Skygear's rule."""
    number = lenient_integer(value)
    if number > DAYS_MAX:
        raise ValueError(f"is more than {DAYS_MAX:,} days")
    return number


def positive_days(value: str) -> int:
    """Read a number of days, 1 or more."""
    positive_integer(value)
    return days(value)


def header(value: str) -> str:
    """Read the value of a header."""
    if not value.isprintable():
        raise ValueError("has a character that is not allowed in a header")
    return value


def guessable_level(value: str) -> int:
    """Read how hard a password has to be to guess."""
    level = lenient_integer(value)
    if level not in range(GUESSABLE_LEVEL_MAX + 1):
        raise FallbackToDefault("is not a level from 1 to 5, so the default is used")
    return level


def port(value: str) -> int:
    """Read a port."""
    if integer(value) > PORT_MAX:
        raise ValueError("is not a port")
    return int(value)


def address(value: str) -> tuple[str, int | None]:
    """Read `host:port`, `:port` or `host`; brackets around an IPv6 address."""
    if value.count("[") != value.count("]"):
        raise ValueError("has brackets that do not match")
    host, colon, number = value.rpartition(":")
    if not colon or value.endswith("]") or (value.count(":") > 1 and "[" not in value):
        return value.strip("[]"), None
    return host.strip("[]"), port(number) if number else None


def domain(value: str) -> str:
    """Read a domain name, as in a Host header."""
    name = value.strip(".").lower()
    if name and not _DOMAIN.fullmatch(name):
        raise ValueError("has to be the name of a domain in ASCII, such as login.example.com")
    return name


def key_sets(value: str) -> tuple[KeySet, ...]:
    """Read sets of unique fields by Skygear's rule: a text that cannot be read means the default.

    Raises DuplicatedKeyError as `read_key_sets` does.
    """
    try:
        return unique_keys.read_key_sets(value)
    except ValueError as error:
        raise FallbackToDefault(f"cannot be read ({error}), so the default is used") from None


def database_url(value: str) -> str:
    """Read the URL of a database."""
    if value:
        urls.check(value)
    return value


def log_level(value: str) -> str:
    """Read a log level of Skygear as one of Python's."""
    levels = {"fatal": "critical", "panic": "critical", "warn": "warning"}
    if value not in ("debug", "info", "error", *levels):
        raise FallbackToDefault("is not a level, so the default is used")
    return levels.get(value, value)


def algorithms(value: str) -> frozenset[str]:
    """Read algorithms of signatures."""
    names = frozenset(texts(value))
    unknown = names - set(jws.ALGORITHMS)
    if unknown or not names:
        raise ValueError(f"may list {', '.join(jws.ALGORITHMS)}")
    return names


def networks(value: str) -> tuple[Network, ...]:
    """Read addresses and networks; IPv4-mapped IPv6 addresses become IPv4."""
    return tuple(_network(item) for item in texts(value))


def _network(text: str) -> Network:
    try:
        network = ipaddress.ip_network(text)
    except ValueError:
        raise ValueError(
            f"has to list addresses or networks, such as 10.0.0.0/8, not {text}"
        ) from None
    if isinstance(network, ipaddress.IPv6Network) and network.prefixlen >= MAPPED_BITS:
        mapped = network.network_address.ipv4_mapped
        if mapped is not None:
            return ipaddress.IPv4Network((mapped, network.prefixlen - MAPPED_BITS))
    return network
