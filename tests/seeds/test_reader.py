"""Seeds: what they mean, and every fault with its file, its line and its field."""

import json
import re
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from skylogin.domain.user import FieldValue
from skylogin.seeds import reader
from skylogin.seeds.document import TEXT_BYTES_MAX, SeedError, write_json, write_yaml
from skylogin.seeds.reader import Disabling, Seed, SeedApp, SeedUser

HASH = "$2a$10$abcdefghijklmnopqrstuuABCDEFGHIJKLMNOPQRSTUVWXYZ01234"
WHOLE = f"""\
apps:
  myapp:
    default_roles: [reader]
    admin_roles: [owner, owner, boss]
    users:
      - sub: alice
        id: 5b0c
        profile: {{username: alice, age: 7, since: {{$type: date, $date: 2024-01-02T03:04:05Z}}}}
        roles: [editor]
        password: long enough
        disabled: {{message: Call us, until: 2026-01-02T03:04:05.5Z}}
      - sub: bert
        roles: []
        password_hash: {HASH}
        disabled: true
      - id: only-an-id
        profile: {{nobody: null}}
        disabled: false
  worker-1:
"""


def read(text: str, file: str = "users.yaml") -> Seed:
    """Return what a seed says."""
    return reader.read(text.encode(), file, "myapp")


def faults_of(text: str, file: str = "users.yaml") -> list[str]:
    """Return what is wrong with a seed."""
    with pytest.raises(SeedError) as caught:
        read(text, file)
    assert str(caught.value) == "\n".join(map(str, caught.value.faults))
    return [str(fault) for fault in caught.value.faults]


def test_a_seed_has_apps_users_and_roles() -> None:
    """What it does not say is None."""
    myapp, worker = read(WHOLE).apps

    alice, bert, other = myapp.users
    assert alice == SeedUser(
        "alice",
        "5b0c",
        {
            "username": FieldValue("string", "alice"),
            "age": FieldValue("number", 7),
            "since": FieldValue("datetime", "2024-01-02T03:04:05.000000Z"),
        },
        roles=("editor",),
        password="long enough",
        disabling=Disabling(True, "Call us", datetime(2026, 1, 2, 3, 4, 5, 500000, UTC)),
    )
    assert bert == SeedUser(
        "bert", roles=(), password_hash=HASH, disabling=Disabling(disabled=True)
    )
    assert other == SeedUser("", "only-an-id", {"nobody": None}, disabling=Disabling(False))
    assert (myapp.default_roles, myapp.admin_roles) == (("reader",), ("boss", "owner"))
    assert worker == SeedApp("worker-1")


def test_a_seed_of_one_app_stands_at_the_top() -> None:
    """It is for the app of the environment."""
    text = "users:\n  - sub: alice\n"

    assert reader.read(text.encode(), "-", "My_App").apps == (
        SeedApp("My_App", (SeedUser("alice"),)),
    )
    assert reader.read(b"apps: {My_App: {}}", "-", "My_App").apps == (SeedApp("My_App"),)


def test_json_says_the_same() -> None:
    """As a file and as a body."""
    app = {"users": [{"sub": "alice", "profile": {"a": 1}}], "default_roles": ["x"]}

    [from_file] = read(json.dumps(app), "users.json").apps
    assert reader.read_app(app, "myapp") == from_file
    assert from_file.plain == app


def test_secrets_are_not_printed() -> None:
    """By whatever prints a seed."""
    assert "long enough" not in repr(read(WHOLE))
    assert HASH not in repr(read(WHOLE))


