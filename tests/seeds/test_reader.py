"""Reading seeds: what they say, and every problem with its file, line and field."""

import json
import re
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from skylogin.apps.stubs import Stub
from skylogin.domain.user import FieldValue
from skylogin.seeds import document, reader
from skylogin.seeds.document import TEXT_BYTES_MAX, write_json, write_yaml
from skylogin.seeds.nodes import SeedError
from skylogin.seeds.seed import USERS_MAX, Disabling, SeedApp, SeedUser

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


def read(text: str, file: str = "users.yaml") -> tuple[SeedApp, ...]:
    """Return the apps of a seed."""
    return reader.read(text.encode(), file, "myapp")


def problems_of(text: str, file: str = "users.yaml") -> list[str]:
    """Return the problems of a seed."""
    with pytest.raises(SeedError) as caught:
        read(text, file)
    assert str(caught.value) == "\n".join(map(str, caught.value.problems))
    return [str(problem) for problem in caught.value.problems]


def test_a_seed_has_apps_users_and_roles() -> None:
    """What it does not mention is None."""
    myapp, worker = read(WHOLE)

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


def test_a_seed_has_stubs() -> None:
    """With any JSON as a result, null included."""
    text = """
stubs:
  - {action: sso/config, result: {authorized_urls: [null, 1.5]}}
  - {action: "push:*", result: null, arguments: {user_ids: []}, times: 2, delay: 0.5}
  - {action: hello:world, error: 200001, message: sold out, user_required: true}
"""
    [app] = read(text)

    assert app.stubs == (
        Stub("sso:config", result={"authorized_urls": [None, 1.5]}),
        Stub("push:*", {"user_ids": []}, times=2, delay=0.5),
        Stub("hello:world", error=200001, message="sold out", user_required=True),
    )


def test_a_seed_of_one_app_needs_no_app_name() -> None:
    """It is for the default app."""
    text = "users:\n  - sub: alice\n"

    assert reader.read(text.encode(), "-", "My_App") == (SeedApp("My_App", (SeedUser("alice"),)),)
    assert reader.read(b"apps: {My_App: {}}", "-", "My_App") == (SeedApp("My_App"),)


def test_json_gives_the_same() -> None:
    """As a file and as a body."""
    app = {"users": [{"sub": "alice", "profile": {"a": 1}}], "default_roles": ["x"]}

    [from_file] = read(json.dumps(app), "users.json")
    assert reader.read_app(app, "myapp") == from_file
    assert from_file.plain == app


def test_secrets_are_not_printed() -> None:
    """If something prints a seed."""
    assert "long enough" not in repr(read(WHOLE))
    assert HASH not in repr(read(WHOLE))


