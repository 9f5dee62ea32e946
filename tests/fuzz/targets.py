"""What `make fuzz` calls with bytes: each target reads them, or refuses them in one clear line.

Samples are from the recorded scenarios and verdicts, and from this page.
"""

import base64
import hmac
import json
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from ipaddress import ip_network
from pathlib import Path
from typing import Any

from multidict import CIMultiDict
from skylogin import config
from skylogin.actions import wire
from skylogin.config import ConfigurationError
from skylogin.domain.access import Actor
from skylogin.domain.field_rules import FieldRules
from skylogin.domain.fields import new_field
from skylogin.encoding import json_text
from skylogin.errors import SkygearError
from skylogin.http import forwarding
from skylogin.pubsub import messages
from skylogin.query import includes, permissions, planner, reader
from skylogin.seeds import reader as seeds
from skylogin.seeds.nodes import SeedError
from skylogin.store import user_search

from tests.factories import encoded
from tests.golden.verdicts import SECRET, recorded_verdicts
from tests.tokens import plain_json
from tests.tokens.differences import RULES, SECONDS, SETTINGS, difference
from tests.tokens.oracle import judge

GOLDEN = Path(__file__).parents[1] / "golden"
SAMPLED = 60


@dataclass(frozen=True, slots=True)
class Target:
    """A function that is called with any bytes, and the errors with which it may refuse them."""

    call: Callable[[bytes], object]
    refusals: tuple[type[Exception], ...]
    samples: Callable[[], Sequence[bytes]]

    def try_out(self, data: bytes) -> None:
        """Call it. Any other error is a finding, and so is a refusal that is not one clear line."""
        try:
            self.call(data)
        except self.refusals as refusal:
            check_sentence(refusal)


class NotOneLineError(AssertionError):
    """A refusal does not say in one readable line what is wrong."""


def check_sentence(refusal: Exception) -> None:
    """Check what a refusal says. A message of the wire may repeat what was sent."""
    said = refusal.explanation if isinstance(refusal, SkygearError) else str(refusal)
    if not said.strip():
        raise NotOneLineError(f"{type(refusal).__name__} says nothing")
    if isinstance(refusal, SeedError | ConfigurationError):
        for problem in map(str, refusal.problems):
            # A command shows controls as escapes, wherever they are.
            if len(problem.splitlines()) != 1:
                raise NotOneLineError(f"not one line: {problem!a}")


def text_of(data: bytes) -> str:
    """Return bytes as text, as a header or a path would be read."""
    return data.decode("utf-8", "surrogateescape")


def token(data: bytes) -> None:
    """A token as a body has it: the second statement of the rules gives the same verdict."""
    check_verdict(json_text.decode(data))


def claims(data: bytes) -> None:
    """Claims with a right signature."""
    signed = f"{HEADER}.{encoded(data)}"
    check_verdict(f"{signed}.{encoded(hmac.digest(SECRET, signed.encode(), 'sha256'))}")


HEADER = encoded(b'{"alg":"HS256"}')


def check_verdict(text: str) -> None:
    """Compare the verdicts on a token, by each contract."""
    for rules in RULES[:2]:
        found = difference(text, rules, judge(text, SECONDS, SETTINGS[rules]))
        if found:
            raise AssertionError(found)


def body(data: bytes) -> None:
    """The body of a call: it is an object where the other JSON reader finds one."""
    try:
        expected = plain_json.first(data)[0] if data.strip(b" \t\n\r") else None
    except plain_json.NotJsonError:
        expected = ""
    try:
        wire.read_body(data, values_max=20_000)
        accepted = True
    except wire.BadBodyError:
        accepted = False
    is_object = expected is None or isinstance(expected, plain_json.Object)
    if accepted != is_object and not _has_too_large(expected):
        raise AssertionError(f"accepted: {accepted}, an object: {is_object}")


