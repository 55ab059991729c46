"""Commands that take two persons: the first of them, and that the second is another."""

from alembic import op

revision = "0005"
down_revision = "0004"


def upgrade() -> None:
    """Add the column; rows that are there say nothing in it."""
    op.execute("ALTER TABLE controls ADD COLUMN maker varchar NOT NULL DEFAULT ''")
    op.execute("ALTER TABLE controls ALTER COLUMN maker DROP DEFAULT")
    op.execute("ALTER TABLE controls ADD CONSTRAINT controls_two_persons CHECK (maker = '' OR maker <> who)")
    op.execute(
        "ALTER TABLE controls ADD CONSTRAINT controls_two_needed "
        "CHECK (kind NOT IN ('release', 'approve', 'override') OR maker <> '')"
    )
