"""Random sequences of actions, in which a step may use what earlier answers gave."""

import random
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from hypothesis import strategies as st

from tests.factories import HOUR

STEPS_MAX = 14
Payload = Mapping[str, Any]
Values = st.SearchStrategy[Any]


# --- placeholders for values in earlier answers ------------------------------------


@dataclass(frozen=True, slots=True)
class User:
    """Stands for the id of a user from an earlier answer, with a *prefix*."""

    ordinal: int
    prefix: str = ""


@dataclass(frozen=True, slots=True)
class Device:
    """Stands for the id of a device that the sequence registers."""

    ordinal: int


@dataclass(frozen=True, slots=True)
class CustomToken:
    """Stands for a custom token, which is signed when it is sent."""

    subject: str
    profile: Any
    lifetime: int = HOUR


@dataclass(frozen=True, slots=True)
class Step:
    """An action, some *seconds* after the one before.

    *by* is the ordinal of the access token that goes with it; below 0 it counts from the last.
    """

    action: str
    payload: Payload
    key: str = "client"
    by: int | None = None
    seconds: float = 1


# --- values -------------------------------------------------------------------------


def rarely(usual: Values, other: Values) -> Values:
    """Draw from *usual*, but one time in twenty from *other*."""
    return st.integers(0, 19).flatmap(lambda number: other if number == 1 else usual)


# Stands for a text that is too long for an index key, to keep failures readable.
LONG = "LONG"
# Random, so that it cannot be compressed.
LONG_TEXT = "".join(random.Random(1).choices("abcdefghijklmnopqrstuvwxyzäöüßABCDEFG012345", k=4000))
LETTERS = (
    "aAbäÄßẞ\u03c3\u03a3\u03c2\u0131İǅéÅ%_\\\"'$.?:/~ \t\n\x01\x7f\x85\u0301\u2028"
    "\ufeff\ufffd\uffff😀\U00010400"
)
# A few values come often, so that queries find some.
FEW_TEXTS = st.sampled_from(["a", "A", "ä", "Ä", "ab", "AB", "a%", "a_"])
TEXTS = st.one_of(
    *[FEW_TEXTS] * 5,
    st.sampled_from(
        ["", "\\", "a\\", "1", "true", "null", "2026-01-02", "x", "note/x", "[]", "<&>"]
    ),
    st.sampled_from(["'; --", "%s :d", "\ud800", "a" * 300, LONG]),
    st.text(LETTERS, max_size=4),
)
INTEGERS = st.sampled_from([0, 1, 2, -1, 3, 2**31 - 1, -(2**31 - 1)])
WHOLE = INTEGERS | st.sampled_from([-(2**31), 2**31, 2**53 + 1, 2**63, 2**64, 1e21])
FRACTIONS = st.sampled_from([-0.0, 0.1, 0.30000000000000004, 1.5, 1e-7, 1e300, 5e-324, 1e22])
NUMBERS = st.one_of(
    *[st.sampled_from([0, 1, 1.5, 2])] * 2,
    WHOLE,
    FRACTIONS,
    st.floats(allow_nan=False, allow_infinity=False),
)
MOMENTS = st.sampled_from(
    [
        # The time at which some of the records are made.
        "2026-01-02T03:04:09Z",
        "2026-01-02T03:04:09Z",
        "2026-01-02T03:04:09.5Z",
        "1999-12-31T23:59:59.123456789Z",
        "1999-12-31T23:59:59.9999995Z",
        "2026-01-02T05:04:05+02:00",
        "0001-01-01T00:00:00Z",
        "9999-12-31T23:59:59Z",
    ]
)
DATES = MOMENTS.map(lambda text: {"$type": "date", "$date": text})
DEGREES = st.sampled_from([0, 45, 114.125, 135, 180, -1.5, 89, 5e-324, 1e-160, 1e300])
PLACES = st.builds(
    lambda longitude, latitude: {"$type": "geo", "$lng": longitude, "$lat": latitude},
    st.one_of(st.sampled_from([0, 22.25]), DEGREES, st.floats(-180, 180)),
    st.one_of(st.sampled_from([0, 22.25]), DEGREES, st.floats(-90, 90)),
)
NESTED = st.recursive(
    st.one_of(st.none(), st.booleans(), WHOLE, FRACTIONS, TEXTS, PLACES),
    lambda inner: st.one_of(
        st.lists(inner, max_size=3),
        st.dictionaries(st.sampled_from(["a", "b", "ä", "", 'c"', "$x"]), inner, max_size=3),
    ),
    max_leaves=4,
)
JSON = st.one_of(
    st.lists(NESTED, max_size=3),
    st.dictionaries(st.sampled_from(["a", "b", "ä", "", 'c"', "$x"]), NESTED | DATES, max_size=3),
)
POINT = {"type": "Point", "coordinates": [1, 2.5]}
RING = {"type": "Polygon", "coordinates": [[[0, 0], [0, 1], [1, 1], [0, 0]]]}
SHAPES = st.sampled_from([POINT, RING]).map(lambda shape: {"$type": "geojson", "$val": shape})

