"""The first tables."""

import sqlalchemy as sa
from alembic import op
from skylogin.database.dialect import Json
from skylogin.database.dialect import Timestamp as Moment

revision = "0001"
down_revision = None


def upgrade() -> None:
    op.create_table(
        "settings",
        sa.Column("app", sa.Text(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("value", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("app", "name", name="pk_settings"),
    )
    op.create_table(
        "custom_token_secrets",
        sa.Column("app", sa.Text(), nullable=False),
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("secret", sa.Text(), nullable=False),
        sa.Column("created_at", Moment(), nullable=False),
        sa.Column("ends_at", Moment()),
        sa.PrimaryKeyConstraint("app", "id", name="pk_custom_token_secrets"),
    )
    op.create_table(
        "users",
        sa.Column("app", sa.Text(), nullable=False),
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("password_hash", sa.Text()),
        sa.Column("provider_info", Json()),
        sa.Column("token_valid_since", Moment()),
        sa.Column("last_seen_at", Moment()),
        sa.Column("disabled", sa.Boolean(), nullable=False, server_default=sa.false()),
        sa.Column("disabled_message", sa.Text()),
        sa.Column("disabled_expiry", Moment()),
        sa.PrimaryKeyConstraint("app", "id", name="pk_users"),
    )
    op.create_table(
        "principals",
        sa.Column("app", sa.Text(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("provider", sa.Text(), nullable=False),
        sa.Column("principal", sa.Text(), nullable=False),
        sa.Column("user_id", sa.Text(), nullable=False),
        sa.Column("created_at", Moment(), nullable=False),
        sa.PrimaryKeyConstraint("app", "kind", "provider", "principal", name="pk_principals"),
    )
    op.create_index(
        "uq_principals_user", "principals", ["app", "kind", "provider", "user_id"], unique=True
    )
    op.create_table(
        "records",
        sa.Column("app", sa.Text(), nullable=False),
        sa.Column("database_id", sa.Text(), nullable=False),
        sa.Column("type", sa.Text(), nullable=False),
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("owner_id", sa.Text(), nullable=False),
        sa.Column("access", Json()),
        sa.Column("created_at", Moment(), nullable=False),
        sa.Column("created_by", sa.Text(), nullable=False),
        sa.Column("updated_at", Moment(), nullable=False),
        sa.Column("updated_by", sa.Text(), nullable=False),
        sa.Column("data", Json(), nullable=False),
        sa.PrimaryKeyConstraint("app", "database_id", "type", "id", name="pk_records"),
    )
    op.create_table(
        "record_fields",
        sa.Column("app", sa.Text(), nullable=False),
        sa.Column("type", sa.Text(), nullable=False),
        sa.Column("field", sa.Text(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("target", sa.Text(), nullable=False),
        sa.Column("column_type", sa.Text(), nullable=False),
        sa.Column("next_value", sa.Integer()),
        sa.PrimaryKeyConstraint("app", "type", "field", name="pk_record_fields"),
    )
    op.create_table(
        "auth_keys",
        sa.Column("app", sa.Text(), nullable=False),
        sa.Column("key", sa.Text(), nullable=False),
        sa.Column("folded", sa.Text(), nullable=False),
        sa.Column("user_id", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("app", "key", "folded", name="pk_auth_keys"),
    )
    op.create_table(
        "roles",
        sa.Column("app", sa.Text(), nullable=False),
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("by_default", sa.Boolean(), nullable=False, server_default=sa.false()),
        sa.Column("is_admin", sa.Boolean(), nullable=False, server_default=sa.false()),
        sa.PrimaryKeyConstraint("app", "id", name="pk_roles"),
    )
    op.create_table(
        "user_roles",
        sa.Column("app", sa.Text(), nullable=False),
        sa.Column("user_id", sa.Text(), nullable=False),
        sa.Column("role", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("app", "user_id", "role", name="pk_user_roles"),
    )
    op.create_table(
        "journal",
        sa.Column("app", sa.Text(), nullable=False),
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("at", Moment(), nullable=False),
        sa.Column("accepted", sa.Boolean(), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("subject", sa.Text(), nullable=False),
        sa.Column("user_id", sa.Text(), nullable=False),
        sa.Column("details", Json(), nullable=False),
        sa.PrimaryKeyConstraint("app", "id", name="pk_journal"),
    )
    if op.get_bind().dialect.name == "postgresql":
        op.execute("ALTER TABLE users SET (fillfactor = 60)")
        op.execute("ALTER TABLE records SET (fillfactor = 60)")


def downgrade() -> None:
    op.drop_table("journal")
    op.drop_table("user_roles")
    op.drop_table("roles")
    op.drop_table("auth_keys")
    op.drop_table("record_fields")
    op.drop_table("records")
    op.drop_table("principals")
    op.drop_table("users")
    op.drop_table("custom_token_secrets")
    op.drop_table("settings")
