"""What a custom token says: verified as `Claims`, or only read as a `Description`."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, TypeGuard

from skylogin.domain.user import FieldValue

PROFILE_CLAIM = "skyprofile"
NUMBER_MAX = 2**53

Profile = Mapping[str, FieldValue | None]


@dataclass(frozen=True, slots=True)
class Claims:
    """What a verified custom token says, and how it was verified."""

    subject: str
    profile: Profile
    issued_at: int
    expires_at: int
    algorithm: str
    key_id: str
    secret_id: str
    names: tuple[str, ...] = ()
    only_contract: str = ""
    # Header and claims as they came, for the journal: those that have a meaning.
    header: Mapping[str, object] = field(default_factory=dict)
    said: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Description:
    """What a token says of itself, nothing of it verified: for people and the journal."""

    algorithm: str = ""
    key_id: str = ""
    subject: str = ""
    names: tuple[str, ...] = ()
    # Registered claims with plain values, and the profile; what an app adds may be nobody's
    # business.
    claims: Mapping[str, Any] = field(default_factory=dict)
    header: Mapping[str, object] = field(default_factory=dict)


def is_plain(value: object) -> TypeGuard[str | float]:
    """Return whether *value* is text, true, false, or a number that everybody reads alike."""
    return isinstance(value, str | bool) or (
        isinstance(value, int | float) and abs(value) < NUMBER_MAX
    )
