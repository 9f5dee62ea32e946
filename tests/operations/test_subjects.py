"""Every way to a user checks the `sub` as the login does."""

import io
import json
from collections.abc import Awaitable, Callable

import pytest
from skylogin.actions.services import Services
from skylogin.database import tables
from skylogin.operations import exports
from skylogin.operations.operator import Operator, RefusedError
from skylogin.seeds import apply, reader
from skylogin.seeds.nodes import SeedError
from skylogin.testing import AdminError, SkyloginServer

from tests.factories import make_token
from tests.stores import Ask, MakeOperator, MakeServices, Query

APP = "myapp"
HEAD = {"skylogin": "export", "version": tables.VERSION}
# By the contract, whether a login is accepted.
SUBJECTS = {
    "36 characters": ("ä" * 36, True, True),
    "37 characters": ("a" * 37, False, True),
    "36 characters of four bytes": ("😀" * 36, True, True),
    "39 characters": ("x" * 39, False, True),
    "2,500 bytes": ("ä" * 1250, False, True),
    "more bytes": ("ä" * 1250 + "a", False, False),
    "a null character": ("a\0b", False, False),
    "nothing": ("", False, False),
    "blanks": ("  ", True, True),
}


async def can_log_in(services: Services, ask: Ask, subject: str) -> bool:
    """Return whether a login is accepted."""
    token = make_token(sub=subject, secret="a secret")
    answer = await ask(services, "sso:custom_token:login", token=token)
    return answer.refusal is None


async def by_a_seed(operator: Operator, subject: str) -> None:
    """Add a user by a seed, also of the admin API and the fixture."""
    body = {"users": [{"sub": subject}]}
    await apply.seed(operator, APP, reader.read_app(body, APP))


async def by_an_import(operator: Operator, subject: str) -> None:
    """Add a principal by an import."""
    row = {
        "kind": "custom_token", "provider": "", "principal": subject, "user_id": "a user",
        "created_at": "2026-01-02T03:04:05Z",
    }  # fmt: skip
    lines = [HEAD, {"table": "principals", "row": row}]
    text = "".join(f"{json.dumps(line)}\n" for line in lines)
    await exports.load(operator, APP, io.BytesIO(text.encode()))


WAYS = {"a seed": by_a_seed, "an import": by_an_import}


CASES = {
    f"{way} of {name}, {contract}": (WAYS[way], contract, subject, good)
    for way in WAYS
    for name, (subject, *both) in SUBJECTS.items()
    for contract, good in zip(("documented", "original"), both, strict=True)
}


@pytest.mark.parametrize("case", CASES.values(), ids=CASES)
async def test_every_added_user_can_log_in(
    case: tuple[Callable[[Operator, str], Awaitable[None]], str, str, bool],
    make_services: MakeServices,
    make_operator: MakeOperator,
    ask: Ask,
) -> None:
    """And who could not is refused, with nothing written."""
    way, contract, subject, is_good = case
    services = await make_services(SKYLOGIN_CONTRACT=contract)
    operator = make_operator(SKYLOGIN_CONTRACT=contract)
    before = await exports.export(operator, APP, io.BytesIO())

    if is_good:
        await way(operator, subject)
    else:
        with pytest.raises((RefusedError, SeedError)):
            await way(operator, subject)
        assert await exports.export(operator, APP, io.BytesIO()) == before
    assert await can_log_in(services, ask, subject) is is_good


async def test_the_problem_is_named(
    make_services: MakeServices, operator: Operator, make_operator: MakeOperator
) -> None:
    """With its place, and the setting that accepts it."""
    await make_services()
    long = "is longer than 36 characters: it has 39; SKYLOGIN_CONTRACT=original accepts longer ones"
    with pytest.raises(RefusedError) as seeded:
        await by_a_seed(operator, "x" * 39)
    with pytest.raises(RefusedError) as imported:
        await by_an_import(operator, "x" * 39)

    assert str(seeded.value) == f"users[0].sub: {long}"
    assert str(imported.value) == f"line 2: principals: the principal {long}"


async def test_long_subjects_are_exported_and_imported(
    make_services: MakeServices, make_operator: MakeOperator, query: Query
) -> None:
    """Under the contract that accepts them."""
    await make_services()
    operator = make_operator(SKYLOGIN_CONTRACT="original")
    await by_a_seed(operator, "ä" * 1250)
    file, moved = io.BytesIO(), io.BytesIO()
    await exports.export(operator, APP, file)
    moved.write(file.getvalue().replace("ä".encode() * 1250, "é".encode() * 1250))

    await exports.load(operator, APP, moved, replace=True)

    assert await query("SELECT principal FROM principals") == [("é" * 1250,)]


@pytest.mark.slow
def test_the_fixture_refuses_users_who_cannot_log_in() -> None:
    """`users.add` says why; with the other contract the user logs in."""
    with SkyloginServer() as server:
        app = server.app()
        with pytest.raises(AdminError, match="is longer than 36 characters: it has 39"):
            app.users.add("x" * 39)
        assert list(app.users) == []
    with SkyloginServer({"SKYLOGIN_CONTRACT": "original"}) as server:
        app = server.app()
        user = app.users.add("x" * 39)
        assert app.login("x" * 39).user_id == user.id
