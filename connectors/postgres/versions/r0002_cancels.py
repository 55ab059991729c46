"""Cancel requests, commands to the desk, and whether a fill was added to the market or taken from it."""

from alembic import op

revision = "0002"
down_revision = "0001"

ROLE = "ita_desk"

TABLES = """
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
CREATE TABLE controls (
    event_at bigint NOT NULL, known_at bigint NOT NULL, received_at bigint NOT NULL, source varchar NOT
    NULL, sequence bigint NOT NULL, record_id varchar NOT NULL, schema_version bigint NOT NULL,
    command_id varchar NOT NULL, kind varchar NOT NULL, wanted varchar NOT NULL, scope varchar NOT NULL,
    mode varchar NOT NULL, who varchar NOT NULL, reason varchar NOT NULL, details varchar NOT NULL,
    "Text" varchar NOT NULL, PRIMARY KEY (record_id)
);
CREATE INDEX controls_by_event_at ON controls (event_at);
CREATE INDEX controls_by_command_id ON controls (command_id);
"""


def upgrade() -> None:
    """Add the tables and the column; rows that are there say nothing in it."""
    for statement in TABLES.split(";\n"):
        op.execute(statement)
    op.execute('ALTER TABLE executions ADD COLUMN "LastLiquidityInd" bigint')
    for name in ("cancels", "controls"):
        op.execute(
            f"CREATE TRIGGER append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON {name} "
            f"FOR EACH STATEMENT EXECUTE FUNCTION refuse_change()"
        )
        op.execute(f"REVOKE ALL ON {name} FROM PUBLIC, {ROLE}")
        op.execute(f"GRANT SELECT, INSERT ON {name} TO {ROLE}")