# --- names --------------------------------------------------------------------------

ORDINALS = st.integers(0, 2)
USERS = rarely(ORDINALS.map(User), st.sampled_from(["nobody", "_god", "", LONG]))
SUBJECTS = st.sampled_from(["al", "bo", "cy"])
NAMES = rarely(st.sampled_from(["ann", "ann", "Ann", "bób", "BÓB"]), st.sampled_from(["İ", LONG]))
ROLES = rarely(st.sampled_from(["Editor", "Editor", "Writer", "editor", "Admin"]), st.just(LONG))
PASSWORDS = st.sampled_from(["secret-1", "secret-1", "secret-1", "secret-2"])
TYPES = st.sampled_from(["note", "note", "note", "book"])
ANY_TYPE = rarely(
    TYPES, st.sampled_from(["user", "Note", "b\"o'o k%", "ü" * 31, "ü" * 32, "_role", ""])
)
KEYS_OF_RECORDS = rarely(st.sampled_from("xyz"), st.sampled_from(["X", "ä/b", "", LONG]))
RECORD_IDS = st.one_of(
    *[st.builds("{}/{}".format, ANY_TYPE, KEYS_OF_RECORDS)] * 8,
    rarely(ORDINALS.map(lambda ordinal: User(ordinal, "user/")), st.just("note")),
)
DATABASES = rarely(
    st.sampled_from([*["_public"] * 4, "_private"]), st.sampled_from(["_union", User(0), "_x"])
)
ODD = "o \"d\" 'd' % :x ü"


def refer(record_id: Any) -> Payload:
    """Return a reference to a record."""
    return {"$type": "ref", "$id": record_id}


# The fields of records: their types in `schema:create`, and their values.
FIELDS: dict[str, tuple[str, Values]] = {
    "title": ("string", TEXTS),
    ODD: ("string", TEXTS),
    "price": ("number", NUMBERS),
    "level": ("integer", INTEGERS),
    "number": ("sequence", rarely(st.just({"$type": "seq"}) | st.none(), st.integers(0, 5))),
    "done": ("boolean", st.booleans()),
    "born": ("datetime", DATES),
    "place": ("location", PLACES),
    "best": ("ref(note)", st.sampled_from("xyz").map("note/{}".format).map(refer)),
    "friend": ("ref(user)", ORDINALS.map(lambda ordinal: refer(User(ordinal, "user/")))),
    "tags": ("json", JSON),
    "shape": ("geometry", SHAPES),
}
# One refused value gets its whole record refused, so these are rare.
OTHER_VALUES = st.sampled_from(
    [
        {"$type": "asset", "$name": "a.png"},
        {"$type": "date", "$date": "no date"},
        {"$type": "geojson", "$val": {"type": "Cube"}},
        {"$type": "unknown"},
        {"$type": "keypath", "$val": "title"},
        {"$type": "relation", "$name": "friend", "$direction": "outward"},
        {"$type": "none"},
        refer("book/x"),
        refer("x"),
        "a\0b",
        -(2**31),
    ]
)
ANY_VALUE = st.one_of(*(values for _, values in FIELDS.values()), OTHER_VALUES, st.none())
FIELD_NAMES = rarely(
    st.sampled_from([*FIELDS]), st.sampled_from(["username", "other", "a.b", "_x", "", "ü" * 32])
)
NEW_NAMES = rarely(st.sampled_from(["other", "more"]), FIELD_NAMES)


@st.composite
def values_of_fields(draw: st.DrawFn) -> dict[str, Any]:
    """Draw some fields of a record; most fit their types."""
    drawn = {}
    for name in draw(st.lists(FIELD_NAMES, max_size=4, unique=True)):
        usual = FIELDS[name][1] if name in FIELDS else ANY_VALUE
        drawn[name] = draw(rarely(usual, ANY_VALUE))
    return drawn


