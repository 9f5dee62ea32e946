"""Applying and exporting seeds."""

import asyncio
import itertools
from collections.abc import Mapping
from datetime import timedelta
from http import HTTPStatus
from typing import Any

import pytest
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st
from skylogin import passwords
from skylogin.domain.user import User
from skylogin.operations import apps, users
from skylogin.operations.operator import MissingError, Operator, list_acts
from skylogin.seeds import apply, document, export, reader
from skylogin.seeds.nodes import SeedError
from skylogin.store import access_rules, audit_log, roles
from skylogin.store import apps as stored_apps
from skylogin.store.user_search import Search

from tests.factories import NOW, make_token
from tests.statement_counter import statements_counted
from tests.stores import Ask, Clock, LogIn, MakeOperator, MakeServices

pytestmark = pytest.mark.slow

APP = "myapp"
ALICE = "5b0c8f3e-0000-4000-8000-000000000001"
BERT = "5b0c8f3e-0000-4000-8000-000000000002"
PROFILE = {
    "username": "Alice",
    "email": "alice@example.com",
    "age": 7,
    "half": 0.5,
    "is_nice": True,
    "born": {"$type": "date", "$date": "2001-02-03T04:05:06.789Z"},
    "home": {"$type": "geo", "$lng": -2.5, "$lat": 1},
    "shape": {"$type": "geojson", "$val": {"type": "Point", "coordinates": [1, 2]}},
    "friend": {"$type": "ref", "$id": f"user/{BERT}"},
    "tags": [1, {"a": None, "b": "ä\u2028😀"}],
}
WHOLE: dict[str, Any] = {
    "admin_roles": ["boss"],
    "default_roles": ["reader"],
    "users": [
        {
            "sub": "alice",
            "id": ALICE,
            "profile": PROFILE,
            "roles": ["editor", "reader"],
            "disabled": {"message": "Call us", "until": "2026-01-03T00:00:00.5Z"},
        },
        {
            "sub": "bert",
            "id": BERT,
            "profile": {"username": "bert", "friend": {"$type": "ref", "$id": f"user/{ALICE}"}},
            "roles": [],
            "password_hash": "$2a$10$abcdefghijklmnopqrstuuABCDEFGHIJKLMNOPQRSTUVWXYZ01234",
            "disabled": False,
        },
    ],
}


async def apply_seed(operator: Operator, body: Mapping[str, Any], app: str = APP) -> int:
    """Apply the seed *body* to an app."""
    return await apply.seed(operator, app, reader.read_app(body, app))


async def problems_of(operator: Operator, *wanted: Mapping[str, Any]) -> list[str]:
    """Return the problems of a seed with users as *wanted*."""
    with pytest.raises(SeedError) as caught:
        await apply_seed(operator, {"users": list(wanted)})
    return [str(problem) for problem in caught.value.problems]


async def load(operator: Operator, name: str) -> User:
    """Return the user who has *name*."""
    [user] = (await users.find(operator, APP, Search(text=name))).users
    return user


def by_subject(body: Mapping[str, Any]) -> dict[str, Any]:
    """Return the users of an export."""
    return {user["sub"]: user for user in body["users"]}


async def test_a_seed_makes_users(operator: Operator) -> None:
    """As a login does, but without the time of a login."""
    assert await apply_seed(operator, WHOLE) == len(WHOLE["users"])

    alice = await load(operator, "alice")
    assert alice.record is not None
    assert (alice.id, alice.roles) == (ALICE, ("editor", "reader"))
    assert alice.record.data["born"] == "2001-02-03T04:05:06.789000Z"
    assert "last_login_at" not in alice.record.data
    assert alice.last_seen_at is None
    assert (alice.disabled_message, alice.disabled_expiry) == (
        "Call us", NOW.replace(day=3, hour=0, minute=0, second=0, microsecond=500000),
    )  # fmt: skip
    assert alice.record.created_at == NOW
    [act, *_] = await list_acts(operator, APP)
    assert (act.name, act.target, act.details) == ("app.seed", APP, {"users": 2})


async def test_an_export_is_the_seed(operator: Operator) -> None:
    """Also after it was applied to another app."""
    await apply_seed(operator, WHOLE)
    assert await export.seed(operator, APP) == WHOLE

    await apply_seed(operator, await export.seed(operator, APP), "copy")
    assert await export.seed(operator, "copy") == WHOLE


