"""How many statements the most frequent requests of tests take."""

from typing import Any

import pytest
from skylogin.testing import SkyloginServer

from tests.sites import SiteApp
from tests.statement_counter import statements_counted

pytestmark = pytest.mark.slow


async def statements_of_a_reset(app: SiteApp, users: int) -> int:
    """Return how many statements a reset takes after this many users logged in."""
    await app.admin("POST", "reset")
    for number in range(users):
        await app.log_in(f"user{number}", username=f"u{number}")
    with statements_counted() as statements:
        await app.admin("POST", "reset")
    assert sum(one.startswith("DELETE") for one in statements) > 1
    return len(statements)


async def test_a_reset_takes_as_many_statements_for_any_number_of_users(site_app: SiteApp) -> None:
    """A table is emptied by one statement."""
    # The server may write the counts of login attempts meanwhile.
    few, many = [
        min([await statements_of_a_reset(site_app, users) for _ in range(3)]) for users in (1, 12)
    ]
    assert few == many


# By what a test asks: the request, how many transactions it begins, and the most statements that
# it takes, BEGIN included.
COSTS: dict[str, tuple[str, str, dict[str, Any], int, int]] = {
    "reset": ("POST", "reset", {}, 1, 12),
    "the clock": ("PUT", "clock", {"frozen": True}, 0, 0),
    "a token": ("POST", "tokens", {"sub": "alice"}, 0, 0),
    "a user": ("GET", "users?subject=alice", {}, 1, 3),
    "login attempts": ("GET", "logins", {}, 1, 2),
    "users": ("GET", "users?limit=200", {}, 1, 4),
    "a seed": ("GET", "seed", {}, 2, 8),
}


@pytest.mark.parametrize("cost", COSTS.values(), ids=COSTS)
async def test_a_frequent_request_takes_few_statements(
    site_app: SiteApp, cost: tuple[str, str, dict[str, Any], int, int]
) -> None:
    """Also after a reset: the server still knows the app."""
    method, path, body, begun, most = cost
    counted = []
    for _ in range(5):
        await site_app.admin("POST", "reset")
        await site_app.log_in("alice")
        with statements_counted() as statements:
            assert (await site_app.admin(method, path, **body)).ok
        counted.append(statements)

    # A periodic write may come in between.
    least = min(counted, key=len)
    assert sum(one.startswith("BEGIN") for one in least) == begun
    assert len(least) <= most


async def test_a_login_after_a_reset_reads_no_access_rules(site_app: SiteApp) -> None:
    """A reset that did not change them leaves them known."""
    counted = []
    for _ in range(5):
        await site_app.log_in("alice")
        await site_app.admin("POST", "reset")
        with statements_counted() as statements:
            await site_app.log_in("alice")
        counted.append(sum("field_access" in one for one in statements))

    # They are read again once a second.
    assert min(counted) == 0


def test_counting_the_users_of_a_fixture_app_takes_few_statements() -> None:
    """It is not an export, so it is not in the audit list."""
    counted = []
    with SkyloginServer() as server:
        app = server.app("counted")
        app.login("alice")
        for _ in range(5):
            with statements_counted() as statements:
                assert len(app.users) == 1
            counted.append(statements)

    *_, most = COSTS["users"]
    least = min(counted, key=len)
    assert len(least) <= most
    assert not any("INSERT INTO operator_audit" in one for one in least)
