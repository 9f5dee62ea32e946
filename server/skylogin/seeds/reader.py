"""Seeds: the users and roles that an app is to begin with, read from a file. Pure.

Every fault is found in one go, each with file, line and field. What a user of a seed does not
say stays as it is: only `sub` has to be there, or an `id` for somebody without custom tokens.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from difflib import get_close_matches
from typing import Any

from skylogin.apps import names
from skylogin.domain import fields, profile
from skylogin.domain.claims import Profile
from skylogin.domain.limits import KEY_BYTES_MAX
from skylogin.domain.stored_names import LAST_LOGIN_AT
from skylogin.domain.user import FieldValue
from skylogin.encoding import rfc3339
from skylogin.errors import SkygearError
from skylogin.seeds import document
from skylogin.seeds.document import Node, SeedError, SeedProblem
from skylogin.tokens.custom_token import SUBJECT_BYTES_MAX

USERS_MAX = 100_000
APPS_MAX = 1000
APP_FIELDS = ("users", "default_roles", "admin_roles")
USER_FIELDS = ("sub", "id", "profile", "roles", "password", "password_hash", "disabled")
DISABLED_FIELDS = ("message", "until")
_BCRYPT = re.compile(r"\$2[aby]\$\d\d\$[./A-Za-z0-9]{53}", re.ASCII)


@dataclass(frozen=True, slots=True)
class Disabling:
    """Whether a user is shut out, with what message and until when."""

    disabled: bool
    message: str | None = None
    until: datetime | None = None


@dataclass(frozen=True, slots=True)
class SeedUser:
    """A user as a seed wants them. What is None, the seed does not say.

    *subject* is empty for somebody who has no custom tokens; they have a *user_id*. *lines* are
    those of the fields.
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
    """What a seed wants of one app. *path* is where it stands in the *file*."""

    name: str
    users: tuple[SeedUser, ...] = ()
    default_roles: tuple[str, ...] | None = None
    admin_roles: tuple[str, ...] | None = None
    file: str = field(default="", compare=False)
    path: str = field(default="", compare=False)
    plain: Mapping[str, object] = field(default_factory=dict, compare=False, repr=False)

    def fault(self, number: int, name: str, text: str) -> SeedProblem:
        """Return a fault of the field *name* of a user, which turned up when it was applied."""
        lines = self.users[number].lines
        place = f"users[{number}]"
        path = _below(_below(self.path, place), name)
        return SeedProblem(path, text, lines.get(name) or lines.get("", 0), self.file)


@dataclass(frozen=True, slots=True)
class Seed:
    """The apps of a seed, in their order."""

    apps: tuple[SeedApp, ...]


def read(data: bytes, file: str, default_app: str) -> Seed:
    """Return what the seed *file* says; what stands at the top is for *default_app*.

    Raises SeedError with every fault of it.
    """
    reader = _Reader(file)
    root = document.read(data, file)
    members = reader.members(root, "", ("apps", *APP_FIELDS))
    if members == {} and not reader.faults:
        reader.add(root, "", f"says nothing: it begins with apps or {', '.join(APP_FIELDS)}")
    apps = reader.apps(members or {}, default_app)
    reader.finish()
    return Seed(tuple(apps))


def read_app(body: object, name: str) -> SeedApp:
    """Return what a body says about the app it is sent to. Raises SeedError."""
    reader = _Reader("")
    root = document.of_plain(body)
    app = reader.app(reader.members(root, "", APP_FIELDS) or {}, name, "")
    reader.finish()
    return app


def _below(path: str, name: str) -> str:
    return f"{path}.{name}" if path and name else path or name