async def test_seeding_twice_changes_nothing(operator: Operator) -> None:
    """Anything the seed does not mention stays."""
    await apply_seed(operator, WHOLE)
    await apply_seed(operator, WHOLE)
    assert await export.seed(operator, APP) == WHOLE

    changes = {"sub": "alice", "profile": {"age": 8, "half": None, "new": "x"}, "roles": ["x"]}
    await apply_seed(operator, {"users": [changes, {"sub": "zoe"}]})

    now = await export.seed(operator, APP)
    alice, bert, zoe = now["users"]
    assert bert == WHOLE["users"][1]
    wanted = {name: value for name, value in PROFILE.items() if name != "half"}
    assert alice == {
        **WHOLE["users"][0],
        "profile": {**wanted, "age": 8, "new": "x"},
        "roles": ["x"],
    }
    assert (zoe["sub"], zoe["profile"], zoe["roles"]) == ("zoe", {}, [])
    assert (now["admin_roles"], now["default_roles"]) == (["boss"], ["reader"])

    await apply_seed(operator, {"users": [{"sub": "alice", "disabled": False}], "admin_roles": []})
    now = await export.seed(operator, APP)
    assert (by_subject(now)["alice"]["disabled"], now["admin_roles"]) == (False, [])
    await apply_seed(operator, {"users": [{"sub": "alice", "disabled": True}]})
    assert by_subject(await export.seed(operator, APP))["alice"]["disabled"] is True


async def test_roles_change_for_many_at_once(operator: Operator) -> None:
    """One statement serves all users that lose the same roles; one each took seconds."""
    old, new, many = ["old", "stays"], ["new", "stays"], 30
    subjects = [f"user{number:02}" for number in range(many)]
    await apply_seed(operator, {"users": [{"sub": one, "roles": old} for one in subjects]})
    with statements_counted() as statements:
        await apply_seed(operator, {"users": [{"sub": one, "roles": new} for one in subjects]})

    exported = by_subject(await export.seed(operator, APP))
    assert {name: user["roles"] for name, user in exported.items()} == dict.fromkeys(subjects, new)
    assert len([one for one in statements if "DELETE FROM user_roles" in one]) == 1


async def test_seeds_and_logins_at_once_make_one_user_each(
    make_services: MakeServices, operator: Operator, log_in: LogIn, query: Any
) -> None:
    """No matter which is first."""
    services = await make_services()
    subjects = [f"sub-{number}" for number in range(20)]
    body = {"users": [{"sub": one, "profile": {"username": one}} for one in subjects]}

    done = await asyncio.gather(
        *(apply_seed(operator, body) for _ in range(5)),
        *(log_in(services, one, username=one) for one in subjects),
        return_exceptions=True,
    )

    assert [error for error in done if isinstance(error, BaseException)] == []
    exported = await export.seed(operator, APP)
    assert sorted(by_subject(exported)) == sorted(subjects)
    for table in ("users", "principals", "auth_keys"):
        assert await query(f"SELECT count(*) FROM {table}") == [(len(subjects),)]


async def test_a_seeded_user_logs_in(
    make_services: MakeServices, operator: Operator, ask: Ask
) -> None:
    """The first login finds the seeded user, who has not logged in before."""
    services = await make_services(CUSTOM_TOKEN_SECRET="a secret")
    await apply_seed(operator, {"users": [{"sub": "alice", "id": ALICE, "profile": {"age": 7}}]})

    async def log_in() -> Any:
        token = make_token(secret="a secret", sub="alice", skyprofile={"name": "x"})
        answer = await ask(services, "sso:custom_token:login", token=token)
        assert answer.status == HTTPStatus.OK, answer.body
        return answer.body["result"]

    first = await log_in()
    assert first["user_id"] == ALICE
    assert (first["profile"]["age"], first["profile"]["name"]) == (7, "x")
    assert "last_login_at" not in first
    assert "last_seen_at" not in first
    assert "last_login_at" in await log_in()
    await apply_seed(operator, {"users": [{"sub": "alice", "profile": {"age": 8}}]})
    again = await log_in()
    assert again["profile"] == again["profile"] | {"age": 8, "name": "x"}
    assert "last_login_at" in again
    exported = by_subject(await export.seed(operator, APP))["alice"]
    assert exported["profile"] == {"age": 8, "name": "x"}


