"""The tables, in SQLAlchemy Core. Every primary key begins with the app.

Ids of users and records are text, because the original has `_god` and ids chosen
by clients. The tables also work on PostgreSQL-compatible distributed databases,
without sequences and advisory locks.
"""

from sqlalchemy import (
    DDL,
    BigInteger,
    Boolean,
    Column,
    Index,
    Integer,
    MetaData,
    Table,
    Text,
    event,
)
from sqlalchemy.sql import expression

from skylogin.database.dialect import PLAIN_TEXT, Json, Timestamp

VERSION = "0009"

metadata = MetaData(
    naming_convention={
        "ix": "ix_%(table_name)s_%(column_0_N_name)s",
        "uq": "uq_%(table_name)s_%(column_0_N_name)s",
        "pk": "pk_%(table_name)s",
    }
)

# Every app except the default app. An app made at its first use has no keys of its
# own and uses those of the default app.
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
    # Where an imported user comes from.
    Column("origin", Text),
)

principals = Table(
    "principals",
    metadata,
    Column("app", Text, primary_key=True),
    Column("kind", Text, primary_key=True),
    Column("provider", Text, primary_key=True),
    Column("principal", PLAIN_TEXT, primary_key=True),
    Column("user_id", Text, nullable=False),
    Column("created_at", Timestamp, nullable=False),
    # What the OAuth provider returned, as passed by the client that links.
    Column("updated_at", Timestamp),
    Column("token_response", Json),
    Column("profile", Json),
    # The user comes first, to look up all principals of a user.
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
    Column("origin", Text),
    # For users in the order of creation. It shares only two columns with the primary key:
    # without statistics, a look-up of one record could otherwise scan all of this index.
    Index("ix_records_created", "app", "type", "created_at", "id", "database_id"),
)

record_types = Table(
    "record_types",
    metadata,
    Column("app", Text, primary_key=True),
    Column("type", Text, primary_key=True),
    # False while the type has only rules and is not made yet.
    Column("made", Boolean, nullable=False),
    # The access list of new records of the type; null if not set.
    Column("default_access", Json),
    # The roles that may create records; null and the empty list mean all users.
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

# The owners of user names and e-mails, which AUTH_RECORD_KEYS makes unique.
auth_keys = Table(
    "auth_keys",
    metadata,
    Column("app", Text, primary_key=True),
    Column("key", Text, primary_key=True),
    Column("folded", PLAIN_TEXT, primary_key=True),
    Column("user_id", Text, nullable=False),
    # For searches that check one user after the other.
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

# Field rules; `*` stands for every type or field.
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

# Earlier passwords, which the policy may forbid using again.
password_history = Table(
    "password_history",
    metadata,
    Column("app", Text, primary_key=True),
    Column("user_id", Text, primary_key=True),
    Column("logged_at", Timestamp, primary_key=True),
    Column("password_hash", Text, nullable=False),
)

# Devices that apps registered for push notifications. An unregistered one has no user.
devices = Table(
    "devices",
    metadata,
    Column("app", Text, primary_key=True),
    Column("id", Text, primary_key=True),
    Column("user_id", Text),
    Column("type", Text, nullable=False),
    Column("token", Text),
    Column("topic", Text),
    Column("last_registered_at", Timestamp, nullable=False),
    Index("ix_devices_user", "app", "user_id"),
    Index("ix_devices_token", "app", "token"),
)

# The login log. Ids are UUIDv7, so the primary key is also the order in time. Values
# that searches do not use are in `details`. In SQL the table keeps its first name, so that
# databases need no migration.
login_log = Table(
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
    # The secret that signed the token; empty if none did.
    Column("secret_id", Text, nullable=False, server_default=""),
)

# Login attempts by minute and reason, for the overview. The login log may leave out
# refused attempts, and drops old ones.
login_counts = Table(
    "login_counts",
    metadata,
    Column("app", Text, primary_key=True),
    Column("minute", Timestamp, primary_key=True),
    Column("reason", Text, primary_key=True),
    Column("number", Integer, nullable=False),
)

# How often a custom token secret, stored or from the environment, verified a login.
secret_uses = Table(
    "secret_uses",
    metadata,
    Column("app", Text, primary_key=True),
    Column("secret_id", Text, primary_key=True),
    Column("day", Timestamp, primary_key=True),
    Column("uses", Integer, nullable=False),
    Column("last_used_at", Timestamp, nullable=False),
)

# Sessions of the portal. The id is a hash, so the cookie cannot be read here.
operator_sessions = Table(
    "operator_sessions",
    metadata,
    Column("app", Text, primary_key=True),
    Column("id", Text, primary_key=True),
    Column("created_at", Timestamp, nullable=False),
    Column("last_used_at", Timestamp, nullable=False),
)

# Ids are UUIDv7, so the primary key is also the order in time.
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

# Imports from the original, whose progress the server shows.
imports = Table(
    "imports",
    metadata,
    Column("app", Text, primary_key=True),
    # A UUIDv7: the order in time.
    Column("id", Text, primary_key=True),
    Column("origin", Text, nullable=False),
    Column("started_at", Timestamp, nullable=False),
    Column("updated_at", Timestamp, nullable=False),
    # Null while it runs, and for ever if it was killed.
    Column("finished_at", Timestamp),
    Column("done", Integer, nullable=False),
    Column("total", Integer, nullable=False),
    Column("report", Json),
)

# What each server used of the limits, by limit, key and window, for all apps.
limit_counts = Table(
    "limit_counts",
    metadata,
    Column("app", Text, primary_key=True),
    Column("name", Text, primary_key=True),
    Column("key", Text, primary_key=True),
    Column("ends_at", Timestamp, primary_key=True),
    Column("server", Text, primary_key=True),
    Column("number", BigInteger, nullable=False),
    # By the database's clock.
    Column("at", Timestamp, nullable=False),
)

# Every login changes its user and record; with free space in their pages, indexes do not
# change. This is a separate statement because the option of Table would make SQLAlchemy
# import all of its PostgreSQL dialect at every start.
for table in (users, records):
    room = DDL(  # type: ignore[no-untyped-call]
        "ALTER TABLE %(table)s SET (fillfactor = 60)"
    ).execute_if(dialect="postgresql")
    event.listen(table, "after_create", room)
