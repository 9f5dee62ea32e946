"""Devices of users."""

import sqlalchemy as sa
from alembic import op
from skylogin.database.dialect import Timestamp

revision = "0006"
down_revision = "0005"


def upgrade() -> None:
    op.create_table(
        "devices",
        sa.Column("app", sa.Text(), nullable=False),
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("user_id", sa.Text()),
        sa.Column("type", sa.Text(), nullable=False),
        sa.Column("token", sa.Text()),
        sa.Column("topic", sa.Text()),
        sa.Column("last_registered_at", Timestamp(), nullable=False),
        sa.PrimaryKeyConstraint("app", "id", name="pk_devices"),
    )
    op.create_index("ix_devices_user", "devices", ["app", "user_id"])
    op.create_index("ix_devices_token", "devices", ["app", "token"])


def downgrade() -> None:
    op.drop_table("devices")
