"""`me`: the claims of the access token that it returns."""

from typing import Any

import jwt
import pytest

from tests.factories import make_token
from tests.stores import Ask, MakeServices

KEY = "a key of access tokens, long enough"
SAID = {
    "another server": ({"iss": "other"}, {"iss": "other"}),
    "no issuer": ({}, {}),
    "an empty issuer": ({"iss": ""}, {}),
    "no time": ({"iss": "other", "iat": None}, {"iss": "other"}),
    "claims that the original does not copy": ({"aud": "x", "nbf": 1, "exp": 2**33}, {}),
}


@pytest.mark.parametrize(("claims", "copied"), SAID.values(), ids=SAID)
async def test_the_issuer_is_copied(
    make_services: MakeServices, ask: Ask, claims: dict[str, Any], copied: dict[str, Any]
) -> None:
    """And is left out of the new token where the old one has none."""
    services = await make_services(TOKEN_STORE_SECRET=KEY)
    made = await ask(services, "sso:custom_token:login", token=make_token(secret="a secret"))
    user_id = made.body["result"]["user_id"]
    old = make_token(secret=KEY, sub=user_id, **{"exp": None, **claims})

    answer = await ask(services, "me", access_token=old)

    new = answer.body["result"]["access_token"]
    said = jwt.decode(new, options={"verify_signature": False})
    assert (said.pop("sub"), {"jti", "iat"} <= said.keys()) == (user_id, True)
    assert {name: said[name] for name in said.keys() - {"jti", "iat"}} == copied
