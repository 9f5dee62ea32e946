"""Principals of OAuth providers, looked up one at a time."""

from collections.abc import Mapping
from datetime import datetime
from typing import NamedTuple

from sqlalchemy import delete, insert, select, update
from sqlalchemy.sql.elements import ColumnElement

from skylogin.database.tables import principals
from skylogin.database.transaction import Transaction
from skylogin.domain.stored_names import CUSTOM_TOKEN, OAUTH

# The condition for principals whose id is the subject of a custom token.
OF_CUSTOM_TOKENS = (principals.c.kind == CUSTOM_TOKEN, principals.c.provider == "")


class Link(NamedTuple):
    """A principal of an OAuth provider, and what the provider returned about it."""

    provider: str
    principal: str
    user_id: str
    now: datetime
    token_response: Mapping[str, object] | None
    profile: Mapping[str, object] | None


async def load_user_id(tx: Transaction, app: str, provider: str, principal: str) -> str | None:
    """Return the id of the user that *principal* is linked with, None if it is not linked."""
    query = select(principals.c.user_id).where(*_of(app, provider, principal))
    user_id: str | None = (await tx.connection.execute(query)).scalar()
    return user_id


async def has_link(tx: Transaction, app: str, provider: str, user_id: str) -> bool:
    """Return whether the user has a principal of *provider*."""
    query = select(principals.c.principal).where(*_of_user(app, provider, user_id))
    return (await tx.connection.execute(query)).first() is not None


async def add(tx: Transaction, app: str, link: Link) -> None:
    """Add a link."""
    row = {
        "app": app,
        "kind": OAUTH,
        "provider": link.provider,
        "principal": link.principal,
        "user_id": link.user_id,
        "created_at": link.now,
        **_response(link),
    }
    await tx.connection.execute(insert(principals), row)


async def update_response(tx: Transaction, app: str, link: Link) -> None:
    """Replace the provider's token response and profile, even with null."""
    await tx.connection.execute(
        update(principals).where(*_of(app, link.provider, link.principal)).values(**_response(link))
    )


async def remove(tx: Transaction, app: str, provider: str, user_id: str) -> bool:
    """Remove the user's link with *provider*. Returns False if it does not exist."""
    removed = await tx.connection.execute(
        delete(principals).where(*_of_user(app, provider, user_id))
    )
    return removed.rowcount > 0


def _response(link: Link) -> dict[str, object]:
    return {
        "updated_at": link.now,
        "token_response": link.token_response,
        "profile": link.profile,
    }


def _of(app: str, provider: str, principal: str) -> tuple[ColumnElement[bool], ...]:
    return (*_of_provider(app, provider), principals.c.principal == principal)


def _of_user(app: str, provider: str, user_id: str) -> tuple[ColumnElement[bool], ...]:
    return (*_of_provider(app, provider), principals.c.user_id == user_id)


def _of_provider(app: str, provider: str) -> tuple[ColumnElement[bool], ...]:
    return (
        principals.c.app == app,
        principals.c.kind == OAUTH,
        principals.c.provider == provider,
    )
