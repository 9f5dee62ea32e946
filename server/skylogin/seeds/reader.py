"""Reads a seed into values. Pure.

All problems are found at once, each with its file, line and field.
"""

import re
from collections.abc import Mapping
from datetime import datetime

from skylogin import config
from skylogin.apps import names
from skylogin.apps.stubs import Stub
from skylogin.domain import fields, profile, subject
from skylogin.domain.limits import KEY_BYTES_MAX
from skylogin.domain.stored_names import LAST_LOGIN_AT
from skylogin.domain.user import FieldValue
from skylogin.encoding import rfc3339
from skylogin.errors import SkygearError
from skylogin.operations import stubs
from skylogin.operations.operator import RefusedError
from skylogin.seeds import document
from skylogin.seeds.nodes import Node, SeedError, SeedProblem
from skylogin.seeds.seed import APPS_MAX, USERS_MAX, Disabling, SeedApp, SeedUser
from skylogin.seeds.values import Place, ValueReader, plain

SETTINGS = "settings"
APP_FIELDS = ("users", "default_roles", "admin_roles", "stubs")
USER_FIELDS = ("sub", "id", "profile", "roles", "password", "password_hash", "disabled")
DISABLED_FIELDS = ("message", "until")
_WORDS = {
    str: "a string",
    int: "a number",
    float: "a number",
    bool: "true or false",
    dict: "an object",
}
_BCRYPT = re.compile(r"\$2[aby]\$\d\d\$[./A-Za-z0-9]{53}", re.ASCII)


def read(data: bytes, file: str, default_app: str) -> tuple[SeedApp, ...]:
    """Return the apps of the seed *file*; content outside of `apps` is for *default_app*.

    Raises SeedError with all its problems.
    """
    return read_node(document.read(data, file), file, default_app)


def read_node(
    node: Node, file: str, default_app: str, *, may_be_empty: bool = False
) -> tuple[SeedApp, ...]:
    """Do as `read` for a file that is already parsed."""
    reader = _Reader(file)
    root = Place(node, "")
    members = reader.members(root, (SETTINGS, "apps", *APP_FIELDS))
    if members == {} and not (may_be_empty or reader.problems):
        reader.add(root, f"is empty: a seed has apps, or some of {', '.join(APP_FIELDS)}")
    # Only a project's file has settings, which a server reads before the seed.
    of_apps = {name: place for name, place in (members or {}).items() if name != SETTINGS}
    apps = reader.apps(of_apps, default_app)
    reader.finish()
    return tuple(apps)


def read_settings(root: Node, file: str) -> dict[str, str]:
    """Return the `settings` of a project's file, by variable.

    Raises SeedError with all its problems; those of the rest are left to `read`.
    """
    reader = _Reader(file)
    members = Place(root, "").members() if isinstance(root.value, dict) else {}
    settings = reader.settings(members[SETTINGS]) if SETTINGS in members else {}
    reader.finish()
    return settings


def read_app(body: object, name: str) -> SeedApp:
    """Return what a request's body says about the app *name*. Raises SeedError."""
    reader = _Reader("")
    app = reader.app(Place(document.of_plain(body), ""), name)
    reader.finish()
    return app


def read_app_text(text: str, file: str, name: str) -> SeedApp:
    """Return what the *text* of a seed *file* says about the app *name*. Raises SeedError."""
    apps = read(text.encode(), file, name)
    found = next((app for app in apps if app.name == name), None)
    if found is None:
        raise SeedError([SeedProblem("apps", f"has nothing for the app {name}", 0, file)])
    return found


def is_hash(text: str) -> bool:
    """Return whether *text* can be a `password_hash`."""
    return _BCRYPT.fullmatch(text) is not None