async def test_a_user_disabled_by_a_seed_cannot_log_in(
    make_services: MakeServices, operator: Operator, ask: Ask, clock: Clock
) -> None:
    """Until the time in the seed, which can be applied again meanwhile."""
    services = await make_services(CUSTOM_TOKEN_SECRET="a secret")
    until = (NOW + timedelta(minutes=1)).isoformat().replace("+00:00", "Z")
    user = {"sub": "alice", "disabled": {"message": "Call us", "until": until}}
    await apply_seed(operator, {"users": [user]})
    await apply_seed(operator, {"users": [user, {"sub": "alice2"}]})

    async def status() -> int:
        token = make_token(secret="a secret", sub="alice")
        return (await ask(services, "sso:custom_token:login", token=token)).status

    assert await status() == HTTPStatus.FORBIDDEN
    clock.moment = NOW + timedelta(minutes=2)
    assert await status() == HTTPStatus.OK


async def test_passwords_are_seeded_and_exported(
    make_services: MakeServices, operator: Operator, ask: Ask
) -> None:
    """As text or as a hash; a matching hash is kept."""
    services = await make_services()
    mail = {"email": "a@example.com"}
    people = [
        {"sub": "alice", "profile": {"username": "alice"}, "password": "one"},
        {"sub": "bert", "password": "one"},
        {"id": "no-subject", "profile": mail, "password": "two"},
    ]

    async def status(app: str, password: str, **auth_data: str) -> int:
        found = await services.apps.find(app)
        assert found is not None
        answer = await ask(
            services, "auth:login", app=found, auth_data=auth_data, password=password
        )
        return answer.status

    await apply_seed(operator, {"users": people})
    before = await export.seed(operator, APP)
    await apply_seed(operator, {"users": people})
    assert await export.seed(operator, APP) == before
    assert await status(APP, "one", username="alice") == HTTPStatus.OK
    await apply_seed(operator, before, "copy")
    assert await status("copy", "one", username="ALICE") == HTTPStatus.OK
    assert await status("copy", "two", **mail) == HTTPStatus.OK
    assert await status("copy", "one", **mail) == HTTPStatus.UNAUTHORIZED

    await apply_seed(operator, {"users": [{"sub": "alice", "password": "three"}]})
    hashed = by_subject(
        {"users": [one for one in (await export.seed(operator, APP))["users"] if "sub" in one]}
    )["alice"]["password_hash"]
    assert await passwords.matches("three", hashed)


async def test_seeded_passwords_are_remembered(
    make_services: MakeServices, make_operator: MakeOperator, ask: Ask
) -> None:
    """If the password policy asks for it, as at sign-up."""
    policy = {"USER_AUDIT_PW_HISTORY_SIZE": "3"}
    services = await make_services(**policy)
    await apply_seed(
        make_operator(**policy),
        {"users": [{"sub": "a", "id": ALICE, "profile": {"username": "a"}, "password": "one"}]},
    )

    logged_in = await ask(services, "auth:login", auth_data={"username": "a"}, password="one")
    token = logged_in.body["result"]["access_token"]
    again = await ask(
        services, "auth:password", access_token=token, old_password="one", password="one"
    )
    assert again.body["error"]["name"] == "PasswordPolicyViolated"


CONFLICTS: dict[str, tuple[list[dict[str, Any]], list[str]]] = {
    "a user name": (
        [{"sub": "new"}, {"sub": "zoe", "profile": {"age": 1, "username": "ALICE"}}],
        ["users[1].profile.username: another user has this username; users are not linked by it"],
    ),
    "a user name within the seed": (
        [{"sub": "x", "profile": {"username": "x"}}, {"sub": "y", "profile": {"username": "X"}}],
        ["users[1].profile.username: another user has this username; users are not linked by it"],
    ),
    "everything at once": (
        [
            {"sub": "x", "profile": {"age": "old"}},
            {"sub": "bert", "profile": {"email": "alice@example.com"}},
        ],
        [
            'users[0].profile.age: the field "age" gets a value of type string, but it has '
            "the type number of its first value",
            "users[1].profile.email: another user has this email; users are not linked by it",
        ],
    ),
    "a type within the seed": (
        [{"sub": "x", "profile": {"new": 1}}, {"sub": "y", "profile": {"new": "1"}}],
        [
            'users[1].profile.new: the field "new" gets a value of type string, but it has '
            "the type number of its first value",
        ],
    ),
    "a reference": (
        [{"sub": "x", "profile": {"friend": {"$type": "ref", "$id": "user/nobody"}}}],
        ["users[0].profile.friend: friend: referenced record user/nobody does not exist"],
    ),
    "a reference to another type": (
        [{"sub": "x", "profile": {"note": {"$type": "ref", "$id": "note/1"}}}],
        ['users[0].profile.note: the record type "note" does not exist'],
    ),
    "an id": ([{"sub": "x", "id": ALICE}], ["users[0].id: belongs to the user with the sub alice"]),
    "another id": (
        [{"sub": "alice", "id": "x"}],
        [f"users[0].id: the user with this sub has the id {ALICE}"],
    ),
    "an id without a sub": (
        [{"sub": "x", "id": "no-subject"}],
        ["users[0].id: belongs to a user without a sub"],
    ),
    "the same user": (
        [{"sub": "alice"}, {"id": ALICE}],
        ["users[1].id: is the same user as users[0]"],
    ),
}


