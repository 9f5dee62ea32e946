"""Case is ignored in the same way by unique keys and by queries, on both databases."""

import sys
from http import HTTPStatus
from pathlib import Path
from typing import Any

import pytest
import skylogin
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from skylogin.database import Store, Transaction, json_members
from skylogin.domain.folding import fold
from sqlalchemy import Text, cast, literal, null, select

from tests.stores import Ask, MakeServices

PASSWORD = "a secret 1"
USERNAME = {"$type": "keypath", "$val": "username"}
NICKNAME = {"$type": "keypath", "$val": "nickname"}


async def folded(store: Store, *texts: str) -> list[Any]:
    """Return what the database makes of texts."""

    async def work(tx: Transaction) -> list[Any]:
        columns = [json_members.fold(literal(text, Text), tx.dialect) for text in texts]
        return list((await tx.connection.execute(select(*columns))).one())

    return await store.run(work, write=False)


async def test_null_stays_null(store: Store) -> None:
    """As in every other function of the databases."""

    async def work(tx: Transaction) -> Any:
        return (
            await tx.connection.execute(select(json_members.fold(cast(null(), Text), tx.dialect)))
        ).scalar()

    assert await store.run(work, write=False) is None


async def test_the_databases_fold_every_letter(store: Store) -> None:
    """Every code point that has a case, and its neighbours."""
    cased = {
        number + step
        for number in range(sys.maxunicode)
        for letter in (chr(number),)
        if {letter.lower(), letter.upper(), letter.title(), letter.casefold()} != {letter}
        for step in (-1, 0, 1)
    }
    text = "".join(chr(number) for number in sorted(cased))

    assert await folded(store, text, text[::-1], "") == [fold(text), fold(text[::-1]), ""]


@settings(deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(texts=st.lists(st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"]))))
async def test_the_databases_fold_every_text(store: Store, texts: list[str]) -> None:
    """As Python does."""
    assert await folded(store, "", *texts) == ["", *map(fold, texts)]


NAMES = {
    "Turkish": ("İSMAİL", ["ismail", "İsmail", "ISMAIL"], ["ısmaıl", "i̇smai̇l"]),
    "Greek": ("ΝΙΚΟΣ", ["νικοσ", "Νικοσ", "ΝΙΚΟΣ"], ["νικος"]),
    "German": ("GROẞ", ["groß", "GROẞ"], ["gross"]),
    "Georgian": ("ᲒᲘᲝᲠᲒᲘ", ["გიორგი"], []),
    "Deseret": ("𐐀𐐁", ["𐐨𐐩", "𐐀𐐩"], []),
}


@pytest.mark.parametrize(("name", "same", "others"), NAMES.values(), ids=NAMES)
async def test_a_user_name_is_found_in_any_case(
    make_services: MakeServices, ask: Ask, name: str, same: list[str], others: list[str]
) -> None:
    """By logins, by queries, and when somebody else wants it."""
    services = await make_services()
    profile = {"nickname": name}
    first = {"auth_data": {"username": name}, "password": PASSWORD, "profile": profile}
    made = await ask(services, "auth:signup", **first)
    assert made.status == HTTPStatus.OK, made.body
    user_id = made.body["result"]["user_id"]

    async def log_in(text: str) -> Any:
        auth_data = {"username": text}
        return await ask(services, "auth:login", auth_data=auth_data, password=PASSWORD)

    async def found(predicate: list[Any]) -> list[str]:
        query = {"record_type": "user", "predicate": predicate}
        answer = await ask(services, "record:query", key="secret", **query)
        return [record["_id"] for record in answer.body["result"]]

    for text in [name, *same]:
        assert (await log_in(text)).body["result"]["user_id"] == user_id
        again = await ask(services, "auth:signup", **{**first, "auth_data": {"username": text}})
        assert (again.status, again.body["error"]["code"]) == (HTTPStatus.CONFLICT, 109)
        for predicate in (
            ["eq", USERNAME, text],
            ["in", USERNAME, [text]],
            ["like", USERNAME, f"{text[0]}%{text[-1]}"],
            ["ilike", USERNAME, text],
            ["ilike", NICKNAME, f"%{text[1:]}"],
        ):
            assert await found(predicate) == [f"user/{user_id}"]
    for text in others:
        assert (await log_in(text)).status == HTTPStatus.NOT_FOUND
        for predicate in (["eq", USERNAME, text], ["ilike", NICKNAME, text]):
            assert await found(predicate) == []


def test_no_statement_uses_a_function_of_the_database() -> None:
    """They depend on its locale, and SQLite's on how it was built."""
    package = Path(skylogin.__file__).parent
    for path in package.rglob("*.py"):
        code = path.read_text("utf-8")
        assert not any(one in code for one in ("func.lower", "func.upper", ".ilike(", "initcap"))
