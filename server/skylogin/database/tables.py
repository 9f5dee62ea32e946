"""The tables, as SQLAlchemy Core sees them. Every primary key begins with the app.

Ids of users and records are text, because the original knows `_god` and ids
chosen by clients. Nothing here needs more than a PostgreSQL-compatible
distributed database has: no sequences, no advisory locks.
"""

from sqlalchemy import DDL, Boolean, Column, Index, Integer, MetaData, String, Table, Text, event
from sqlalchemy.sql import expression

from skylogin.database.dialect import Json, Plain, Timestamp

VERSION = "0004"

metadata = MetaData(
    naming_convention={
        "ix": "ix_%(table_name)s_%(column_0_N_name)s",
        "uq": "uq_%(table_name)s_%(column_0_N_name)s",
        "pk": "pk_%(table_name)s",
    }
)

# Alembic's own table, so that creating and migrating leave the same mark.
alembic_version = Table(
    "alembic_version",
    MetaData(),
    Column("version_num", String(32), primary_key=True),
)

# Every app but the one of the environment. One that was made by being used has no
# keys of its own: it goes by those of the environment.
apps = Table(
    "apps",
    metadata,
    Column("app", Text, primary_key=True),
    Column("api_key", Text),
    Column("master_key", Text),
    Column("created_at", Timestamp, nullable=False),
)

settings = Table(
    "settings",
    metadata,
    Column("app", Text, primary_key=True),
    Column("name", Text, primary_key=True),
    Column("value", Text, nullable=False),
)

custom_token_secrets = Table(
    "custom_token_secrets",
    metadata,
    Column("app", Text, primary_key=True),
    Column("id", Text, primary_key=True),
    Column("secret", Text, nullable=False),
    Column("created_at", Timestamp, nullable=False),
    # Not accepted on and after this time; null while no end is set.
    Column("ends_at", Timestamp),
)

users = Table(
    "users",
    metadata,
    Column("app", Text, primary_key=True),
    Column("id", Text, primary_key=True),
    Column("password_hash", Text),
    Column("provider_info", Json),
    Column("token_valid_since", Timestamp),
    Column("last_seen_at", Timestamp),
    Column("disabled", Boolean, nullable=False, server_default=expression.false()),
    Column("disabled_message", Text),
    Column("disabled_expiry", Timestamp),
)

principals = Table(
    "principals",
    metadata,
    Column("app", Text, primary_key=True),
    Column("kind", Text, primary_key=True),
    Column("provider", Text, primary_key=True),
    Column("principal", Plain, primary_key=True),
    Column("user_id", Text, nullable=False),
    Column("created_at", Timestamp, nullable=False),
    # What an OAuth provider said, as the one who links hands it over.
    Column("updated_at", Timestamp),
    Column("token_response", Json),
    Column("profile", Json),
    # The user comes first: all that somebody has are looked up as well.
    Index("uq_principals_user", "app", "user_id", "kind", "provider", unique=True),
)

records = Table(
    "records",
    metadata,
    Column("app", Text, primary_key=True),
    Column("database_id", Text, primary_key=True),
    Column("type", Text, primary_key=True),
    Column("id", Text, primary_key=True),
    Column("owner_id", Text, nullable=False),
    Column("access", Json),
    Column("created_at", Timestamp, nullable=False),
    Column("created_by", Text, nullable=False),
    Column("updated_at", Timestamp, nullable=False),
    Column("updated_by", Text, nullable=False),
    Column("data", Json, nullable=False),
    # For users in the order in which they came. It begins with less than the primary key: who
    # looks for one of them would be taken through all of it, before there are statistics.
    Index("ix_records_created", "app", "type", "created_at", "id", "database_id"),
)

record_types = Table(
    "record_types",
    metadata,
    Column("app", Text, primary_key=True),
    Column("type", Text, primary_key=True),
    # False while only its rules are there, and the type itself is still to come.
    Column("made", Boolean, nullable=False),
    # What a new record of the type gets as its access list; null while nothing is set.
    Column("default_access", Json),
    # The roles that may create; null and the empty list mean everybody.
    Column("create_roles", Json),
)

record_fields = Table(
    "record_fields",
    metadata,
    Column("app", Text, primary_key=True),
    Column("type", Text, primary_key=True),
    Column("field", Text, primary_key=True),
    Column("kind", Text, nullable=False),
    Column("target", Text, nullable=False),
    Column("column_type", Text, nullable=False),
    Column("next_value", Integer),
)

