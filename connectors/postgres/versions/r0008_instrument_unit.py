"""The unit of an instrument: what its quantities count, a share or the step in which a coin is traded."""

from alembic import op

revision = "0008"
down_revision = "0007"


def upgrade() -> None:
    """Add the column; rows that are there were of whole shares and contracts."""
    op.execute("ALTER TABLE instruments ADD COLUMN unit varchar NOT NULL DEFAULT '1'")
    op.execute("ALTER TABLE instruments ALTER COLUMN unit DROP DEFAULT")