class _Reader(ValueReader):
    """Reads the parts of a seed."""

    # --- settings ------------------------------------------------------------------

    def settings(self, place: Place) -> dict[str, str]:
        """Return settings as the texts that environment variables would have."""
        members = self.members(place) or {}
        for problem in config.check_names(members):
            self.add(members[problem.partition(" ")[0]], problem.partition(" ")[2])
        return {name: self._setting(member) for name, member in members.items()}

    def _setting(self, place: Place) -> str:
        value: object = place.node.value
        if isinstance(value, bool):
            return "yes" if value else "no"
        if isinstance(value, int | float) and not place.node.problem:
            return str(value)
        return self.text(place, may_be_empty=True) or ""

    # --- apps ----------------------------------------------------------------------

    def apps(self, members: Mapping[str, Place], default_app: str) -> list[SeedApp]:
        """Return the apps of a file with these *members*."""
        if "apps" not in members:
            return [self._app(members, default_app, "")]
        of_default = {name: place for name, place in members.items() if name != "apps"}
        for place in of_default.values():
            self.add(place, "may be at the top level or in apps, but not in both")
        if of_default:
            self._app(of_default, default_app, "")
        named = self.members(members["apps"], keep_null=True) or {}
        for name, place in named.items():
            if name != default_app and not names.is_name(name):
                self.add(place, "is not an app name: use 1 to 63 of a-z, 0-9 and '-'")
        if len(named) > APPS_MAX:
            self.add(members["apps"], f"has more than {APPS_MAX:,} apps")
        return [self.app(place, name) for name, place in named.items()]

    def app(self, place: Place, name: str) -> SeedApp:
        """Return one app."""
        return self._app(self.members(place, APP_FIELDS) or {}, name, place.path)

    def _app(self, members: Mapping[str, Place], name: str, path: str) -> SeedApp:
        places = self.items(members["users"], "users") if "users" in members else []
        if len(places) > USERS_MAX:
            self.add(members["users"], f"has more than {USERS_MAX:,} users")
        users = tuple(self._user(place) for place in places)
        for key in ("sub", "id"):
            self._check_unique(places, key)
        return SeedApp(
            name,
            users,
            default_roles=self._roles(members.get("default_roles")),
            admin_roles=self._roles(members.get("admin_roles")),
            stubs=self._stubs(members.get("stubs")),
            file=self._file,
            path=path,
            plain={one: plain(members[one].node) for one in APP_FIELDS if one in members},
        )

    def _stubs(self, place: Place | None) -> tuple[Stub, ...]:
        items = self.items(place, "stubs") if place else []
        return tuple(stub for item in items if (stub := self._stub(item)) is not None)

    def _stub(self, place: Place) -> Stub | None:
        before = len(self.problems)
        members = self.members(place, stubs.FIELDS, keep_null=True) or {}
        self.check_all(place)
        if "action" not in members and len(self.problems) == before:
            self.add(place, "needs an action")
        values = {name: plain(member.node) for name, member in members.items()}
        for name, types in stubs.TYPES.items():
            if name in values and type(values[name]) not in types:
                words = dict.fromkeys(_WORDS[one] for one in types)
                self.add(members[name], f"must be {' or '.join(words)}")
        if len(self.problems) > before:
            return None
        try:
            return stubs.read_stub(values)
        except RefusedError as error:
            self.add(place, str(error))
            return None

    def _check_unique(self, places: list[Place], key: str) -> None:
        """Add a problem for each value of *key* that an earlier user has."""
        first: dict[str, Place] = {}
        for user in places:
            node = user.node.value.get(key) if isinstance(user.node.value, dict) else None
            if node is None or not isinstance(node.value, str) or not node.value:
                continue
            place = user.member(key, node)
            earlier = first.setdefault(node.value, Place(node, user.path))
            if earlier.node is not node:
                line = f" on line {earlier.node.line}" if earlier.node.line else ""
                self.add(place, f"is already used by {earlier.path}{line}")

    # --- users ---------------------------------------------------------------------

    def _user(self, place: Place) -> SeedUser:
        members = self.members(place, USER_FIELDS)
        if members is None:
            return SeedUser("")
        if "sub" not in members and "id" not in members:
            missing = "is missing; a user without custom tokens needs an id instead"
            self.add(place.member("sub", place.node), missing)
        if "password" in members and "password_hash" in members:
            self.add(members["password"], "is given as well as password_hash; use one of them")
        return SeedUser(
            subject=self._subject(members.get("sub")),
            user_id=self.text(members.get("id"), KEY_BYTES_MAX) or "",
            profile=self._profile(members.get("profile")),
            roles=self._roles(members.get("roles")),
            password=self.text(members.get("password")),
            password_hash=self._password_hash(members.get("password_hash")),
            disabling=self._disabling(members.get("disabled")),
            lines=_lines(place, members),
        )

    def _subject(self, place: Place | None) -> str:
        text = self.text(place) or ""
        # The contract is the server's, so it is checked when the seed is applied.
        problem = subject.problem(text, documented=False) if text else ""
        if place and problem:
            self.add(place, problem)
        return text

    def _profile(self, place: Place | None) -> dict[str, FieldValue | None]:
        values: dict[str, FieldValue | None] = {}
        members = self.members(place, keep_null=True) if place else None
        for name, member in (members or {}).items():
            before = len(self.problems)
            self.check_all(member)
            problem = _name_problem(name)
            if problem:
                self.add(member, problem)
            if len(self.problems) > before:
                continue
            try:
                values[name] = profile.read_value(plain(member.node))
            except SkygearError as error:
                self.add(member, error.message)
        return values

    def _password_hash(self, place: Place | None) -> str | None:
        text = self.text(place)
        if place and text and not is_hash(text):
            self.add(place, "must be a bcrypt hash, as in an export; plain text goes in password")
        return text

    def _disabling(self, place: Place | None) -> Disabling | None:
        if place is None:
            return None
        if isinstance(place.node.value, bool):
            return Disabling(place.node.value)
        if not isinstance(place.node.value, dict):
            self.refuse(place, "true, false, or an object with message and until")
            return None
        members = self.members(place, DISABLED_FIELDS) or {}
        message = self.text(members.get("message"), may_be_empty=True)
        return Disabling(True, message or None, self._time(members.get("until")))

    def _time(self, place: Place | None) -> datetime | None:
        text = self.text(place, may_be_empty=True)
        if place is None or text is None:
            return None
        try:
            return rfc3339.read_moment(text)
        except ValueError:
            self.add(place, "must be a time such as 2026-01-02T03:04:05Z")
            return None

    def _roles(self, place: Place | None) -> tuple[str, ...] | None:
        """Return the names of roles, in order and once each."""
        if place is None:
            return None
        texts = [self.text(item, KEY_BYTES_MAX) for item in self.items(place, "strings")]
        return tuple(sorted({text for text in texts if text}))


def _lines(user: Place, members: Mapping[str, Place]) -> dict[str, int]:
    """Return the line of a user, and those of their fields."""
    lines = {"": user.node.line}
    for name, member in members.items():
        lines[name] = member.node.line
        if name == "profile" and isinstance(member.node.value, dict):
            lines |= {f"profile.{field}": node.line for field, node in member.node.value.items()}
    return lines


def _name_problem(name: str) -> str:
    """Return why a seed cannot set the profile field *name*, empty if it can."""
    if name == LAST_LOGIN_AT:
        return "is set by logins only: seeded users have not logged in yet"
    if name.startswith("_"):
        return "is reserved: names that begin with _ are the server's own"
    try:
        fields.check_name(name)
    except SkygearError as error:
        return error.explanation
    return ""
