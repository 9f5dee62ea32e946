"""The search for users uses indexes, with any number of users."""

from typing import Any

import pytest
from skylogin.database import Store, Transaction
from skylogin.database.tables import auth_keys, principals
from skylogin.store import user_search
from skylogin.store.user_search import Search
from sqlalchemy import insert, text

from tests.factories import NOW

APP = "myapp"
SEARCHES = {
    "one": Search(text="person7"),
    "its next page": Search(
        text="person7", cursor="WyIyMDI2LTAxLTAyVDAzOjA0OjA1LjAwMDAwMFoiLCAieCJd"
    ),
    "a subject": Search(subject="person7"),
    "all": Search(),
    "by id": Search(sort="id"),
}


class Listener:
    """A connection that records its statements and their values."""

    def __init__(self, connection: Any) -> None:
        self._connection = connection
        self.dialect = connection.dialect
        self.statements: list[tuple[Any, dict[str, Any]]] = []

    async def execute(self, statement: Any, parameters: Any = None) -> Any:
        """Execute a statement."""
        self.statements.append((statement, parameters or {}))
        return await self._connection.execute(statement, parameters)


async def fill(tx: Transaction) -> None:
    """Add enough rows for the choice of an index to matter."""
    numbers = range(3000)
    people = [
        {
            "app": APP, "kind": "custom_token", "provider": "", "principal": f"person{number}",
            "user_id": str(number), "created_at": NOW,
        }
        for number in numbers
    ]  # fmt: skip
    keys = [
        {"app": APP, "key": "username", "folded": f"person{number}", "user_id": str(number)}
        for number in numbers
    ]
    await tx.connection.execute(insert(principals), people)
    await tx.connection.execute(insert(auth_keys), keys)
    await tx.connection.execute(text("ANALYZE principals, auth_keys"))


@pytest.mark.parametrize("search", SEARCHES.values(), ids=SEARCHES)
async def test_a_search_reads_no_whole_table(search: Search, store: Store) -> None:
    """Neither users nor the tables that the search uses."""

    async def explain(tx: Transaction) -> str:
        connection: Any = tx.connection
        listener: Any = Listener(connection)
        tx.connection = listener
        await user_search.find(tx, APP, search)
        how = {"literal_binds": True}
        statement, values = listener.statements[0]
        statement = statement.params(values)
        sql = str(statement.compile(dialect=connection.dialect, compile_kwargs=how))
        # A colon would begin a parameter.
        sql = sql.replace(":", "\\:")
        if tx.dialect == "sqlite":
            rows = await connection.execute(text(f"EXPLAIN QUERY PLAN {sql}"))
            return "\n".join(row.detail for row in rows)
        await fill(tx)
        # Otherwise small tables such as the others are scanned.
        await connection.execute(text("SET LOCAL enable_seqscan = off"))
        rows = await connection.execute(text(f"EXPLAIN {sql}"))
        return "\n".join(row[0] for row in rows)

    plan = await store.run(explain)

    lines = [line.strip() for line in plan.splitlines()]
    if store.dialect == "sqlite":
        whole = tuple(f"SCAN {name}" for name in ("users", "records", "principals", "auth_keys"))
        assert [line for line in lines if line.startswith(whole)] == [], plan
        by_index = ["principals"] if search.text or search.subject else ["records"]
        for name in [*by_index, "auth_keys"] if search.text else by_index:
            assert any(line.startswith(f"SEARCH {name} USING") for line in lines), plan
    else:
        assert "Seq Scan" not in plan
        if search.text:
            conditions = [line for line in lines if line.startswith("Index Cond")]
            assert any("(principal)::text >= " in line for line in conditions), plan
            assert any("(folded)::text >= " in line for line in conditions), plan
