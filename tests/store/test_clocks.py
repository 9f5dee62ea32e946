"""Servers with different clocks on one database, whose clock decides."""

from collections.abc import Awaitable, Callable
from datetime import timedelta
from http import HTTPStatus
from pathlib import Path
from typing import Any

import pytest
from skylogin.actions.services import Services
from skylogin.clock import system_now
from skylogin.operations import users
from skylogin.operations.operator import operator_of
from skylogin.store.user_search import Search

from tests.stores import Ask, Clock, MakeServices

# Hashing a password is slow by design.
pytestmark = pytest.mark.slow

AHEAD = timedelta(minutes=10)
OPEN = {"SKYLOGIN_LOGINS": "all"}
AUTH_DATA = {"username": "su"}
OLD, NEW = "secret-1", "secret-2"


@pytest.fixture
async def ahead(make_services: MakeServices) -> Services:
    """A server whose clock is ahead."""
    return await make_services(now=lambda: system_now() + AHEAD, **OPEN)


@pytest.fixture
async def right(make_services: MakeServices) -> Services:
    """A server whose clock is right."""
    return await make_services(now=lambda: system_now() + timedelta(seconds=2), **OPEN)


async def sign_up(ask: Ask, server: Services) -> Any:
    """Return the result of a sign-up."""
    return (await ask(server, "auth:signup", auth_data=AUTH_DATA, password=OLD)).body["result"]


async def nothing(ask: Ask, server: Services) -> str:
    """Do nothing else."""
    return OLD


async def change_password(ask: Ask, server: Services) -> str:
    """Change the user's password."""
    logged_in = await ask(server, "auth:login", auth_data=AUTH_DATA, password=OLD)
    token = logged_in.body["result"]["access_token"]
    changed = await ask(server, "auth:password", access_token=token, old_password=OLD, password=NEW)
    assert changed.status == HTTPStatus.OK
    return NEW


async def reset_password(ask: Ask, server: Services) -> str:
    """Change it with the master key."""
    user_id = await id_of_user(server)
    changed = await ask(server, "auth:reset_password", key="secret", auth_id=user_id, password=NEW)
    assert changed.status == HTTPStatus.OK, changed.body
    return NEW


async def sign_out(ask: Ask, server: Services) -> str:
    """Let the operator sign the user out."""
    operator = operator_of(server, "test", "")
    await users.sign_out(operator, server.app.name, await id_of_user(server))
    return OLD


async def id_of_user(server: Services) -> str:
    """Return the id of the only user."""
    found = await users.find(operator_of(server, "test", ""), server.app.name, Search())
    return found.users[0].id


ACTS = (nothing, change_password, reset_password, sign_out)


@pytest.mark.parametrize("act", ACTS)
async def test_a_clock_that_is_ahead_locks_nobody_out(
    ahead: Services, right: Services, ask: Ask, act: Callable[[Ask, Services], Awaitable[str]]
) -> None:
    """A token of another server is valid after whatever ends older ones."""
    await sign_up(ask, ahead)
    password = await act(ask, ahead)

    logged_in = await ask(right, "auth:login", auth_data=AUTH_DATA, password=password)
    token = logged_in.body["result"]["access_token"]

    assert (await ask(right, "me", access_token=token)).status == HTTPStatus.OK


@pytest.mark.parametrize(
    ("act", "token_store"), [*((act, "jwt") for act in ACTS[1:]), (sign_out, "fs")]
)
async def test_a_clock_that_is_set_back_locks_nobody_out(  # noqa: PLR0913, PLR0917
    make_services: MakeServices,
    clock: Clock,
    ask: Ask,
    tmp_path: Path,
    token_store: str,
    act: Callable[[Ask, Services], Awaitable[str]],
) -> None:
    """A new token is valid, under one database and one clock; an old one stays ended."""
    where = {"TOKEN_STORE": token_store, "TOKEN_STORE_PATH": str(tmp_path / "tokens")}
    server = await make_services(**where, **OPEN)
    before = (await sign_up(ask, server))["access_token"]
    clock.moment += timedelta(seconds=5)
    password = await act(ask, server)
    clock.moment -= AHEAD

    logged_in = await ask(server, "auth:login", auth_data=AUTH_DATA, password=password)
    token = logged_in.body["result"]["access_token"]

    for _ in range(2):
        assert (await ask(server, "me", access_token=token)).status == HTTPStatus.OK
        assert (await ask(server, "me", access_token=before)).status == HTTPStatus.UNAUTHORIZED
        clock.moment += 2 * AHEAD
