"""The users of an app, by their subjects."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Self

from skylogin.client.admin_api import AdminClient, as_text, moment, moment_or_none

LAST_LOGIN = "last_login_at"


@dataclass(frozen=True, slots=True)
class User:
    """A user as they were when they were looked up.

    *profile* has the fields that the application keeps, *record* the whole user record as it
    is on the wire. The verbs change the user on the server; look them up again to see it.
    """

    sub: str
    id: str
    profile: Mapping[str, Any]
    record: Mapping[str, Any]
    roles: tuple[str, ...]
    disabled: bool
    disabled_message: str
    disabled_until: datetime | None
    created_at: datetime | None
    last_login_at: datetime | None
    last_seen_at: datetime | None
    _admin: AdminClient = field(repr=False, compare=False)

    @classmethod
    def read(cls, sub: str, row: Mapping[str, Any], admin: AdminClient) -> Self:
        """Return the user that the admin API shows as *row*."""
        record = row["profile"] or {}
        return cls(
            sub=sub,
            id=row["id"],
            profile=profile_of(record),
            record=record,
            roles=tuple(row["roles"]),
            disabled=row["disabled"],
            disabled_message=row["disabled_message"] or "",
            disabled_until=moment_or_none(row["disabled_until"]),
            created_at=moment_or_none(row["created_at"]),
            last_login_at=moment_of(record.get(LAST_LOGIN)),
            last_seen_at=moment_or_none(row["last_seen_at"]),
            _admin=admin,
        )

    def disable(self, message: str = "", until: datetime | None = None) -> None:
        """Keep the user out, with a *message*, for good or *until* a time."""
        end = as_text(until) if until else None
        self._admin.post("users", self.id, "disable", message=message, until=end)

    def enable(self) -> None:
        """Let the user in again."""
        self._admin.post("users", self.id, "enable")

    def set_roles(self, *roles: str) -> None:
        """Give the user these roles and no others."""
        self._admin.ask("PUT", "users", self.id, "roles", body={"roles": list(roles)})

    def edit(self, **profile: object) -> None:
        """Change fields of the profile; None removes one."""
        self._admin.ask("PATCH", "users", self.id, body={"profile": profile})

    def sign_out(self) -> None:
        """End every access token of the user."""
        self._admin.post("users", self.id, "sign-out")

    def delete(self) -> None:
        """Delete the user with their profile and roles."""
        self._admin.ask("DELETE", "users", self.id)


class Users(Mapping[str, User]):
    """The users who have a subject: those who logged in with a token, or were added here."""

    def __init__(self, admin: AdminClient) -> None:
        self._admin = admin

    def __getitem__(self, sub: str) -> User:
        """Return the user whose tokens have this `sub`. Raises KeyError."""
        found = self._admin.get("users", subject=sub)["users"] if sub else []
        if not found:
            raise KeyError(sub)
        return User.read(sub, found[0], self._admin)

    def __iter__(self) -> Iterator[str]:
        """Go through the subjects in the order of their characters."""
        return iter(sorted(filter(None, (row["subject"] for row in self._admin.pages("users")))))

    def __len__(self) -> int:
        """Return how many there are."""
        return len(list(iter(self)))

    def __repr__(self) -> str:
        """Show the subjects."""
        return f"<users: {', '.join(self) or 'none'}>"

    def add(
        self,
        sub: str,
        profile: Mapping[str, object] | None = None,
        roles: Iterable[str] = (),
        **more: object,
    ) -> User:
        """Add a user without a login, and return them; *more* is what a seed may say."""
        # One text is no list of roles: the server says so.
        given = roles if isinstance(roles, str) else list(roles)
        user = {"sub": sub, "profile": dict(profile or {}), "roles": given, **more}
        self._admin.post("seed", users=[user])
        return self[sub]


def profile_of(record: Mapping[str, Any]) -> dict[str, Any]:
    """Return the fields of a user record that the application keeps."""
    return {
        name: value
        for name, value in record.items()
        if not name.startswith("_") and name != LAST_LOGIN
    }


def moment_of(value: object) -> datetime | None:
    """Return the time in a field of a record, None where there is none."""
    if isinstance(value, Mapping) and isinstance(value.get("$date"), str):
        return moment(value["$date"])
    return None
