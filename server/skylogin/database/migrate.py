"""Upgrades a database with Alembic, whose import is on the start-up list."""

from pathlib import Path

from alembic import command
from alembic.config import Config
from sqlalchemy.engine import Connection

from skylogin.database import Store, version_table


def migrations_directory() -> Path:
    """Return the directory of the migrations: in the package, or beside `server/` in a checkout."""
    package = Path(__file__).parents[1]
    packaged = package / "migrations"
    return packaged if packaged.is_dir() else package.parents[1] / "migrations"


async def upgrade(store: Store) -> None:
    """Apply the migrations that *store* lacks, in one transaction, one node at a time."""
    await store.migrate(_upgrade)


def _upgrade(connection: Connection) -> None:
    version_table.take_over(connection)
    config = Config()
    config.set_main_option("script_location", str(migrations_directory()).replace("%", "%%"))
    config.attributes["connection"] = connection
    command.upgrade(config, "head")