USER = "users:\n  - sub: alice\n    "
PROBLEMS: dict[str, tuple[str, str]] = {
    "roles": (USER + "roles: x", "3: users[0].roles: must be a list of strings"),
    "a role": (
        USER + "roles: [a, 1]",
        "3: users[0].roles[1]: must be a string: put it in quotes",
    ),
    "a null role": (USER + "roles:\n    -", "4: users[0].roles[0]: must be a string"),
    "an empty role": (USER + 'roles: [""]', "3: users[0].roles[0]: is empty"),
    "a long role": (
        USER + f"roles: [{'x' * 801}]",
        "3: users[0].roles[0]: is longer than 800 bytes",
    ),
    "near": (USER + "rols: []", "3: users[0].rols: is not a known field; did you mean roles?"),
    "far": (
        USER + "nothing: 1",
        "3: users[0].nothing: is not a known field; use "
        "sub, id, profile, roles, password, password_hash, disabled",
    ),
    "top": ("user: []", "1: user: is not a known field; did you mean users?"),
    "of an app": (
        "apps:\n  a:\n    users: []\n    admin: x",
        "4: apps.a.admin: is not a known field; did you mean admin_roles?",
    ),
    "missing subject": (
        "users:\n  - id:\n    roles: []",
        "2: users[0].sub: is missing; a user without custom tokens needs an id instead",
    ),
    "empty subject": ("users: [{sub: ''}]", "1: users[0].sub: is empty"),
    "a number": ("users: [{sub: 7}]", "1: users[0].sub: must be a string: put it in quotes"),
    "long subject": (
        f"users: [{{sub: {'x' * 2501}}}]",
        "1: users[0].sub: is longer than 2500 bytes",
    ),
    "long id": (f"users: [{{id: {'x' * 801}}}]", "1: users[0].id: is longer than 800 bytes"),
    "U+0000": (
        'users: [{sub: "\\0"}]',
        "1: users[0].sub: contains U+0000, which databases cannot store",
    ),
    "subject twice": (
        "users:\n  - sub: a\n  - sub: b\n  - sub: a",
        "4: users[2].sub: is already used by users[0] on line 2",
    ),
    "id twice": (
        "users:\n  - id: a\n  - id: a",
        "3: users[1].id: is already used by users[0] on line 2",
    ),
    "key twice": (USER + "sub: bert", "3: users[0].sub: is given twice"),
    "users not a list": ("users: alice", "1: users: must be a list of users"),
    "a user not an object": ("users: [alice]", "1: users[0]: must be an object"),
    "an app not an object": ("apps: {a: 1}", "1: apps.a: must be an object"),
    "apps not an object": ("apps: []", "1: apps: must be an object"),
    "a list": ("- users", "1: must be an object with the app's users"),
    "empty": (
        "",
        "1: is empty: a seed has apps, or some of users, default_roles, admin_roles, stubs",
    ),
    "stubs not a list": ("stubs: {}", "1: stubs: must be a list of stubs"),
    "a stub without action": ("stubs: [{result: 1}]", "1: stubs[0]: needs an action"),
    "a stub's field": (
        "stubs: [{action: a, resul: 1}]",
        "1: stubs[0].resul: is not a known field; did you mean result?",
    ),
    "a stub's type": (
        "stubs:\n  - action: a\n    times: often",
        "3: stubs[0].times: must be a number",
    ),
    "a stub's null": ("stubs: [{action: a, info: null}]", "1: stubs[0].info: must be an object"),
    "a stub's error": (
        "stubs: [{action: a, error: Nope}]",
        "1: stubs[0]: 'Nope' is not the name of an error; a code is a number",
    ),
    "deep in a stub": (
        'stubs:\n  - action: a\n    result: ["\\0"]',
        "3: stubs[0].result[0]: contains U+0000, which databases cannot store",
    ),
    "an emulated action": (
        "stubs: [{action: auth/login}]",
        "1: stubs[0]: skylogin emulates auth:login: a fault can make it fail",
    ),
    "an app name": (
        "apps: {A_b: {}}",
        "1: apps.A_b: is not an app name: use 1 to 63 of a-z, 0-9 and '-'",
    ),
    "apps and the top level": (
        "users: []\napps: {a: {}}",
        "1: users: may be at the top level or in apps, but not in both",
    ),
    "profile": (USER + "profile: x", "3: users[0].profile: must be an object"),
    "profile value": (
        USER + "profile:\n      at: {$type: date, $date: yesterday}",
        '4: users[0].profile.at: failed to parse $date = "yesterday"',
    ),
    "profile tag": (
        USER + "profile: {a: !x y}",
        "3: users[0].profile.a: the tag !x is not supported",
    ),
    "deep in a profile": (
        USER + 'profile:\n      a:\n        - b: "\\0"',
        "5: users[0].profile.a[0].b: contains U+0000, which databases cannot store",
    ),
    "profile key twice": (
        USER + "profile:\n      a: {b: 1,\n  b: 2}",
        "5: users[0].profile.a.b: is given twice",
    ),
    "a reserved name": (
        USER + "profile: {_id: x}",
        "3: users[0].profile._id: is reserved: names that begin with _ are the server's own",
    ),
    "time of a login": (
        USER + "profile: {last_login_at: null}",
        "3: users[0].profile.last_login_at: is set by logins only: "
        "seeded users have not logged in yet",
    ),
    "an empty name": (
        USER + 'profile: {"": 1}',
        "3: users[0].profile.: a field needs a name",
    ),
    "password": (
        USER + "password: 1234",
        "3: users[0].password: must be a string: put it in quotes",
    ),
    "empty password": (USER + "password: ''", "3: users[0].password: is empty"),
    "both passwords": (
        USER + f"password: x\n    password_hash: {HASH}",
        "3: users[0].password: is given as well as password_hash; use one of them",
    ),
    "not a hash": (
        USER + "password_hash: secret",
        "3: users[0].password_hash: must be a bcrypt hash, as in an export; "
        "plain text goes in password",
    ),
    "disabled": (
        USER + "disabled: yes",
        "3: users[0].disabled: must be true, false, or an object with message and until",
    ),
    "until": (
        USER + "disabled:\n      until: 2026-01-02",
        "4: users[0].disabled.until: must be a time such as 2026-01-02T03:04:05Z",
    ),
    "message": (USER + "disabled: {message: []}", "3: users[0].disabled.message: must be a string"),
}


@pytest.mark.parametrize(("text", "problem"), PROBLEMS.values(), ids=PROBLEMS)
def test_a_problem_has_its_file_line_and_field(text: str, problem: str) -> None:
    """And a hint how to fix it."""
    assert problems_of(text) == [f"users.yaml:{problem}"]