USER = "users:\n  - sub: alice\n    "
FAULTS: dict[str, tuple[str, str]] = {
    "roles": (USER + "roles: x", "3: users[0].roles: has to be a list of texts"),
    "a role": (
        USER + "roles: [a, 1]",
        "3: users[0].roles[1]: has to be a text: put it into quotes",
    ),
    "a null role": (USER + "roles:\n    -", "4: users[0].roles[0]: has to be a text"),
    "an empty role": (USER + 'roles: [""]', "3: users[0].roles[0]: is empty"),
    "a long role": (
        USER + f"roles: [{'x' * 801}]",
        "3: users[0].roles[0]: is longer than 800 bytes",
    ),
    "near": (USER + "rols: []", "3: users[0].rols: is no field here; did you mean roles?"),
    "far": (
        USER + "nothing: 1",
        "3: users[0].nothing: is no field here; there are "
        "sub, id, profile, roles, password, password_hash, disabled",
    ),
    "top": ("user: []", "1: user: is no field here; did you mean users?"),
    "of an app": (
        "apps:\n  a:\n    users: []\n    admin: x",
        "4: apps.a.admin: is no field here; did you mean admin_roles?",
    ),
    "no subject": (
        "users:\n  - id:\n    roles: []",
        "2: users[0].sub: is missing; somebody who has no custom tokens needs an id instead",
    ),
    "empty subject": ("users: [{sub: ''}]", "1: users[0].sub: is empty"),
    "a number": ("users: [{sub: 7}]", "1: users[0].sub: has to be a text: put it into quotes"),
    "long subject": (
        f"users: [{{sub: {'x' * 2501}}}]",
        "1: users[0].sub: is longer than 2,500 bytes",
    ),
    "long id": (f"users: [{{id: {'x' * 801}}}]", "1: users[0].id: is longer than 800 bytes"),
    "U+0000": ('users: [{sub: "\\0"}]', "1: users[0].sub: has U+0000, which no database keeps"),
    "subject twice": (
        "users:\n  - sub: a\n  - sub: b\n  - sub: a",
        "4: users[2].sub: is that of users[0] in line 2",
    ),
    "id twice": ("users:\n  - id: a\n  - id: a", "3: users[1].id: is that of users[0] in line 2"),
    "name twice": (USER + "sub: bert", "3: users[0].sub: is there twice"),
    "no users": ("users: alice", "1: users: has to be a list of users"),
    "no user": ("users: [alice]", "1: users[0]: has to be an object"),
    "no app": ("apps: {a: 1}", "1: apps.a: has to be an object"),
    "no apps": ("apps: []", "1: apps: has to be an object"),
    "no object": ("- users", "1: has to be an object with the app's users"),
    "nothing": ("", "1: says nothing: it begins with apps or users, default_roles, admin_roles"),
    "no name": (
        "apps: {A_b: {}}",
        "1: apps.A_b: names no app: a name has 1 to 63 of a-z, 0-9 and '-'",
    ),
    "both": (
        "users: []\napps: {a: {}}",
        "1: users: stands at the top or in apps, not in both",
    ),
    "no profile": (USER + "profile: x", "3: users[0].profile: has to be an object"),
    "profile value": (
        USER + "profile:\n      at: {$type: date, $date: yesterday}",
        '4: users[0].profile.at: failed to parse $date = "yesterday"',
    ),
    "profile tag": (
        USER + "profile: {a: !x y}",
        "3: users[0].profile.a: the tag !x means nothing here",
    ),
    "deep in a profile": (
        USER + 'profile:\n      a:\n        - b: "\\0"',
        "5: users[0].profile.a[0].b: has U+0000, which no database keeps",
    ),
    "profile name twice": (
        USER + "profile:\n      a: {b: 1,\n  b: 2}",
        "5: users[0].profile.a.b: is there twice",
    ),
    "a name of ours": (
        USER + "profile: {_id: x}",
        "3: users[0].profile._id: is the server's own: the profile has no names that begin with _",
    ),
    "time of a login": (
        USER + "profile: {last_login_at: null}",
        "3: users[0].profile.last_login_at: is set by a login: "
        "who comes from a seed has not logged in yet",
    ),
    "no name of a field": (
        USER + 'profile: {"": 1}',
        "3: users[0].profile.: a field needs a name",
    ),
    "password": (
        USER + "password: 1234",
        "3: users[0].password: has to be a text: put it into quotes",
    ),
    "empty password": (USER + "password: ''", "3: users[0].password: is empty"),
    "both passwords": (
        USER + f"password: x\n    password_hash: {HASH}",
        "3: users[0].password: is there besides password_hash; one is enough",
    ),
    "no hash": (
        USER + "password_hash: secret",
        "3: users[0].password_hash: has to be a bcrypt hash, as an export has it; "
        "a password goes into password",
    ),
    "disabled": (
        USER + "disabled: yes",
        "3: users[0].disabled: has to be true, false, or an object with message and until",
    ),
    "until": (
        USER + "disabled:\n      until: 2026-01-02",
        "4: users[0].disabled.until: has to be a time such as 2026-01-02T03:04:05Z",
    ),
    "message": (USER + "disabled: {message: []}", "3: users[0].disabled.message: has to be a text"),
}


@pytest.mark.parametrize(("text", "fault"), FAULTS.values(), ids=FAULTS)
def test_a_fault_has_its_file_line_and_field(text: str, fault: str) -> None:
    """And says what would be right."""
    assert faults_of(text) == [f"users.yaml:{fault}"]


def test_all_faults_are_told_at_once() -> None:
    """In the order of the file."""
    text = (
        "apps:\n  myapp:\n    users:\n      - sub: 1\n        roles: x\n"
        "      - rols: []\n    admin_roles: y\n  B: z\n"
    )
    assert faults_of(text) == [
        "users.yaml:4: apps.myapp.users[0].sub: has to be a text: put it into quotes",
        "users.yaml:5: apps.myapp.users[0].roles: has to be a list of texts",
        "users.yaml:6: apps.myapp.users[1].rols: is no field here; did you mean roles?",
        "users.yaml:6: apps.myapp.users[1].sub: is missing; "
        "somebody who has no custom tokens needs an id instead",
        "users.yaml:7: apps.myapp.admin_roles: has to be a list of texts",
        "users.yaml:8: apps.B: names no app: a name has 1 to 63 of a-z, 0-9 and '-'",
        "users.yaml:8: apps.B: has to be an object",
    ]


