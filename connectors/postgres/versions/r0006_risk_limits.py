"""What a breach says besides: which way the limit was crossed, how far, since when, and by whose doing."""

from alembic import op

revision = "0006"
down_revision = "0005"

COLUMNS = (
    ("event", "varchar", "'RiskLimitBreached'"),
    ("measure", "varchar", "''"),
    ("utilisation", "double precision", None),
    ("remaining", "varchar", "''"),
    ("cause", "varchar", "'pre-trade'"),
    ("limit_version", "bigint", "0"),
    ("first_seen_at", "bigint", "0"),
    ("drivers", "varchar", "''"),
)


def upgrade() -> None:
    """Add the columns; rows that are there were breaches of checks before a trade."""
    for name, kind, before in COLUMNS:
        filled = "" if before is None else f" NOT NULL DEFAULT {before}"
        op.execute(f"ALTER TABLE breaches ADD COLUMN {name} {kind}{filled}")