def _has_too_large(value: Any) -> bool:
    if isinstance(value, plain_json.Object):
        return any(_has_too_large(item) for _, item in value)
    if isinstance(value, list):
        return any(_has_too_large(item) for item in value)
    return isinstance(value, plain_json.Number) and value.too_large


FIELDS = {
    "username": new_field("string"),
    "age": new_field("number"),
    "is_verified": new_field("boolean"),
    "since": new_field("datetime"),
    "data": new_field("json"),
    "place": new_field("location"),
    "friend": new_field("reference", "user"),
}


def query(data: bytes) -> None:
    """The payload of `record:query`, from JSON to the plan."""
    wanted = reader.read(wire.read_body(data))
    schema = {"user": FIELDS, wanted.type: FIELDS}
    permissions.check_permissions(wanted, schema, FieldRules(), Actor("someone"))
    includes.types(wanted, schema)
    planner.plan(wanted, schema)


def message(data: bytes) -> None:
    """A message of a websocket."""
    messages.read(data)


def seed(file: str) -> Callable[[bytes], object]:
    """A seed, in a file of this name."""
    return lambda data: seeds.read(data, file, "main")


TRUSTED = (ip_network("127.0.0.0/8"), ip_network("10.0.0.0/8"), ip_network("fd00::/8"))
DIRECT = forwarding.Client("127.0.0.1", "http", "localhost")


def forwarded(data: bytes) -> None:
    """The headers of proxies, one a line: the client is an address or the peer."""
    headers: CIMultiDict[str] = CIMultiDict()
    for line in text_of(data).split("\n"):
        name, _, value = line.partition(":")
        headers.add(name, value.strip())
    client = forwarding.read(headers, DIRECT, TRUSTED)
    if forwarding.read_address(client.address) is None and client.address != forwarding.UNKNOWN:
        raise AssertionError(f"not an address: {client.address!a}")
    if not set(client.host + client.prefix).isdisjoint("\r\n\0 <>\"'\\"):
        raise AssertionError(f"not a host: {client.host!a} {client.prefix!a}")


def cursor(data: bytes) -> None:
    """A cursor of the list of users."""
    for key in ("id", "created_at"):
        user_search.read_cursor(text_of(data), key)
        user_search.read_cursor(base64.urlsafe_b64encode(data).decode(), key)


def settings(data: bytes) -> None:
    """Settings, one a line, of both modes. Files are not read: any file could be named."""
    lines = [line.partition("=") for line in text_of(data.replace(b"\0", b"")).splitlines()]
    given = {name: value for name, _, value in lines if not name.endswith("_FILE")}
    for mode in (config.DEV, config.SERVE):
        config.read(given, mode)


# --- samples -----------------------------------------------------------------------


