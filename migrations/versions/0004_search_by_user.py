"""Indexes that find a page of 100,000 users quickly, with or without statistics."""

from alembic import op

revision = "0004"
down_revision = "0003"

PRINCIPALS, RECORDS, KEYS = "uq_principals_user", "ix_records_created", "ix_auth_keys_user"


def upgrade() -> None:
    op.drop_index(PRINCIPALS, "principals")
    op.create_index(PRINCIPALS, "principals", ["app", "user_id", "kind", "provider"], unique=True)
    op.create_index(KEYS, "auth_keys", ["app", "user_id", "key"])
    op.drop_index(RECORDS, "records")
    op.create_index(RECORDS, "records", ["app", "type", "created_at", "id", "database_id"])


def downgrade() -> None:
    op.drop_index(RECORDS, "records")
    op.create_index(RECORDS, "records", ["app", "database_id", "type", "created_at", "id"])
    op.drop_index(KEYS, "auth_keys")
    op.drop_index(PRINCIPALS, "principals")
    op.create_index(PRINCIPALS, "principals", ["app", "kind", "provider", "user_id"], unique=True)
