"""Imports from the original: their progress and reports, and the origin of imported rows."""

import sqlalchemy as sa
from alembic import op
from skylogin.database.dialect import Json, Timestamp

revision = "0008"
down_revision = "0007"


def upgrade() -> None:
    op.create_table(
        "imports",
        sa.Column("app", sa.Text, nullable=False),
        sa.Column("id", sa.Text, nullable=False),
        sa.Column("origin", sa.Text, nullable=False),
        sa.Column("started_at", Timestamp, nullable=False),
        sa.Column("updated_at", Timestamp, nullable=False),
        sa.Column("finished_at", Timestamp),
        sa.Column("done", sa.Integer, nullable=False),
        sa.Column("total", sa.Integer, nullable=False),
        sa.Column("report", Json),
        sa.PrimaryKeyConstraint("app", "id", name="pk_imports"),
    )
    for table in ("users", "records"):
        op.add_column(table, sa.Column("origin", sa.Text))


def downgrade() -> None:
    for table in ("users", "records"):
        op.drop_column(table, "origin")
    op.drop_table("imports")