def recorded_tokens() -> list[bytes]:
    """Return some of the recorded tokens."""
    every = [line["token"].encode() for line in recorded_verdicts()]
    return every[:: len(every) // SAMPLED]


def recorded_claims() -> list[bytes]:
    """Return the claims of some of the recorded tokens."""
    parts = [one.split(b".") for one in recorded_tokens()]
    found = []
    for part in parts:
        try:
            found.append(base64.urlsafe_b64decode(part[1] + b"=="))
        except (ValueError, IndexError):
            continue
    return found


def recorded_bodies() -> list[bytes]:
    """Return the bodies of the recorded calls."""
    found: list[bytes] = []
    for path in sorted((GOLDEN / "cases").glob("*.json")):
        found += [json.dumps(one).encode() for one in _bodies(json.loads(path.read_text("utf-8")))]
    return found


def _bodies(value: Any) -> Iterator[Any]:
    if isinstance(value, dict):
        if isinstance(value.get("json"), dict):
            yield value["json"]
        for item in value.values():
            yield from _bodies(item)
    elif isinstance(value, list):
        for item in value:
            yield from _bodies(item)


def recorded_queries() -> list[bytes]:
    """Return the recorded queries, and one with every kind of predicate."""
    path = {"$type": "keypath", "$val": "place"}
    distance = ["func", "distance", path, {"$type": "geo", "$lng": 1, "$lat": 2}]
    every = {
        "record_type": "user",
        "predicate": [
            "and",
            ["or", ["not", ["in", {"$type": "keypath", "$val": "age"}, [1, None]]]],
            ["like", {"$type": "keypath", "$val": "friend.username"}, "%a_"],
            ["func", "userDiscover", {"usernames": [], "emails": ["a@example.com"]}],
            ["lte", distance, 5.5],
            ["eq", {"$type": "keypath", "$val": "since"}, {"$type": "date", "$date": "2020"}],
        ],
        "sort": [[path, "desc"], [distance, "asc"]],
        "include": {"friend": {"$type": "keypath", "$val": "friend"}, "far": distance},
        "desired_keys": ["age"],
        "limit": 5,
        "offset": 1,
        "count": True,
    }
    return [json.dumps(every).encode(), *(one for one in recorded_bodies() if b"predicate" in one)]


MESSAGES = [
    b'{"action":"sub","channel":"a"}',
    b'{"ACTION":"pub","channel":"\\u00e9","data":{"a":[1e9]}}',
]
SEED_JSON = [
    b'{"apps":{"shop":{"roles":["editor"],"users":[{"sub":"alice","id":"a1","roles":["editor"],'
    b'"profile":{"username":"alice","born":{"$type":"date","$date":"2000-01-01T00:00:00Z"}},'
    b'"disabled":{"message":"away","until":"2030-01-01T00:00:00Z"},"password":"secret"}],'
    b'"stubs":[{"action":"asset:put","answer":{"status":200}}]}}}',
]
SEED_YAML = [
    b"users:\n- sub: alice\n  profile: {username: alice, age: 1_0, born: 2001-01-01, ok: yes}\n",
    b"apps:\n  shop:\n    users:\n    - sub: !!str 1\n      roles: [a, ~]\n      disabled: true\n",
    b"# a\n'users':\n  - \"sub\": |\n      text\n    profile: {a: .nan, b: 0x1F, <<: {c: 1}}\n",
]
FORWARDED = [
    b"X-Forwarded-For: 192.0.2.1, 10.0.0.1:80\nX-Forwarded-Proto: https\n"
    b"X-Forwarded-Host: a.example",
    b'Forwarded: for="[2001:db8::1]:4711";proto=https;host="a.example:80", for=_hidden\n'
    b"X-Forwarded-Prefix: /x",
]
CURSORS = [b'["2026-01-02T03:04:05.000000Z","id"]', b'["a","b"]', b"WyIiLCAiYiJd"]


def sample_settings() -> list[bytes]:
    """Return every setting with its default, with a number and with a word."""
    rows = [row for row in config.SETTINGS if not row.variable.endswith("_FILE")]
    return [
        "\n".join(f"{row.variable}={value or row.default}" for row in rows).encode()
        for value in ("", "1", "yes", "a, b", "10.0.0.0/8")
    ] + [f"{row.variable}={row.default}".encode() for row in rows]


REFUSED = (SkygearError, wire.BadBodyError)
TARGETS = {
    "token": Target(token, (), recorded_tokens),
    "claims": Target(claims, (), recorded_claims),
    "body": Target(body, (wire.TooManyValuesError,), recorded_bodies),
    "query": Target(query, REFUSED, recorded_queries),
    "websocket": Target(message, (messages.FatalMessageError,), lambda: MESSAGES),
    "seed-json": Target(seed("seed.json"), (SeedError,), lambda: SEED_JSON),
    "seed-yaml": Target(seed("seed.yaml"), (SeedError,), lambda: SEED_YAML),
    "forwarded": Target(forwarded, (), lambda: FORWARDED),
    "cursor": Target(cursor, (ValueError,), lambda: CURSORS),
    "settings": Target(settings, (ConfigurationError,), sample_settings),
}
