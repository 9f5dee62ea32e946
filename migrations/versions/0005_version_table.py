"""The version table is called `skylogin_version`; it was `alembic_version`.

`version_table.take_over` has moved the version before Alembic looks for it. The number keeps
earlier servers off the database, which would take it for an empty one.
"""

revision = "0005"
down_revision = "0004"


def upgrade() -> None:
    pass


def downgrade() -> None:
    pass
