"""Whether a commit waits for the disk."""

from pathlib import Path

import pytest
from skylogin.store import open_store
from sqlalchemy import text

FULL, OFF = 2, 0


@pytest.mark.parametrize(("durable", "level"), [(True, FULL), (False, OFF)])
async def test_a_commit_waits_for_the_disk_where_it_has_to(
    durable: bool, level: int, tmp_path: Path
) -> None:
    """It does unless everything goes away with the server."""
    store = open_store(f"sqlite:///{tmp_path}/skylogin.db", durable=durable)
    try:
        found = await store.run(lambda tx: tx.connection.execute(text("PRAGMA synchronous")))
        assert found.scalar_one() == level
    finally:
        await store.close()
