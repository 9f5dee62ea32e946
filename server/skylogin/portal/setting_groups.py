"""The settings in groups, the changed ones first. Pure."""

from collections.abc import Iterator, Sequence

from skylogin.config import InForce

CHANGED, OTHERS = "Changed", "Server"
# A setting is in the first group with a prefix of its name.
GROUPS: dict[str, tuple[str, ...]] = {
    "App and keys": ("APP_NAME", "API_KEY", "MASTER_KEY", "SKYLOGIN_DEFAULT_KEY", "AUTH_RECORD"),
    "Custom tokens": (
        "CUSTOM_TOKEN",
        "SKYLOGIN_ALLOWED",
        "SKYLOGIN_TOKEN_LIFETIME",
        "SKYLOGIN_AUDIENCE",
        "SKYLOGIN_ISSUER",
        "SKYLOGIN_LEEWAY",
    ),
    "Access tokens": ("TOKEN_STORE",),
    "What callers may do": (
        "DEV_MODE",
        "VERIFY",
        "SKYLOGIN_CONTRACT",
        "SKYLOGIN_SCHEMA",
        "SKYLOGIN_LOGINS",
        "SKYLOGIN_USER_DIRECTORY",
    ),
    "Passwords": ("USER_AUDIT_PW",),
    "Login log": ("SKYLOGIN_LOGIN_LOG",),
    "Operators": ("SKYLOGIN_ADMIN", "SKYLOGIN_METRICS"),
    "Database": ("DATABASE", "SKYLOGIN_DATA"),
    OTHERS: ("",),
}


def group_of(variable: str) -> str:
    """Return the group of a setting."""
    return next(group for group, starts in GROUPS.items() if variable.startswith(starts))


def grouped(rows: Sequence[InForce], search: str) -> Iterator[tuple[str, list[InForce]]]:
    """Yield the groups, each with its settings that contain every word of *search*."""
    words = search.casefold().split()
    found = [
        row
        for row in rows
        if all(word in f"{row.variable} {row.value} {row.about}".casefold() for word in words)
    ]
    for group in (CHANGED, *GROUPS):
        members = [
            row for row in found if group == (group_of(row.variable) if row.is_default else CHANGED)
        ]
        if members:
            yield group, members