@pytest.mark.parametrize(("wanted", "problems"), CONFLICTS.values(), ids=CONFLICTS)
async def test_a_conflict_refuses_the_whole_seed(
    wanted: list[dict[str, Any]], problems: list[str], operator: Operator
) -> None:
    """Each conflict is reported with its field, and nothing changes."""
    body = {**WHOLE, "users": [*WHOLE["users"], {"id": "no-subject"}]}
    await apply_seed(operator, body)
    before = await export.seed(operator, APP)

    assert await problems_of(operator, *wanted) == problems
    assert await export.seed(operator, APP) == before
    names = [
        act.name
        for act in await operator.store.run(lambda tx: audit_log.load_latest(tx, APP, "", 9))
    ]
    assert names.count("app.seed") == 1


async def test_a_conflict_has_its_line_in_the_file(operator: Operator) -> None:
    """Like problems found by the reader."""
    await apply_seed(operator, WHOLE)
    text = (
        b"apps:\n  myapp:\n    users:\n      - sub: x\n        profile:\n          username: bert\n"
    )
    [wanted] = reader.read(text, "users.yaml", APP)

    with pytest.raises(SeedError, match=r"^users\.yaml:6: apps\.myapp\.users\[0\]\.profile"):
        await apply.seed(operator, APP, wanted)


async def test_field_rules_do_not_apply_to_seeds(operator: Operator) -> None:
    """Operators may write what users may not."""
    rule = {**dict.fromkeys(("writable", "readable", "comparable", "discoverable"), False)}
    await apply_seed(operator, {"users": []})
    await operator.store.run(
        lambda tx: access_rules.add_field_rules(
            tx, APP, [access_rules.FieldRule("user", "age", "_any_user", **rule)]
        )
    )
    await apply_seed(operator, {"users": [{"sub": "alice", "profile": {"age": 7}}]})

    assert by_subject(await export.seed(operator, APP))["alice"]["profile"] == {"age": 7}


async def test_seeds_make_apps_under_skylogin_dev(
    operator: Operator, make_operator: MakeOperator
) -> None:
    """But not in a database of `skylogin serve`."""
    await apply_seed(operator, {"users": []}, "made")
    [app] = await apps.list_all(operator)
    assert (app.name, app.api_key) == ("made", None)
    admin = await operator.store.run(lambda tx: roles.load_admin(tx, "made"))
    assert admin == ("Admin",)
    with pytest.raises(MissingError):
        await apply_seed(operator, {"users": []}, "No_Name")

    await operator.store.run(
        lambda tx: stored_apps.keep_setting(tx, "", stored_apps.DEPLOYMENT, "serve")
    )
    with pytest.raises(MissingError):
        await apply_seed(operator, {"users": []}, "other")
    await apply_seed(operator, {"users": []}, "made")


