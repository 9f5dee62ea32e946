"""What a user logs in as and is called, found by the user: a page of many users is quick then."""

from alembic import op

revision = "0004"
down_revision = "0003"

INDEX = "uq_principals_user"


def upgrade() -> None:
    op.drop_index(INDEX, "principals")
    op.create_index(INDEX, "principals", ["app", "user_id", "kind", "provider"], unique=True)
    op.create_index("ix_auth_keys_user", "auth_keys", ["app", "user_id", "key"])


def downgrade() -> None:
    op.drop_index("ix_auth_keys_user", "auth_keys")
    op.drop_index(INDEX, "principals")
    op.create_index(INDEX, "principals", ["app", "kind", "provider", "user_id"], unique=True)