def test_all_problems_are_reported_at_once() -> None:
    """In the order of the file."""
    text = (
        "apps:\n  myapp:\n    users:\n      - sub: 1\n        roles: x\n"
        "      - rols: []\n    admin_roles: y\n  B: z\n"
    )
    assert problems_of(text) == [
        "users.yaml:4: apps.myapp.users[0].sub: must be a string: put it in quotes",
        "users.yaml:5: apps.myapp.users[0].roles: must be a list of strings",
        "users.yaml:6: apps.myapp.users[1].rols: is not a known field; did you mean roles?",
        "users.yaml:6: apps.myapp.users[1].sub: is missing; "
        "a user without custom tokens needs an id instead",
        "users.yaml:7: apps.myapp.admin_roles: must be a list of strings",
        "users.yaml:8: apps.B: is not an app name: use 1 to 63 of a-z, 0-9 and '-'",
        "users.yaml:8: apps.B: must be an object",
    ]


def test_problems_of_json_have_their_lines() -> None:
    """Problems of a request's body do not."""
    text = '{"users": [\n  {"sub": "a",\n   "roles": "x"}]}'

    assert problems_of(text, "users.json") == [
        "users.json:3: users[0].roles: must be a list of strings"
    ]
    with pytest.raises(SeedError, match=r"^users\[0\]\.roles: must be a list of strings$"):
        reader.read_app(json.loads(text), "myapp")
    with pytest.raises(SeedError, match=r"^apps: is not a known field"):
        reader.read_app({"apps": {}}, "myapp")


@pytest.mark.slow
def test_the_numbers_of_users_and_apps_are_limited() -> None:
    """A seed with more is refused."""
    users = ",".join(f'{{"id":"{n}"}}' for n in range(100_001))
    apps = "".join(f"  a{n}: {{}}\n" for n in range(1001))

    assert problems_of(f'{{"users":[{users}]}}', "a.json") == [
        "a.json:1: users: has more than 100,000 users"
    ]
    assert problems_of(f"apps:\n{apps}") == ["users.yaml:1: apps: has more than 1,000 apps"]


@pytest.mark.parametrize("write", [write_yaml, write_json])
def test_an_export_is_not_larger_than_a_seed_may_be(write: Any) -> None:
    """Even with the most users, each with a usual profile."""
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
    assert len(write({"users": [user]})) * USERS_MAX <= TEXT_BYTES_MAX


def test_a_conflict_has_its_line() -> None:
    """That of the field, or else of the user."""
    [app, _] = read(WHOLE)

    shown = [str(app.problem(0, name, "no")) for name in ("profile.username", "roles", "profile.x")]
    assert shown == [
        "users.yaml:8: apps.myapp.users[0].profile.username: no",
        "users.yaml:9: apps.myapp.users[0].roles: no",
        "users.yaml:6: apps.myapp.users[0].profile.x: no",
    ]
    assert str(app.problem(2, "", "no")) == "users.yaml:16: apps.myapp.users[2]: no"
    [body] = [reader.read_app({"users": [{"sub": "a"}]}, "myapp")]
    assert str(body.problem(0, "sub", "no")) == "users[0].sub: no"


PAGE = Path(__file__).parent.parent.parent / "docs" / "seeds.md"


def test_the_page_shows_a_seed_and_its_problems() -> None:
    """The seed is valid, and the messages are those of the seed with two mistakes."""
    page = PAGE.read_text(encoding="utf-8")
    text, project = re.findall(r"```yaml\n(.*?)```", page, re.DOTALL)
    [messages] = re.findall(r"```text\n(.*?)```", page, re.DOTALL)

    assert reader.read_settings(document.read(project.encode(), ""), "") == {
        "AUTH_RECORD_KEYS": "username,email"
    }
    assert [user.subject for user in read(project)[0].users] == ["alice"]
    [app] = read(text)
    assert [user.subject for user in app.users] == ["alice", "bob"]
    spoiled = text.replace("[editor]", "editor").replace("disabled:", "disabeld:")
    assert problems_of(spoiled) == messages.splitlines()
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
    """As a body and as a file, with the same problems."""

    def problems(read: Any, *arguments: Any) -> list[tuple[str, str]]:
        try:
            read(*arguments)
        except SeedError as error:
            # Only a file may have apps, and has lines.
            return sorted(
                (
                    problem.path,
                    re.sub(
                        r" on line \d+$", "", problem.text.replace("use settings, apps, ", "use ")
                    ),
                )
                for problem in error.problems
            )
        return []

    app = value if isinstance(value, dict) else {"users": value}
    of_body = problems(reader.read_app, app, "myapp")
    if "apps" not in app and any(app.get(name) is not None for name in reader.APP_FIELDS):
        try:
            yaml, text = write_yaml(app), write_json(app)
            text.encode()
        except UnicodeEncodeError:
            return
        if "NaN" not in text and "Infinity" not in text:
            assert problems(reader.read, text.encode(), "a.json", "myapp") == of_body
            assert problems(reader.read, yaml.encode(), "a.yaml", "myapp") == of_body