VALUES = values_of_fields()
PROFILES = st.builds(
    lambda values, names: {**values, **names},
    VALUES,
    st.fixed_dictionaries({}, optional={"username": NAMES, "email": NAMES}),
)
ACCESS = st.lists(
    st.one_of(
        st.sampled_from(
            [
                {"public": True, "level": "read"},
                {"public": True, "level": "write"},
                {"role": "Editor", "level": "write"},
                {"relation": "friend", "level": "read"},
            ]
        ),
        ORDINALS.map(
            lambda ordinal: {"relation": "$direct", "level": "read", "user_id": User(ordinal)}
        ),
    ),
    max_size=2,
)
AUTH_DATA = rarely(
    st.sampled_from(["username", "username", "username", "email"]).flatmap(
        lambda key: NAMES.map(lambda name: {key: name})
    ),
    st.one_of(
        st.builds(lambda one, other: {"username": one, "email": other}, NAMES, NAMES),
        st.sampled_from([{}, {"username": None}, {"phone": "1"}]),
    ),
)

# --- queries ------------------------------------------------------------------------


def path(name: str) -> Payload:
    """Return a key path."""
    return {"$type": "keypath", "$val": name}


def paths(*names: str) -> Values:
    """Draw one of some key paths."""
    return st.sampled_from(names).map(path)


DISTANCES = PLACES.map(lambda place: ["func", "distance", path("place"), place])
PATTERNS = st.one_of(
    FEW_TEXTS,
    FEW_TEXTS.map("%{}%".format),
    TEXTS.map("%{}%".format),
    st.sampled_from(["A%", "%B", "_", "Ä_", "a\\_", "a\\%", "b_b", "B%", "%ó%"]),
)
ORDERS = st.sampled_from(["eq", "neq", "gt", "gte", "lt", "lte"])
EQUALITIES = st.sampled_from(["eq", "neq"])
TEXT_PATHS = paths(
    "title",
    "title",
    "title",
    ODD,
    ODD,
    "best",
    "friend",
    "_id",
    "_owner_id",
    "best.title",
    "friend._id",
)
CITEXT_PATHS = paths("username", "username", "username", "friend.username")
NUMBER_PATHS = paths("price", "level", "number", "best.price", "best.number")
DATE_PATHS = paths("born", "best.born", "_created_at", "_updated_at", "friend.last_login_at")
IDS = ORDINALS.map(User) | st.sampled_from("xyz")


def compare(operators: Values, names: Values, literals: Values) -> Values:
    """Draw comparisons of fields whose types fit each other."""
    either = st.one_of(names, literals, literals)
    return st.one_of(
        st.tuples(operators, names, either),
        st.tuples(operators, literals, names),
        st.tuples(st.just("in"), names, st.lists(literals | st.none(), max_size=3)),
    ).map(list)


LIKES = st.sampled_from(["like", "ilike"])
# Only users have these fields.
NAMES_COMPARED = st.one_of(
    compare(ORDERS, CITEXT_PATHS, NAMES),
    st.tuples(LIKES, CITEXT_PATHS, NAMES | PATTERNS).map(list),
)
COMPARED = st.one_of(
    compare(ORDERS, TEXT_PATHS, st.one_of(TEXTS, TEXTS, TEXTS, IDS)),
    st.tuples(LIKES, TEXT_PATHS, PATTERNS).map(list),
    st.tuples(LIKES, TEXT_PATHS, PATTERNS).map(list),
    st.tuples(LIKES, TEXT_PATHS, TEXT_PATHS).map(list),
    compare(ORDERS, NUMBER_PATHS, NUMBERS),
    compare(ORDERS, DATE_PATHS, DATES | st.just("2026-01-02 03:04:09")),
    compare(EQUALITIES, paths("done", "best.done"), st.booleans()),
    compare(EQUALITIES, paths("place", "best.place"), PLACES),
    compare(EQUALITIES, paths("tags"), st.sampled_from(["a", "1", True, 1, 0.1])),
    st.tuples(st.just("in"), FEW_TEXTS, paths("tags")).map(list),
    st.tuples(ORDERS, DISTANCES, st.sampled_from([0, 1000.5, 5e6, 1e7])).map(list),
    rarely(
        st.tuples(EQUALITIES, FIELD_NAMES.map(path), st.none()).map(list),
        st.tuples(ORDERS, FIELD_NAMES.map(path), ANY_VALUE).map(list),
    ),
    st.sampled_from(["_friend", "_follow"]).map(
        lambda name: ["func", "userRelation", path("_owner"), {"$name": name, "$direction": "out"}]
    ),
)


