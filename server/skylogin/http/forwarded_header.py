"""What proxies write about a client: addresses with ports, and the header `Forwarded`. Pure."""

import ipaddress
import re
from collections.abc import Iterable

Address = ipaddress.IPv4Address | ipaddress.IPv6Address

# An address with or without a port, which may be a made-up name (RFC 7239, section 6).
_NODE = re.compile(r"(?:\[(?P<v6>[^]]*)\]|(?P<v4>[^:]*))(?::(?:\d{1,5}|_[\w.-]+))?", re.ASCII)
# One parameter and what ends it. A value without quotes may have an address's colons and brackets.
_PARAMETER = re.compile(
    r"[ \t]*(?:(?P<name>[\w!#$%&'*+.^`|~-]+)="
    r'(?:"(?P<quoted>(?:[^"\\]|\\.)*)"|(?P<plain>[^\s",;=\\]+))[ \t]*)?(?P<end>[,;]|\Z)',
    re.ASCII,
)


def read_address(text: str) -> Address | None:
    """Return the address in *text* without its port and zone, None if there is none.

    An IPv4-mapped IPv6 address is the IPv4 address.
    """
    node = _NODE.fullmatch(text)
    if node is None:
        plain = text
    elif node["v6"] is None:
        plain = node["v4"]
    else:
        plain = node["v6"] if ":" in node["v6"] else ""
    try:
        address = ipaddress.ip_address(plain)
    except ValueError:
        return None
    if isinstance(address, ipaddress.IPv4Address):
        return address
    # A zone has a meaning on one machine only.
    return address.ipv4_mapped or ipaddress.IPv6Address(int(address))


def read_forwarded(lines: Iterable[str]) -> list[dict[str, str]]:
    """Return the parameters of each element, by their names in lower case.

    A malformed line counts as one element whose `for` is not an address.
    """
    elements = []
    for line in lines:
        read = _read_line(line)
        elements += [{"for": MALFORMED}] if read is None else read
    return elements


MALFORMED = "malformed"


def _read_line(line: str) -> list[dict[str, str]] | None:
    elements: list[dict[str, str]] = [{}]
    start = 0
    while (parameter := _PARAMETER.match(line, start)) is not None:
        name, start = (parameter["name"] or "").lower(), parameter.end()
        if name in elements[-1]:
            return None
        if name:
            quoted = parameter["quoted"]
            value = parameter["plain"] if quoted is None else re.sub(r"\\(.)", r"\1", quoted)
            elements[-1][name] = value
        if not parameter["end"]:
            return [element for element in elements if element]
        if parameter["end"] == ",":
            elements.append({})
    return None