# Who holds a user name or an e-mail: the uniqueness that AUTH_RECORD_KEYS asks for.
auth_keys = Table(
    "auth_keys",
    metadata,
    Column("app", Text, primary_key=True),
    Column("key", Text, primary_key=True),
    Column("folded", Plain, primary_key=True),
    Column("user_id", Text, nullable=False),
    # For a search that is about one user after the other.
    Index("ix_auth_keys_user", "app", "user_id", "key"),
)

roles = Table(
    "roles",
    metadata,
    Column("app", Text, primary_key=True),
    Column("id", Text, primary_key=True),
    Column("by_default", Boolean, nullable=False, server_default=expression.false()),
    Column("is_admin", Boolean, nullable=False, server_default=expression.false()),
)

user_roles = Table(
    "user_roles",
    metadata,
    Column("app", Text, primary_key=True),
    Column("user_id", Text, primary_key=True),
    Column("role", Text, primary_key=True),
)

# Which users may do what with which fields; `*` stands for every type or field.
field_access = Table(
    "field_access",
    metadata,
    Column("app", Text, primary_key=True),
    Column("type", Text, primary_key=True),
    Column("field", Text, primary_key=True),
    Column("user_role", Text, primary_key=True),
    Column("writable", Boolean, nullable=False),
    Column("readable", Boolean, nullable=False),
    Column("comparable", Boolean, nullable=False),
    Column("discoverable", Boolean, nullable=False),
)

# Earlier passwords, for the policy that none is used again.
password_history = Table(
    "password_history",
    metadata,
    Column("app", Text, primary_key=True),
    Column("user_id", Text, primary_key=True),
    Column("logged_at", Timestamp, primary_key=True),
    Column("password_hash", Text, nullable=False),
)

# Ids are UUIDv7, so that the primary key is also the order in time. What nobody
# searches by is in `details`.
journal = Table(
    "journal",
    metadata,
    Column("app", Text, primary_key=True),
    Column("id", Text, primary_key=True),
    Column("at", Timestamp, nullable=False),
    Column("accepted", Boolean, nullable=False),
    Column("reason", Text, nullable=False),
    Column("subject", Text, nullable=False),
    Column("user_id", Text, nullable=False),
    Column("details", Json, nullable=False),
    # Which secret signed the token; empty where none did.
    Column("secret_id", Text, nullable=False, server_default=""),
)

# How many attempts to log in ended how, by the minute. The journal may leave refusals
# out, and forgets; this is what the overview counts by.
login_counts = Table(
    "login_counts",
    metadata,
    Column("app", Text, primary_key=True),
    Column("minute", Timestamp, primary_key=True),
    Column("reason", Text, primary_key=True),
    Column("number", Integer, nullable=False),
)

# How often a custom token secret, or the one of the environment, verified a login.
secret_uses = Table(
    "secret_uses",
    metadata,
    Column("app", Text, primary_key=True),
    Column("secret_id", Text, primary_key=True),
    Column("day", Timestamp, primary_key=True),
    Column("uses", Integer, nullable=False),
    Column("last_used_at", Timestamp, nullable=False),
)

# Who is signed in to the portal. The id is a hash: the cookie cannot be read here.
operator_sessions = Table(
    "operator_sessions",
    metadata,
    Column("app", Text, primary_key=True),
    Column("id", Text, primary_key=True),
    Column("created_at", Timestamp, nullable=False),
    Column("last_used_at", Timestamp, nullable=False),
)

# Ids are UUIDv7, so that the primary key is also the order in time.
operator_audit = Table(
    "operator_audit",
    metadata,
    Column("app", Text, primary_key=True),
    Column("id", Text, primary_key=True),
    Column("at", Timestamp, nullable=False),
    Column("act", Text, nullable=False),
    Column("target", Text, nullable=False),
    Column("via", Text, nullable=False),
    Column("address", Text, nullable=False),
    Column("details", Json, nullable=False),
)

# Every login changes its user and record: with room in their page no index has to
# change. As a statement of its own, because the table's own option would have
# SQLAlchemy import all of PostgreSQL at every start.
for table in (users, records):
    room = DDL(  # type: ignore[no-untyped-call]
        "ALTER TABLE %(table)s SET (fillfactor = 60)"
    ).execute_if(dialect="postgresql")
    event.listen(table, "after_create", room)
