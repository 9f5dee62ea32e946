"""Apps, passwords, OAuth principals, and what belongs to records of any type."""

import sqlalchemy as sa
from alembic import op
from skylogin.database.dialect import Json
from skylogin.database.dialect import Timestamp as Moment

revision = "0002"
down_revision = "0001"


def upgrade() -> None:
    op.add_column("principals", sa.Column("updated_at", Moment()))
    op.add_column("principals", sa.Column("token_response", Json()))
    op.add_column("principals", sa.Column("profile", Json()))
    op.create_table(
        "apps",
        sa.Column("app", sa.Text(), nullable=False),
        sa.Column("api_key", sa.Text()),
        sa.Column("master_key", sa.Text()),
        sa.Column("created_at", Moment(), nullable=False),
        sa.PrimaryKeyConstraint("app", name="pk_apps"),
    )
    op.create_table(
        "record_types",
        sa.Column("app", sa.Text(), nullable=False),
        sa.Column("type", sa.Text(), nullable=False),
        sa.Column("made", sa.Boolean(), nullable=False),
        sa.Column("default_access", Json()),
        sa.Column("create_roles", Json()),
        sa.PrimaryKeyConstraint("app", "type", name="pk_record_types"),
    )
    op.create_table(
        "field_access",
        sa.Column("app", sa.Text(), nullable=False),
        sa.Column("type", sa.Text(), nullable=False),
        sa.Column("field", sa.Text(), nullable=False),
        sa.Column("user_role", sa.Text(), nullable=False),
        sa.Column("writable", sa.Boolean(), nullable=False),
        sa.Column("readable", sa.Boolean(), nullable=False),
        sa.Column("comparable", sa.Boolean(), nullable=False),
        sa.Column("discoverable", sa.Boolean(), nullable=False),
        sa.PrimaryKeyConstraint("app", "type", "field", "user_role", name="pk_field_access"),
    )
    op.create_table(
        "password_history",
        sa.Column("app", sa.Text(), nullable=False),
        sa.Column("user_id", sa.Text(), nullable=False),
        sa.Column("logged_at", Moment(), nullable=False),
        sa.Column("password_hash", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("app", "user_id", "logged_at", name="pk_password_history"),
    )


def downgrade() -> None:
    op.drop_table("password_history")
    op.drop_table("field_access")
    op.drop_table("record_types")
    op.drop_table("apps")
    for column in ("profile", "token_response", "updated_at"):
        op.drop_column("principals", column)