class _Reader:
    """Reads nodes into values, and gathers what is wrong with them."""

    def __init__(self, file: str) -> None:
        self.faults: list[SeedProblem] = []
        self._file = file

    def add(self, node: Node, path: str, text: str, line: int = 0) -> None:
        """Note that something is wrong with *node*."""
        self.faults.append(SeedProblem(path, text, line or node.line, self._file))

    def finish(self) -> None:
        """Raise SeedError where anything is wrong, in the order of the file."""
        if self.faults:
            raise SeedError(sorted(self.faults, key=lambda fault: fault.line))

    # --- apps ----------------------------------------------------------------------

    def apps(self, members: Mapping[str, Node], default_app: str) -> list[SeedApp]:
        """Return the apps of a whole seed."""
        node = members.get("apps")
        if node is None:
            return [self.app(members, default_app, "")]
        at_the_top = [name for name in APP_FIELDS if name in members]
        for name in at_the_top:
            self.add(members[name], name, "stands at the top or in apps, not in both")
        if at_the_top:
            self.app(members, default_app, "")
        found = []
        named = self.members(node, "apps", keep=True) or {}
        for name, app in named.items():
            path = f"apps.{name}"
            if name != default_app and not names.is_name(name):
                self.add(app, path, "names no app: a name has 1 to 63 of a-z, 0-9 and '-'")
            found.append(self.app(self.members(app, path, APP_FIELDS) or {}, name, path))
        if len(named) > APPS_MAX:
            self.add(node, "apps", f"has more than {APPS_MAX:,} apps")
        return found

    def app(self, members: Mapping[str, Node], name: str, path: str) -> SeedApp:
        """Return one app."""
        roles = {one: self._roles(members, path, one) for one in ("default_roles", "admin_roles")}
        place = _below(path, "users")
        nodes = self._items(members["users"], place, "users") if "users" in members else []
        if len(nodes) > USERS_MAX:
            self.add(members["users"], place, f"has more than {USERS_MAX:,} users")
        users = tuple(self._user(node, f"{place}[{at}]") for at, node in enumerate(nodes))
        for one in ("sub", "id"):
            self._check_once(nodes, place, one)
        plain = {one: self.plain(node) for one, node in members.items() if one in APP_FIELDS}
        return SeedApp(name, users, **roles, file=self._file, path=path, plain=plain)

    def _check_once(self, nodes: list[Node], place: str, name: str) -> None:
        """Note values of *name* that another user had before."""
        seen: dict[str, int] = {}
        for at, node in enumerate(nodes):
            one = node.value.get(name) if isinstance(node.value, dict) else None
            if one is None or not isinstance(one.value, str) or not one.value:
                continue
            first = seen.setdefault(one.value, at)
            if first != at:
                line = nodes[first].value[name].line
                where = f" in line {line}" if line else ""
                self.add(one, f"{place}[{at}].{name}", f"is that of {place}[{first}]{where}")

    # --- users ---------------------------------------------------------------------

    def _user(self, node: Node, path: str) -> SeedUser:
        members = self.members(node, path, USER_FIELDS)
        if members is None:
            return SeedUser("")
        subject = self._key(members, path, "sub", SUBJECT_BYTES_MAX)
        user_id = self._key(members, path, "id", KEY_BYTES_MAX)
        if "sub" not in members and "id" not in members:
            missing = "is missing; somebody who has no custom tokens needs an id instead"
            self.add(node, _below(path, "sub"), missing)
        values, lines = self._profile(members, path)
        return SeedUser(
            subject=subject,
            user_id=user_id,
            profile=values,
            roles=self._roles(members, path, "roles"),
            password=self._password(members, path),
            password_hash=self._password_hash(members, path),
            disabling=self._disabling(members, path),
            lines={"": node.line, **lines, **{name: one.line for name, one in members.items()}},
        )

    def _key(self, members: Mapping[str, Node], path: str, name: str, bytes_max: int) -> str:
        """Return a text that tells who somebody is, empty where there is none."""
        if name not in members:
            return ""
        text = self._text(members[name], _below(path, name))
        if text is None:
            return ""
        if not text:
            self.add(members[name], _below(path, name), "is empty")
        elif len(text.encode()) > bytes_max:
            self.add(members[name], _below(path, name), f"is longer than {bytes_max:,} bytes")
        return text

    def _profile(
        self, members: Mapping[str, Node], path: str
    ) -> tuple[dict[str, FieldValue | None], dict[str, int]]:
        """Return the profile, and the lines of its fields."""
        values: dict[str, FieldValue | None] = {}
        lines = {}
        place = _below(path, "profile")
        given = self.members(members["profile"], place, keep=True) if "profile" in members else {}
        for name, node in (given or {}).items():
            path = f"{place}.{name}"
            lines[f"profile.{name}"] = node.line
            before = len(self.faults)
            plain = self._checked(node, path)
            why = _why_no_field(name)
            if why:
                self.add(node, path, why)
            if len(self.faults) > before:
                continue
            try:
                values[name] = profile.read_value(plain)
            except SkygearError as error:
                self.add(node, path, error.message)
        return values, lines

    def _password(self, members: Mapping[str, Node], path: str) -> str | None:
        if "password" not in members:
            return None
        place = _below(path, "password")
        if "password_hash" in members:
            self.add(members["password"], place, "is there besides password_hash; one is enough")
        text = self._text(members["password"], place)
        if text == "":
            self.add(members["password"], place, "is empty")
        return text

    def _password_hash(self, members: Mapping[str, Node], path: str) -> str | None:
        if "password_hash" not in members:
            return None
        place = _below(path, "password_hash")
        text = self._text(members["password_hash"], place)
        if text is not None and not is_hash(text):
            wanted = "has to be a bcrypt hash, as an export has it; a password goes into password"
            self.add(members["password_hash"], place, wanted)
        return text

    def _disabling(self, members: Mapping[str, Node], path: str) -> Disabling | None:
        node, place = members.get("disabled"), _below(path, "disabled")
        if node is None:
            return None
        if isinstance(node.value, bool) and not node.problem:
            return Disabling(node.value)
        if not isinstance(node.value, dict):
            self._refuse(node, place, "true, false, or an object with message and until")
            return None
        inner = self.members(node, place, DISABLED_FIELDS) or {}
        message, until = None, None
        if "message" in inner:
            message = self._text(inner["message"], _below(place, "message"))
        if "until" in inner:
            until = self._moment(inner["until"], _below(place, "until"))
        return Disabling(True, message or None, until)

    def _moment(self, node: Node, path: str) -> datetime | None:
        text = self._text(node, path)
        if text is None:
            return None
        try:
            return rfc3339.read_moment(text)
        except ValueError:
            self.add(node, path, "has to be a time such as 2026-01-02T03:04:05Z")
            return None

    # --- values of any kind --------------------------------------------------------

    def members(
        self, node: Node, path: str, known: tuple[str, ...] = (), *, keep: bool = False
    ) -> dict[str, Node] | None:
        """Return the members of an object, None where it is none.

        Null is as good as nothing, unless it is to be *kept*. Where names are *known*, others
        are faults.
        """
        if node.value is None and not node.problem:
            return {}
        if node.problem or not isinstance(node.value, dict):
            self._refuse(node, path, "an object" if path else "an object with the app's users")
            return None
        self._check_names(node, path)
        for name, inner in node.value.items():
            if known and name not in known:
                self.add(inner, _below(path, name), _unknown(name, known))
        return {
            name: inner
            for name, inner in node.value.items()
            if keep or inner.value is not None or inner.problem
        }

    def _check_names(self, node: Node, path: str) -> None:
        for name, line in node.twice:
            self.add(node, _below(path, name), "is there twice", line)

    def _items(self, node: Node, path: str, what: str) -> list[Node]:
        if node.problem or not isinstance(node.value, list):
            self._refuse(node, path, f"a list of {what}")
            return []
        return node.value

    def _roles(self, members: Mapping[str, Node], path: str, name: str) -> tuple[str, ...] | None:
        """Return the names of roles, in order and once each."""
        if name not in members:
            return None
        place = _below(path, name)
        texts = set()
        for at, node in enumerate(self._items(members[name], place, "texts")):
            text = self._text(node, f"{place}[{at}]")
            if text == "":
                self.add(node, f"{place}[{at}]", "is empty")
            elif text is not None and len(text.encode()) > KEY_BYTES_MAX:
                self.add(node, f"{place}[{at}]", f"is longer than {KEY_BYTES_MAX} bytes")
            elif text is not None:
                texts.add(text)
        return tuple(sorted(texts))

    def _text(self, node: Node, path: str) -> str | None:
        if node.problem or not isinstance(node.value, str):
            is_plain = isinstance(node.value, bool | int | float)
            self._refuse(node, path, "a text: put it into quotes" if is_plain else "a text")
            return None
        return node.value

    def _refuse(self, node: Node, path: str, wanted: str) -> None:
        self.add(node, path, node.problem or f"has to be {wanted}")

    def _checked(self, node: Node, path: str) -> Any:
        """Return a plain value of any kind, whose inner faults are noted."""
        if node.problem:
            self.add(node, path, node.problem)
        self._check_names(node, path)
        if isinstance(node.value, dict):
            return {name: self._checked(one, f"{path}.{name}") for name, one in node.value.items()}
        if isinstance(node.value, list):
            return [self._checked(one, f"{path}[{at}]") for at, one in enumerate(node.value)]
        return node.value

    def plain(self, node: Node) -> Any:
        """Return a plain value of any kind."""
        if isinstance(node.value, dict):
            return {name: self.plain(inner) for name, inner in node.value.items()}
        if isinstance(node.value, list):
            return [self.plain(inner) for inner in node.value]
        return node.value


def is_hash(text: str) -> bool:
    """Return whether *text* can be a `password_hash`."""
    return _BCRYPT.fullmatch(text) is not None


def _unknown(name: str, known: tuple[str, ...]) -> str:
    near = get_close_matches(name, known, n=1)
    hint = f"did you mean {near[0]}?" if near else f"there are {', '.join(known)}"
    return f"is no field here; {hint}"


def _why_no_field(name: str) -> str:
    """Return why no seed sets a field of this name, nothing where it may."""
    if name == LAST_LOGIN_AT:
        return "is set by a login: who comes from a seed has not logged in yet"
    if name.startswith("_"):
        return "is the server's own: the profile has no names that begin with _"
    try:
        fields.check_name(name)
    except SkygearError as error:
        return error.explanation
    return ""
