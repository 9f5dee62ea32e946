"""The users of an app, by subject."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Self

from skylogin.client.admin_api import AdminClient, read_optional_time, read_time, write_time

LAST_LOGIN = "last_login_at"


@dataclass(frozen=True, slots=True)
class User:
    """A user as they were when they were looked up.

    *profile* has the application's fields, *record* the whole user record as sent to clients.
    The methods change the user on the server; look the user up again to see the change.
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
        """Return the user in a *row* of the admin API."""
        record = row["profile"] or {}
        return cls(
            sub=sub,
            id=row["id"],
            profile=profile_of(record),
            record=record,
            roles=tuple(row["roles"]),
            disabled=row["disabled"],
            disabled_message=row["disabled_message"] or "",
            disabled_until=read_optional_time(row["disabled_until"]),
            created_at=read_optional_time(row["created_at"]),
            last_login_at=_time_in(record.get(LAST_LOGIN)),
            last_seen_at=read_optional_time(row["last_seen_at"]),
            _admin=admin,
        )

    def disable(self, message: str = "", until: datetime | None = None) -> None:
        """Disable the user, permanently or *until* a time. Logins are refused with *message*."""
        end = write_time(until) if until else None
        self._admin.post("users", self.id, "disable", message=message, until=end)

    def enable(self) -> None:
        """Enable the user."""
        self._admin.post("users", self.id, "enable")

    def set_roles(self, *roles: str) -> None:
        """Replace the user's roles."""
        self._admin.ask("PUT", "users", self.id, "roles", body={"roles": list(roles)})

    def edit(self, **profile: object) -> None:
        """Change fields of the profile; None removes one."""
        self._admin.ask("PATCH", "users", self.id, body={"profile": profile})

    def sign_out(self) -> None:
        """Revoke all access tokens of the user."""
        self._admin.post("users", self.id, "sign-out")

    def delete(self) -> None:
        """Delete the user with their profile and roles."""
        self._admin.ask("DELETE", "users", self.id)


class Users(Mapping[str, User]):
    """The users with a subject: those who logged in with a custom token, and those added here."""

    def __init__(self, admin: AdminClient) -> None:
        self._admin = admin

    def __getitem__(self, sub: str) -> User:
        """Return the user whose custom tokens have this `sub`. Raises KeyError."""
        found = self._admin.get("users", subject=sub)["users"] if sub else []
        if not found:
            raise KeyError(sub)
        return User.read(sub, found[0], self._admin)

    def __iter__(self) -> Iterator[str]:
        """Iterate over the subjects in alphabetical order."""
        return iter(sorted(filter(None, (row["subject"] for row in self._admin.pages("users")))))

    def __len__(self) -> int:
        """Return the number of users."""
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
        """Add a user without a login, and return the user. *more* are other fields of a seed."""
        # A single text is passed on as it is, so that the server refuses it.
        names = roles if isinstance(roles, str) else list(roles)
        user = {"sub": sub, "profile": dict(profile or {}), "roles": names, **more}
        self._admin.post("seed", users=[user])
        return self[sub]


def profile_of(record: Mapping[str, Any]) -> dict[str, Any]:
    """Return the application's fields of a user record."""
    return {
        name: value
        for name, value in record.items()
        if not name.startswith("_") and name != LAST_LOGIN
    }


def _time_in(value: object) -> datetime | None:
    """Return the time in a field of a record, None if it has none."""
    if isinstance(value, Mapping) and isinstance(value.get("$date"), str):
        return read_time(value["$date"])
    return None