def predicates(compared: Values) -> Values:
    """Draw predicates; most are a single comparison."""
    nested = st.recursive(
        compared,
        lambda inner: st.one_of(
            st.lists(inner, max_size=3).map(lambda parts: ["and", *parts]),
            st.lists(inner, min_size=1, max_size=3).map(lambda parts: ["or", *parts]),
            inner.map(lambda part: ["not", part]),
        ),
        max_leaves=3,
    )
    return st.one_of(compared, compared, compared, nested)


SORTABLE = [name for name in FIELDS if name not in ("place", "tags", "shape")]
SORTS = st.lists(
    st.tuples(
        st.one_of(paths(*SORTABLE, "username", "_id", "_updated_at", "_owner_id"), DISTANCES),
        st.sampled_from(["asc", "desc"]),
    ).map(list),
    max_size=2,
)
MORE_OF_QUERIES: dict[str, Values] = {
    "count": st.booleans(),
    "limit": rarely(st.integers(1, 3), st.sampled_from([0, 2**70, -1, None])),
    "offset": st.sampled_from([0, 0, 0, 0, 1, -1]),
    "include": st.dictionaries(
        st.sampled_from(["one", "other"]),
        paths("best", "friend", "_owner", "_updated_by") | DISTANCES | NUMBERS,
        max_size=2,
    ),
    "desired_keys": st.lists(st.sampled_from([*FIELDS]), max_size=2),
    "database_id": DATABASES,
}
QUERIES = st.fixed_dictionaries(
    {
        "record_type": rarely(st.just("note"), ANY_TYPE),
        "predicate": predicates(COMPARED),
        "sort": SORTS,
    },
    optional=MORE_OF_QUERIES,
)
USER_QUERIES = st.fixed_dictionaries(
    {"record_type": st.just("user"), "predicate": predicates(NAMES_COMPARED), "sort": SORTS},
    optional=MORE_OF_QUERIES,
)

# --- the payload of each action -----------------------------------------------------

RECORDS = st.lists(
    st.builds(
        lambda record_id, values, more: {"_id": record_id, **values, **more},
        RECORD_IDS,
        VALUES,
        st.fixed_dictionaries({}, optional={"_access": ACCESS | st.none()}),
    ),
    min_size=1,
    max_size=3,
)
USER_RECORDS = st.builds(
    lambda ordinal, profile: [{"_id": User(ordinal, "user/"), **profile}], ORDINALS, PROFILES
)
LINKS = {
    "provider": rarely(st.just("a"), st.sampled_from(["b", LONG])),
    "principal_id": rarely(st.sampled_from(["p", "p", "q"]), st.just(LONG)),
}
SAID = {"token_response": JSON, "provider_profile": JSON}
USERS_AND_ROLES = st.fixed_dictionaries(
    {"users": st.lists(USERS, max_size=3), "roles": st.lists(ROLES, max_size=2)}
)
ROLES_ALONE = st.fixed_dictionaries({"roles": st.lists(ROLES, max_size=2)})
FIELD_RULES = st.fixed_dictionaries(
    {
        "record_type": st.sampled_from(["note", "book", "user", "*"]),
        "record_field": st.sampled_from(["title", "price", "born", "username", "*"]),
        "user_role": st.sampled_from(
            ["_any_user", "_public", "_owner", "_role:Editor", "_user_id:nobody", "_field:friend"]
        ),
        **dict.fromkeys(("writable", "readable", "comparable", "discoverable"), st.booleans()),
    }
)


def fields_of(names: list[str]) -> Payload:
    """Return fields as `schema:create` takes them."""
    listed = [{"name": name, "type": FIELDS.get(name, ("string",))[0]} for name in names]
    return {"fields": listed}


