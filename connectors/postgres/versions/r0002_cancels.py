"""Cancel requests, and whether a fill was added to the market or taken from it."""

from alembic import op

revision = "0002"
down_revision = "0001"

ROLE = "ita_desk"

TABLE = """
CREATE TABLE cancels (
    event_at bigint NOT NULL, known_at bigint NOT NULL, received_at bigint NOT NULL, source varchar NOT
    NULL, sequence bigint NOT NULL, record_id varchar NOT NULL, schema_version bigint NOT NULL,
    "ClOrdID" varchar NOT NULL, "OrigClOrdID" varchar NOT NULL, "OrderID" varchar NOT NULL, "Account"
    varchar NOT NULL, strategy varchar NOT NULL, "Symbol" varchar NOT NULL, "Side" varchar NOT NULL,
    "OrderQty" bigint NOT NULL, "TransactTime" bigint NOT NULL, "ExDestination" varchar NOT NULL,
    "Text" varchar NOT NULL, PRIMARY KEY (record_id)
);
CREATE INDEX cancels_by_orderid ON cancels ("OrderID");
CREATE INDEX cancels_by_origclordid ON cancels ("OrigClOrdID");
CREATE INDEX cancels_by_symbol_event_at ON cancels ("Symbol", event_at);
"""


def upgrade() -> None:
    """Add the table and the column; rows that are there say nothing in it."""
    for statement in TABLE.split(";\n"):
        op.execute(statement)
    op.execute('ALTER TABLE executions ADD COLUMN "LastLiquidityInd" bigint')
    op.execute(
        "CREATE TRIGGER append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON cancels "
        "FOR EACH STATEMENT EXECUTE FUNCTION refuse_change()"
    )
    op.execute(f"REVOKE ALL ON cancels FROM PUBLIC, {ROLE}")
    op.execute(f"GRANT SELECT, INSERT ON cancels TO {ROLE}")
