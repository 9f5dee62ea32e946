"""What each server took of the limits."""

import sqlalchemy as sa
from alembic import op
from skylogin.database.dialect import Timestamp

revision = "0009"
down_revision = "0008"


def upgrade() -> None:
    op.create_table(
        "limit_counts",
        sa.Column("app", sa.Text(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("key", sa.Text(), nullable=False),
        sa.Column("ends_at", Timestamp(), nullable=False),
        sa.Column("server", sa.Text(), nullable=False),
        sa.Column("number", sa.BigInteger(), nullable=False),
        sa.Column("at", Timestamp(), nullable=False),
        sa.PrimaryKeyConstraint("app", "name", "key", "ends_at", "server", name="pk_limit_counts"),
    )


def downgrade() -> None:
    op.drop_table("limit_counts")