PAYLOADS: dict[str, Values] = {
    "sso:custom_token:login": st.builds(
        lambda *token: {"token": CustomToken(*token)},
        SUBJECTS,
        PROFILES | st.none(),
        rarely(st.just(HOUR), st.just(-1)),
    ),
    "auth:signup": rarely(
        st.fixed_dictionaries(
            {"auth_data": AUTH_DATA, "password": PASSWORDS}, optional={"profile": VALUES}
        ),
        st.fixed_dictionaries({}, optional={"profile": PROFILES}),
    ),
    "auth:login": st.fixed_dictionaries({"auth_data": AUTH_DATA, "password": PASSWORDS}),
    "auth:password": st.fixed_dictionaries({"old_password": PASSWORDS, "password": PASSWORDS}),
    "auth:reset_password": st.fixed_dictionaries({"auth_id": USERS, "password": PASSWORDS}),
    "auth:logout": st.just({}),
    "auth:disable:set": st.fixed_dictionaries(
        {"auth_id": USERS, "disabled": st.booleans()},
        optional={
            "message": TEXTS,
            "expiry": st.sampled_from(["2026-01-02T03:04:15.5Z", "2030-01-02T03:04:15Z", "soon"]),
        },
    ),
    "me": st.just({}),
    "sso:oauth:login": st.fixed_dictionaries(LINKS, optional=SAID),
    "sso:oauth:signup": st.fixed_dictionaries(LINKS, optional={**SAID, "profile": PROFILES}),
    "sso:oauth:link": st.fixed_dictionaries({**LINKS, "user_id": USERS}, optional=SAID),
    "sso:oauth:unlink": st.fixed_dictionaries({"provider": LINKS["provider"], "user_id": USERS}),
    "role:assign": USERS_AND_ROLES,
    "role:revoke": USERS_AND_ROLES,
    "role:get": st.fixed_dictionaries({"users": st.lists(USERS, min_size=1, max_size=3)}),
    "role:default": ROLES_ALONE,
    "role:admin": ROLES_ALONE,
    "record:save": st.fixed_dictionaries(
        {"records": RECORDS | USER_RECORDS},
        optional={"atomic": st.booleans(), "database_id": DATABASES},
    ),
    "record:fetch": st.fixed_dictionaries(
        {"ids": st.lists(RECORD_IDS, min_size=1, max_size=4)}, optional={"database_id": DATABASES}
    ),
    "record:query": st.one_of(QUERIES, QUERIES, USER_QUERIES),
    "record:delete": st.fixed_dictionaries(
        {"ids": st.lists(RECORD_IDS, min_size=1, max_size=3)},
        optional={"atomic": st.booleans(), "database_id": DATABASES},
    ),
    "schema:fetch": st.just({}),
    "schema:create": st.fixed_dictionaries(
        {
            "record_types": st.dictionaries(
                ANY_TYPE, st.lists(FIELD_NAMES, max_size=3).map(fields_of), max_size=2
            )
        }
    ),
    "schema:rename": st.fixed_dictionaries(
        {"record_type": TYPES | ANY_TYPE, "item_name": FIELD_NAMES, "new_name": NEW_NAMES}
    ),
    "schema:delete": st.fixed_dictionaries(
        {"record_type": TYPES | ANY_TYPE, "item_name": FIELD_NAMES}
    ),
    "schema:access": st.fixed_dictionaries(
        {"type": TYPES, "create_roles": st.lists(ROLES, max_size=1)}
    ),
    "schema:default_access": st.fixed_dictionaries({"type": TYPES, "default_access": ACCESS}),
    "device:register": st.fixed_dictionaries(
        {"type": rarely(st.sampled_from(["ios", "android"]), st.sampled_from(["", "tv"]))},
        optional={
            "id": st.sampled_from([Device(0), Device(1), "", LONG]),
            "device_token": rarely(st.sampled_from(["one", "two", ""]), TEXTS),
            "topic": st.sampled_from(["", "news"]) | TEXTS,
        },
    ),
    "device:unregister": st.fixed_dictionaries(
        {"id": rarely(st.integers(0, 2).map(Device), st.sampled_from(["", "a\0b", LONG]))}
    ),
    "schema:field_access:get": st.just({}),
    "schema:field_access:update": st.fixed_dictionaries(
        {"access": st.lists(FIELD_RULES, max_size=2)}
    ),
}
OFTEN = [
    *["sso:custom_token:login", "auth:signup", "auth:login", "me", "record:fetch"] * 2,
    *["record:save"] * 8,
    *["record:query"] * 12,
]
FOR_USERS = {
    *("auth:password", "auth:logout", "me", "record:save", "record:delete", "record:fetch"),
    *("device:register", "device:unregister"),
}
FOR_THE_MASTER_KEY = {
    "auth:disable:set",
    "auth:reset_password",
    "role:assign",
    "role:revoke",
    *(action for action in PAYLOADS if action.startswith(("sso:oauth", "schema:field_access"))),
}
KEYS_SENT = rarely(
    st.sampled_from(["client", "client", "client", "master"]), st.sampled_from(["wrong", "none"])
)


