"""What kind of host a name or an address is. Pure."""

import ipaddress

LOCALHOST = "localhost"


def is_loopback(host: str) -> bool:
    """Return whether *host*, a name or an address without brackets, is this machine alone."""
    name = host.lower().removesuffix(".")
    if name == LOCALHOST or name.endswith(f".{LOCALHOST}"):
        # Browsers do not ask for the address of such names (RFC 6761, 6.3).
        return True
    try:
        address = ipaddress.ip_address(name)
    except ValueError:
        return False
    mapped = address.ipv4_mapped if isinstance(address, ipaddress.IPv6Address) else None
    return (mapped or address).is_loopback
