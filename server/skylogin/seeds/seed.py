"""The values of a seed."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime

from skylogin.apps.stubs import Stub
from skylogin.domain.claims import Profile
from skylogin.seeds.nodes import SeedProblem

USERS_MAX = 100_000
APPS_MAX = 1000


@dataclass(frozen=True, slots=True)
class Disabling:
    """Whether a user is disabled, with what message and until when."""

    disabled: bool
    message: str | None = None
    until: datetime | None = None


@dataclass(frozen=True, slots=True)
class SeedUser:
    """A user as a seed describes them. None means that the seed does not say.

    *subject* is empty for users without custom tokens; they have a *user_id*. *lines* are the
    lines of the fields.
    """

    subject: str
    user_id: str = ""
    profile: Profile = field(default_factory=dict)
    roles: tuple[str, ...] | None = None
    password: str | None = field(default=None, repr=False)
    password_hash: str | None = field(default=None, repr=False)
    disabling: Disabling | None = None
    lines: Mapping[str, int] = field(default_factory=dict, compare=False)


@dataclass(frozen=True, slots=True)
class SeedApp:
    """One app of a seed. *path* is its place in the *file*, *plain* its content there."""

    name: str
    users: tuple[SeedUser, ...] = ()
    default_roles: tuple[str, ...] | None = None
    admin_roles: tuple[str, ...] | None = None
    stubs: tuple[Stub, ...] = ()
    file: str = field(default="", compare=False)
    path: str = field(default="", compare=False)
    plain: Mapping[str, object] = field(default_factory=dict, compare=False, repr=False)

    def line_of(self, place: str) -> int:
        """Return the line of a place in the app such as `users[1].roles`, 0 if it is unknown."""
        lines = {
            f"users[{number}].{name}".rstrip("."): line
            for number, user in enumerate(self.users)
            for name, line in user.lines.items()
        }
        return lines.get(place) or lines.get(place.partition(".")[0], 0)

    def problem(self, number: int, name: str, text: str) -> SeedProblem:
        """Return a problem with the field *name* of a user, found when the seed was applied."""
        lines = self.users[number].lines
        path = ".".join(part for part in (self.path, f"users[{number}]", name) if part)
        return SeedProblem(path, text, lines.get(name) or lines.get("", 0), self.file)
