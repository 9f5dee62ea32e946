"""What a stranger with the API key may try with tokens and profiles, and that it fails."""

from http import HTTPStatus
from typing import Any

import pytest
from skylogin.domain.limits import KEY_BYTES_MAX

from tests.applications import MakeClient
from tests.factories import SECONDS, encoded, make_token, signature
from tests.stores import Ask, MakeServices

SECRET, ATTACKERS = "a secret", "the attacker's own secret"
API_KEY, MASTER_KEY = "changeme", "secret"
LOGIN = "sso:custom_token:login"
BROUGHT: dict[str, dict[str, Any]] = {
    "jwk": {"jwk": {"kty": "oct", "k": encoded(ATTACKERS.encode())}},
    "jku": {"jku": "http://127.0.0.1:9/keys"},
    "x5u": {"x5u": "http://127.0.0.1:9/keys", "x5c": [encoded(ATTACKERS.encode())]},
    "a path": {"kid": "../../../../dev/null"},
    "SQL": {"kid": "x' UNION SELECT 'the attacker''s own secret' --"},
    "a list": {"kid": [ATTACKERS]},
    "critical": {"crit": ["b64"], "b64": False},
}


@pytest.mark.parametrize("header", BROUGHT.values(), ids=BROUGHT)
async def test_a_token_brings_no_key(
    make_services: MakeServices, ask: Ask, header: dict[str, Any]
) -> None:
    """With any other members, its header changes nothing."""
    services = await make_services()
    header = {"alg": "HS256", **header}

    for secret in (ATTACKERS, "", "\0"):
        bad = await ask(services, LOGIN, token=make_token(header=header, secret=secret))
        assert bad.status == HTTPStatus.BAD_REQUEST
    good = await ask(services, LOGIN, token=make_token(header=header, secret=SECRET))
    assert good.status == HTTPStatus.OK


async def test_no_signature_but_the_right_one(make_services: MakeServices, ask: Ask) -> None:
    """Not a part of it, nor it and more, nor that of another algorithm or secret."""
    services = await make_services()
    signed, _, good = make_token(secret=SECRET).rpartition(".")
    signatures = [
        "",
        good[:-4],
        good[4:],
        good * 2,
        f"{good}AAAA",
        good.swapcase(),
        f"{good}.{good}",
    ]
    signatures += [signature(signed, SECRET, other) for other in ("HS384", "HS512")]
    near = (SECRET[:-1], f"{SECRET}x", SECRET.upper(), "", API_KEY, MASTER_KEY)
    signatures += [signature(signed, secret, "HS256") for secret in near]

    for wrong in signatures:
        answer = await ask(services, LOGIN, token=f"{signed}.{wrong}")
        assert answer.status == HTTPStatus.BAD_REQUEST, wrong
    assert (await ask(services, LOGIN, token=f"{signed}.{good}")).status == HTTPStatus.OK


async def test_a_token_of_another_kind_is_refused(make_services: MakeServices, ask: Ask) -> None:
    """Also one that a key of the app signed."""
    services = await make_services()
    made = (await ask(services, LOGIN, token=make_token(secret=SECRET))).body["result"]
    own = {"sub": made["user_id"], "iss": "myapp", "iat": SECONDS - 1}

    for secret in (SECRET, API_KEY, MASTER_KEY, ""):
        forged = make_token(secret=secret, **own)
        answer = await ask(services, "me", access_token=forged)
        assert answer.status == HTTPStatus.UNAUTHORIZED
    for token in (made["access_token"], API_KEY, MASTER_KEY, made["user_id"]):
        answer = await ask(services, LOGIN, token=token)
        assert answer.status in (HTTPStatus.BAD_REQUEST, HTTPStatus.UNAUTHORIZED)
    me = await ask(services, "me", access_token=made["access_token"])
    assert me.status == HTTPStatus.OK


NAMES = (
    *("_id", "_type", "_ownerID", "_owner_id", "_created_by", "_updated_by", "_roles"),
    *("roles", "disabled", "user_id", "password", "__proto__", "constructor", "admin"),
)


async def test_a_profile_changes_nothing_but_the_profile(
    make_services: MakeServices, ask: Ask
) -> None:
    """Neither role, owner, id nor creator, whatever names it has."""
    services = await make_services()
    await ask(services, "role:admin", key=MASTER_KEY, roles=["boss"])

    for number, value in enumerate((["boss"], "boss", {"boss": True}, True)):
        profile = {f"{name}{'' if name[0] == '_' else number}": value for name in NAMES}
        token = make_token(sub=f"{number}", secret=SECRET, skyprofile=profile)
        answer = await ask(services, LOGIN, token=token)
        if answer.status != HTTPStatus.OK:
            # A reserved field has another type.
            assert answer.status == HTTPStatus.CONFLICT
            continue
        result = answer.body["result"]
        user_id, record = result["user_id"], result["profile"]
        assert record["_id"] == f"user/{user_id}"
        assert record["_ownerID"] == record["_created_by"] == user_id
        assert not result.get("roles")
        as_user = {"access_token": result["access_token"]}
        refused = await ask(services, "role:assign", roles=["boss"], users=[user_id], **as_user)
        assert refused.status == HTTPStatus.UNAUTHORIZED


async def test_a_name_or_value_with_sql_is_only_text(
    make_services: MakeServices, ask: Ask, query: Any
) -> None:
    """In a subject, a field, a type, an id, a predicate and an order."""
    services = await make_services()
    odd = "x'); DROP TABLE users; --\" %s :a"
    token = make_token(sub=odd[:30], secret=SECRET, skyprofile={odd: odd})
    made = (await ask(services, LOGIN, token=token)).body["result"]
    note = {"_id": f"{odd}/{odd}", odd: odd}
    saved = await ask(services, "record:save", records=[note], access_token=made["access_token"])
    path = {"$type": "keypath", "$val": odd}
    found = await ask(
        services, "record:query", record_type=odd, predicate=["eq", path, odd], sort=[[path, "asc"]]
    )

    assert saved.body["result"] == found.body["result"]
    assert found.body["result"][0][odd] == odd
    assert await query("SELECT count(*) FROM users") == [(1,)]
    assert len(odd) < KEY_BYTES_MAX


async def test_the_query_has_no_key_and_no_token(make_client: MakeClient) -> None:
    """It would be in the logs of every proxy."""
    client = await make_client(CUSTOM_TOKEN_SECRET=SECRET)
    for query in (
        {"api_key": MASTER_KEY},
        {"api_key": API_KEY, "token": "x"},
        {"access_token": "x"},
        {"X-Skygear-API-Key": MASTER_KEY},
    ):
        for path in ("/me", "/sso/custom_token/login", "/role/default", "/record/fetch"):
            answer = await client.post(path, params=query, json={"ids": ["a/b"], "roles": ["x"]})
            assert answer.status == HTTPStatus.UNAUTHORIZED, (path, query)
