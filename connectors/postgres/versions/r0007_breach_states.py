"""Where a breach stands, until when it is waived, and which command said so."""

from alembic import op

revision = "0007"
down_revision = "0006"

COLUMNS = (("state", "varchar", "''"), ("waived_until", "bigint", "0"), ("control_id", "varchar", "''"))


def upgrade() -> None:
    """Add the columns; of rows that are there nobody has said anything."""
    for name, kind, before in COLUMNS:
        op.execute(f"ALTER TABLE breaches ADD COLUMN {name} {kind} NOT NULL DEFAULT {before}")
