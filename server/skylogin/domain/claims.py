"""The claims of a custom token: verified as `Claims`, or unverified as a `Description`."""

from collections.abc import Collection, Mapping
from typing import Any, NamedTuple, TypeGuard

from skylogin.domain import redaction
from skylogin.domain.user import FieldValue
from skylogin.encoding.json_text import DOUBLE_EXACT_MAX

PROFILE_CLAIM = "skyprofile"

Profile = Mapping[str, FieldValue | None]
_NOTHING: Mapping[str, Any] = {}


class Claims(NamedTuple):
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
    # The header and the known claims as they were received, for the login log.
    header: Mapping[str, object] = _NOTHING
    said: Mapping[str, Any] = _NOTHING

    def description(self) -> "Description":
        """Return what the token says of itself."""
        return Description(
            self.algorithm, self.key_id, self.subject, self.names, self.said, self.header
        )


class Description(NamedTuple):
    """What a token says of itself, unverified: for people and the login log."""

    algorithm: str = ""
    key_id: str = ""
    subject: str = ""
    names: tuple[str, ...] = ()
    # Registered claims with plain values, and the profile. Other claims may be private.
    claims: Mapping[str, Any] = _NOTHING
    header: Mapping[str, object] = _NOTHING


def without(said: Description, secrets: Collection[str]) -> Description:
    """Return *said* without *secrets* and without the signatures of other tokens."""
    return Description(
        algorithm=redaction.text(said.algorithm, secrets),
        key_id=redaction.text(said.key_id, secrets),
        subject=redaction.text(said.subject, secrets),
        names=tuple(redaction.text(name, secrets) for name in said.names),
        claims=redaction.without(said.claims, secrets),
        header=redaction.without(said.header, secrets),
    )


def is_plain(value: object) -> TypeGuard[str | float]:
    """Return whether *value* is text, a boolean, or a number that every JSON reader preserves."""
    return isinstance(value, str | bool) or (
        isinstance(value, int | float) and abs(value) < DOUBLE_EXACT_MAX
    )