@st.composite
def steps(draw: st.DrawFn) -> Step:
    """Draw a step, which in most cases succeeds."""
    action = draw(st.sampled_from([*PAYLOADS, *OFTEN]))
    payload, key, by = draw(PAYLOADS[action]), draw(KEYS_SENT), None
    if action in FOR_THE_MASTER_KEY:
        key = draw(rarely(st.just("master"), KEYS_SENT))
    if action in FOR_USERS or (key != "master" and draw(st.booleans())):
        by = draw(st.integers(-2, 2))
    if key == "master" and by is None and draw(st.booleans()):
        payload = {**payload, "_user_id": draw(USERS)}
    seconds = draw(st.sampled_from([1, 1, 0, 0.25, 60, 3600.000001]))
    return Step(action, payload, key, by, seconds)


# Most sequences begin with fields of all types, and records that have them.
SCHEMA = Step(
    "schema:create", {"record_types": {name: fields_of([*FIELDS]) for name in ("note", "user")}}
)
LOGINS = [
    PAYLOADS[action].map(lambda payload, action=action: Step(action, payload))
    for action in ("auth:signup", "sso:custom_token:login")
]


@st.composite
def first_saves(draw: st.DrawFn) -> Step:
    """Draw a save of records with most fields, which may refer to one another."""
    records = []
    for place, key in enumerate("xyz"):
        fitting = {name: values for name, (_, values) in FIELDS.items()}
        fitting["best"] = st.sampled_from("xyz"[: place + 1]).map("note/{}".format).map(refer)
        absent = draw(st.lists(st.sampled_from([*FIELDS]), max_size=4))
        record = {name: draw(fitting[name]) for name in FIELDS if name not in absent}
        if draw(st.booleans()):
            record["_access"] = draw(ACCESS)
        records.append({"_id": f"note/{key}", **record})
    return Step("record:save", {"records": records}, by=0)


ORIGIN = {"$type": "geo", "$lng": 0, "$lat": 0}
AWAY = ["func", "distance", path("place"), ORIGIN]
ASKED_AT_THE_END = [
    ["eq", path("title"), path(ODD)],
    ["neq", path("best.title"), path("title")],
    ["gt", path("title"), "AB"],
    ["in", path(ODD), ["a", "Ä"]],
    ["like", path("title"), "a_"],
    ["like", path(ODD), "%\\%"],
    ["ilike", path("title"), "%ä%"],
    ["ilike", path(ODD), "%B"],
    ["eq", path("price"), 0.30000000000000004],
    ["lte", path("price"), path("level")],
    ["in", path("number"), [1, 3]],
    ["lte", path("born"), path("_updated_at")],
    ["not", ["eq", path("done"), True]],
    ["neq", path("place"), ORIGIN],
    ["lt", AWAY, 5e6],
    ["in", "a", path("tags")],
    ["neq", path("tags"), "a"],
]
SORTED_AT_THE_END = [*map(path, ["title", "price", "born", "friend"]), AWAY]
NAMES_AT_THE_END = [["eq", path("username"), "BÓB"], ["ilike", path("email"), "%ó%"]]
# At the end, these show what is stored.
REST = [
    Step("schema:fetch", {}),
    Step("role:get", {"users": [User(ordinal) for ordinal in range(5)]}, "master"),
    *(
        Step("record:query", {"record_type": name, "database_id": "_union"}, "master")
        for name in ("note", "book", "user")
    ),
    *(Step("record:query", {"record_type": "note"}, by=by) for by in (None, 0, 1)),
    *(
        Step("record:query", {"record_type": "note", "predicate": predicate}, "master")
        for predicate in ASKED_AT_THE_END
    ),
    *(
        Step("record:query", {"record_type": "note", "sort": [[by, "desc"]]}, "master")
        for by in SORTED_AT_THE_END
    ),
    *(
        Step("record:query", {"record_type": "user", "predicate": predicate}, "master")
        for predicate in NAMES_AT_THE_END
    ),
]
SEQUENCES = st.builds(
    lambda schema, one, other, save, more: [*schema, one, other, save, *more, *REST],
    st.sampled_from([[SCHEMA], [SCHEMA], []]),
    *LOGINS,
    first_saves(),
    st.lists(steps(), min_size=STEPS_MAX // 2, max_size=STEPS_MAX),
)
