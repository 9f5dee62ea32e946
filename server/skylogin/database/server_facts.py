"""Facts about a PostgreSQL server, for operators."""

from dataclasses import dataclass

from sqlalchemy import text

from skylogin.database import postgresql
from skylogin.database.transaction import Transaction

_QUERY = text(
    "SELECT current_setting('server_version_num')::int / 10000,"
    " current_setting('synchronous_commit'), current_setting('synchronous_standby_names'),"
    " current_setting('max_connections')::int,"
    " current_setting('superuser_reserved_connections')::int,"
    " (SELECT count(*) FROM pg_stat_activity WHERE backend_type = 'client backend')"
)


@dataclass(frozen=True, slots=True)
class PostgresqlFacts:
    """A PostgreSQL server: its major version, how it commits, and its connections."""

    version: int
    synchronous_commit: str
    standbys: str
    connections_max: int
    connections_free: int
    connections_per_process: int


async def load(tx: Transaction) -> PostgresqlFacts:
    """Return the facts about the server of *tx*."""
    row = (await tx.connection.execute(_QUERY)).one()
    version, commit, standbys, most, reserved, used = row
    each = postgresql.CONNECTIONS_MAX + postgresql.QUERIES_MAX
    return PostgresqlFacts(version, commit, standbys, most, most - reserved - used, each)
