"""What operators look at and do: counts of logins, uses of secrets, sessions, the audit log."""

import sqlalchemy as sa
from alembic import op
from skylogin.database.dialect import PLAIN_TEXT, Json
from skylogin.database.dialect import Timestamp as Moment

revision = "0003"
down_revision = "0002"


PLAIN = (("principals", "principal"), ("auth_keys", "folded"))


JOURNAL = sa.table("journal", sa.column("secret_id"), sa.column("details"))


def upgrade() -> None:
    if op.get_bind().dialect.name == "postgresql":
        # SQLite has no other order.
        for table, column in PLAIN:
            op.alter_column(table, column, type_=PLAIN_TEXT, existing_nullable=False)
    op.create_index(
        "ix_records_created", "records", ["app", "database_id", "type", "created_at", "id"]
    )
    op.add_column("journal", sa.Column("secret_id", sa.Text(), nullable=False, server_default=""))
    secret_id = sa.func.json_extract(JOURNAL.c.details, "$.secret_id")
    if op.get_bind().dialect.name == "postgresql":
        secret_id = JOURNAL.c.details.op("->>")("secret_id")
    op.execute(JOURNAL.update().values(secret_id=sa.func.coalesce(secret_id, "")))
    op.create_table(
        "login_counts",
        sa.Column("app", sa.Text(), nullable=False),
        sa.Column("minute", Moment(), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("number", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("app", "minute", "reason", name="pk_login_counts"),
    )
    op.create_table(
        "secret_uses",
        sa.Column("app", sa.Text(), nullable=False),
        sa.Column("secret_id", sa.Text(), nullable=False),
        sa.Column("day", Moment(), nullable=False),
        sa.Column("uses", sa.Integer(), nullable=False),
        sa.Column("last_used_at", Moment(), nullable=False),
        sa.PrimaryKeyConstraint("app", "secret_id", "day", name="pk_secret_uses"),
    )
    op.create_table(
        "operator_sessions",
        sa.Column("app", sa.Text(), nullable=False),
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("created_at", Moment(), nullable=False),
        sa.Column("last_used_at", Moment(), nullable=False),
        sa.PrimaryKeyConstraint("app", "id", name="pk_operator_sessions"),
    )
    op.create_table(
        "operator_audit",
        sa.Column("app", sa.Text(), nullable=False),
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("at", Moment(), nullable=False),
        sa.Column("act", sa.Text(), nullable=False),
        sa.Column("target", sa.Text(), nullable=False),
        sa.Column("via", sa.Text(), nullable=False),
        sa.Column("address", sa.Text(), nullable=False),
        sa.Column("details", Json(), nullable=False),
        sa.PrimaryKeyConstraint("app", "id", name="pk_operator_audit"),
    )


def downgrade() -> None:
    if op.get_bind().dialect.name == "postgresql":
        for table, column in PLAIN:
            op.alter_column(table, column, type_=sa.Text(), existing_nullable=False)
    for table in ("operator_audit", "operator_sessions", "secret_uses", "login_counts"):
        op.drop_table(table)
    op.drop_index("ix_records_created", "records")
    op.drop_column("journal", "secret_id")