def test_faults_of_json_have_their_lines_too() -> None:
    """Those of a body have none."""
    text = '{"users": [\n  {"sub": "a",\n   "roles": "x"}]}'

    assert faults_of(text, "users.json") == [
        "users.json:3: users[0].roles: has to be a list of texts"
    ]
    with pytest.raises(SeedError, match=r"^users\[0\]\.roles: has to be a list of texts$"):
        reader.read_app(json.loads(text), "myapp")
    with pytest.raises(SeedError, match=r"^apps: is no field here"):
        reader.read_app({"apps": {}}, "myapp")


@pytest.mark.slow
def test_there_is_an_end_to_users_and_apps() -> None:
    """Above that it is no seed."""
    users = ",".join(f'{{"id":"{n}"}}' for n in range(100_001))
    apps = "".join(f"  a{n}: {{}}\n" for n in range(1001))

    assert faults_of(f'{{"users":[{users}]}}', "a.json") == [
        "a.json:1: users: has more than 100,000 users"
    ]
    assert faults_of(f"apps:\n{apps}") == ["users.yaml:1: apps: has more than 1,000 apps"]


@pytest.mark.parametrize("write", [write_yaml, write_json])
def test_what_is_exported_is_no_larger_than_a_seed_may_be(write: Any) -> None:
    """With as many users as there may be, who have what users have."""
    user = {
        "sub": "5b0c8f3e-0000-4000-8000-000000000001",
        "id": "5b0c8f3e-0000-4000-8000-000000000002",
        "profile": {
            "username": "alice.liddell",
            "email": "alice.liddell@example.com",
            "name": "Alice Liddell",
            "born": {"$type": "date", "$date": "2001-02-03T04:05:06.789Z"},
        },
        "roles": ["editor", "reader"],
        "password_hash": "$2a$10$" + "a" * 53,
        "disabled": False,
    }
    assert len(write({"users": [user]})) * reader.USERS_MAX <= TEXT_BYTES_MAX


def test_a_fault_that_turns_up_later_has_its_line() -> None:
    """By the field, or by the user."""
    [app, _] = read(WHOLE).apps

    shown = [str(app.fault(0, name, "no")) for name in ("profile.username", "roles", "profile.x")]
    assert shown == [
        "users.yaml:8: apps.myapp.users[0].profile.username: no",
        "users.yaml:9: apps.myapp.users[0].roles: no",
        "users.yaml:6: apps.myapp.users[0].profile.x: no",
    ]
    assert str(app.fault(2, "", "no")) == "users.yaml:16: apps.myapp.users[2]: no"
    [body] = [reader.read_app({"users": [{"sub": "a"}]}, "myapp")]
    assert str(body.fault(0, "sub", "no")) == "users[0].sub: no"


PAGE = Path(__file__).parent.parent.parent / "docs" / "seeds.md"


def test_the_page_shows_a_seed_and_its_faults() -> None:
    """The one is good, and the others are told of it when it is spoiled."""
    page = PAGE.read_text(encoding="utf-8")
    [text] = re.findall(r"```yaml\n(.*?)```", page, re.DOTALL)
    [faults] = re.findall(r"```text\n(.*?)```", page, re.DOTALL)

    [app] = read(text).apps
    assert [user.subject for user in app.users] == ["alice", "bob"]
    spoiled = text.replace("[editor]", "editor").replace("disabled:", "disabeld:")
    assert faults_of(spoiled) == faults.splitlines()
    table = set(re.findall(r"^\| `(\w+)`(?:, or `(\w+)`)?", page, re.M))
    assert {name for names in table for name in names if name} == set(reader.USER_FIELDS)


names = st.sampled_from([*reader.APP_FIELDS, *reader.USER_FIELDS, "apps", "a", "message", "until"])
values: st.SearchStrategy[Any] = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5) | names,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(names, inner, max_size=6),
    max_leaves=20,
)


@given(values)
def test_anything_is_read_or_refused(value: Any) -> None:
    """A body as well as a file, and both have the same faults."""

    def faults(read: Any, *arguments: Any) -> list[tuple[str, str]]:
        try:
            read(*arguments)
        except SeedError as error:
            # Only a file may have apps.
            return sorted(
                (fault.path, fault.text.replace("there are apps, ", "there are "))
                for fault in error.faults
            )
        return []

    app = value if isinstance(value, dict) else {"users": value}
    of_body = faults(reader.read_app, app, "myapp")
    if "apps" not in app and any(app.get(name) is not None for name in reader.APP_FIELDS):
        try:
            yaml, text = write_yaml(app), write_json(app)
            text.encode()
        except UnicodeEncodeError:
            return
        if "NaN" not in text and "Infinity" not in text:
            assert faults(reader.read, text.encode(), "a.json", "myapp") == of_body
            assert faults(reader.read, yaml.encode(), "a.yaml", "myapp") == of_body