async def test_an_export_leaves_out_what_seeds_cannot_have(
    make_services: MakeServices, log_in: LogIn, ask: Ask, operator: Operator
) -> None:
    """Records of other types, references to them, and times of logins."""
    services = await make_services()
    login = await log_in(services, "alice", username="alice")
    note = {"_id": "note/1", "text": "x"}
    user = {
        "_id": f"user/{login.user.id}",
        "note": {"$type": "ref", "$id": "note/1"},
        "myself": {"$type": "ref", "$id": f"user/{login.user.id}"},
    }
    for records in ([note], [user]):
        saved = await ask(
            services, "record:save", key="secret", records=records, database_id="_public"
        )
        assert [one["_type"] for one in saved.body["result"]] == ["record"], saved.body

    exported = await export.seed(operator, APP)
    [alice] = [one for one in exported["users"] if one.get("sub") == "alice"]
    assert alice["profile"] == {"username": "alice", "myself": user["myself"]}
    await apply_seed(operator, exported, "copy")
    assert await export.seed(operator, "copy") == exported


# --- any seed -----------------------------------------------------------------------

texts = st.text(
    st.characters(exclude_categories=["Cs"], exclude_characters="\0"), min_size=1, max_size=12
)
numbers = st.integers(-(2**40), 2**40) | st.floats(allow_nan=False, allow_infinity=False)
plain = st.recursive(
    st.none() | st.booleans() | numbers | texts,
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(texts.filter(lambda name: name != "$type"), inner, max_size=3)
    ),
    max_leaves=6,
)
moments = st.datetimes().map(lambda moment: f"{moment.isoformat()}Z")
IDS = [f"id-{number}" for number in range(4)]
# Each field has one type.
profiles = st.fixed_dictionaries(
    {},
    optional={
        "text": texts,
        "email": texts,
        "username": texts,
        "yes": st.booleans(),
        "number": numbers,
        "ä b": plain.filter(lambda value: isinstance(value, dict | list)),
        "when": moments.map(lambda text: {"$type": "date", "$date": text}),
        "where": st.builds(
            lambda lng, lat: {"$type": "geo", "$lng": lng, "$lat": lat}, numbers, numbers
        ),
        "shape": st.lists(numbers, max_size=3).map(
            lambda inner: {"$type": "geojson", "$val": {"type": "Point", "coordinates": inner}}
        ),
        "who": st.sampled_from(IDS).map(lambda name: {"$type": "ref", "$id": f"user/{name}"}),
    },
)
disablings = st.booleans() | st.fixed_dictionaries(
    {}, optional={"message": texts, "until": moments}
)
people = st.fixed_dictionaries(
    {"profile": profiles},
    optional={
        "sub": texts,
        "roles": st.lists(texts, max_size=3),
        "disabled": disablings,
        "password_hash": st.just(WHOLE["users"][1]["password_hash"]),
    },
)
count = itertools.count()


def unique(wanted: list[dict[str, Any]], name: str) -> bool:
    """Return whether no two users have the same *name*, as the database compares."""
    held = [one[name].lower() for one in wanted if name in one]
    return len(held) == len(set(held))


@given(
    wanted=st.lists(people, min_size=len(IDS), max_size=len(IDS)),
    special=st.fixed_dictionaries(
        {}, optional=dict.fromkeys(("default_roles", "admin_roles"), st.lists(texts, max_size=2))
    ),
)
@settings(
    deadline=None,
    max_examples=25,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
async def test_what_is_exported_can_be_seeded_again(
    wanted: list[dict[str, Any]], special: dict[str, Any], operator: Operator
) -> None:
    """Any export, as a body and as a file of either format, gives the same export again."""
    assume(unique(wanted, "sub"))
    assume(all(unique([one["profile"] for one in wanted], name) for name in ("username", "email")))
    body = {
        "users": [{"id": name, **one} for name, one in zip(IDS, wanted, strict=True)],
        **special,
    }
    number = next(count)
    first, others = f"from-{number}", [f"to-{number}-{way}" for way in ("body", "yaml", "json")]

    await apply_seed(operator, body, first)
    exported: Any = await export.seed(operator, first)

    assert len(exported["users"]) == len(IDS)
    given_roles = {one["id"]: sorted(set(one.get("roles", []))) for one in body["users"]}
    assert {one["id"]: one["roles"] for one in exported["users"]} == given_roles
    yaml = document.write_yaml({"apps": {others[1]: exported}}).encode()
    text = document.write_json({"apps": {others[2]: exported}}).encode()
    for app in (
        reader.read_app(exported, others[0]),
        *reader.read(yaml, "seed.yaml", APP),
        *reader.read(text, "seed.json", APP),
    ):
        await apply.seed(operator, app.name, app)
        assert await export.seed(operator, app.name) == exported
    for name in (first, *others):
        await apps.delete(operator, name)
