"""Instruments by venue, with permanent ids, names and terms."""

from alembic import op

revision = "0003"
down_revision = "0002"

ROLE = "ita_desk"

TABLES = """
CREATE TABLE listings (
    event_at bigint NOT NULL, known_at bigint NOT NULL, received_at bigint NOT NULL, source varchar NOT
    NULL, sequence bigint NOT NULL, record_id varchar NOT NULL, schema_version bigint NOT NULL,
    instrument_id varchar NOT NULL, venue varchar NOT NULL, ticker varchar NOT NULL, kind varchar NOT
    NULL, valid_from bigint NOT NULL, valid_to bigint, name varchar NOT NULL, figi varchar NOT NULL,
    isin varchar NOT NULL, currency varchar NOT NULL, sector varchar NOT NULL, calendar varchar NOT
    NULL, tick_size varchar NOT NULL, tick_bands varchar NOT NULL, lot_size varchar NOT NULL, multiplier
    varchar NOT NULL, PRIMARY KEY (record_id)
);
CREATE INDEX listings_by_instrument_id_venue_valid_from_known_at ON listings
    (instrument_id, venue, valid_from, known_at);
CREATE INDEX listings_by_ticker ON listings (ticker);
CREATE INDEX listings_by_figi ON listings (figi);
CREATE INDEX listings_by_isin ON listings (isin);
"""


def upgrade() -> None:
    """Add the table; it is append-only as the others are."""
    for statement in TABLES.split(";\n"):
        op.execute(statement)
    op.execute(
        "CREATE TRIGGER append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON listings "
        "FOR EACH STATEMENT EXECUTE FUNCTION refuse_change()"
    )
    op.execute(f"REVOKE ALL ON listings FROM PUBLIC, {ROLE}")
    op.execute(f"GRANT SELECT, INSERT ON listings TO {ROLE}")
