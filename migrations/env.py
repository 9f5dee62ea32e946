"""How Alembic runs our migrations: on the connection that `skylogin migrate` hands over."""

from alembic import context
from skylogin.database.tables import metadata
from skylogin.database.version_table import version_table

connection = context.config.attributes.get("connection")
if connection is None:
    raise SystemExit("run `skylogin migrate`: it opens the database and holds the lock")

context.configure(
    connection=connection,
    target_metadata=metadata,
    version_table=version_table.name,
    # SQLite cannot alter most of a table; Alembic copies it instead.
    render_as_batch=connection.dialect.name == "sqlite",
)
with context.begin_transaction():
    context.run_migrations()
