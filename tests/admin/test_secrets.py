"""The admin API's operations on custom token secrets."""

import jwt
import pytest

from tests.sites import Site


@pytest.mark.core
async def test_a_token_is_signed_with_the_newest_secret(dev_site: Site) -> None:
    """Right after it was made, even if the server has cached the old ones."""
    created = await dev_site.admin("POST", "/apps", json={"name": "rotating"})
    assert created.ok, created.text

    for _ in range(3):
        await dev_site.admin("POST", "/apps/rotating/tokens", json={"sub": "alice"})
        rotated = await dev_site.admin("POST", "/apps/rotating/secrets", json={"overlap_hours": 0})
        minted = await dev_site.admin("POST", "/apps/rotating/tokens", json={"sub": "alice"})

        secret = rotated.json()["new"]["secret"]
        claims = jwt.decode(minted.json()["token"], secret, algorithms=["HS256"])
        assert claims["sub"] == "alice"
