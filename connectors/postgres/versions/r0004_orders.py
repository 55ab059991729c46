"""Requests to a venue, what it says beyond plain executions, its drop copy, and the breaks between the two."""

from alembic import op

revision = "0004"
down_revision = "0003"

ROLE = "ita_desk"

ENVELOPE = """event_at bigint NOT NULL, known_at bigint NOT NULL, received_at bigint NOT NULL, source varchar NOT
    NULL, sequence bigint NOT NULL, record_id varchar NOT NULL, schema_version bigint NOT NULL"""
REPORT = """"ExecID" varchar NOT NULL, "OrderID" varchar NOT NULL, "ClOrdID" varchar NOT NULL, "Account" varchar NOT
    NULL, strategy varchar NOT NULL, "Symbol" varchar NOT NULL, "Side" varchar NOT NULL, "ExecType" varchar
    NOT NULL, "OrdStatus" varchar NOT NULL, "OrderQty" bigint NOT NULL, "LeavesQty" bigint NOT NULL,
    "CumQty" bigint NOT NULL, "AvgPx" varchar NOT NULL, "TransactTime" bigint NOT NULL, "LastQty" bigint NOT
    NULL, "LastPx" varchar, "LastMkt" varchar NOT NULL, "Commission" varchar NOT NULL, "Text" varchar NOT
    NULL, "LastLiquidityInd" bigint, "OrigClOrdID" varchar NOT NULL, "ExecRefID" varchar NOT NULL,
    "ExecRestatementReason" bigint, "Price" varchar, "StatusReqID" varchar NOT NULL, "PossDupFlag" boolean
    NOT NULL"""

TABLES = f"""
CREATE TABLE requests (
    {ENVELOPE}, "MsgType" varchar NOT NULL, "ClOrdID" varchar NOT NULL, "OrigClOrdID" varchar NOT NULL,
    "OrderID" varchar NOT NULL, "Account" varchar NOT NULL, strategy varchar NOT NULL, "Symbol" varchar NOT
    NULL, "Side" varchar NOT NULL, "OrderQty" bigint NOT NULL, "TransactTime" bigint NOT NULL, "Price"
    varchar, "Text" varchar NOT NULL, PRIMARY KEY (record_id)
);
CREATE INDEX requests_by_orderid ON requests ("OrderID");
CREATE TABLE reports (
    {ENVELOPE}, {REPORT}, PRIMARY KEY (record_id)
);
CREATE INDEX reports_by_orderid ON reports ("OrderID");
CREATE INDEX reports_by_symbol_event_at ON reports ("Symbol", event_at);
CREATE TABLE refusals (
    {ENVELOPE}, "ClOrdID" varchar NOT NULL, "OrigClOrdID" varchar NOT NULL, "OrderID" varchar NOT NULL,
    "Account" varchar NOT NULL, strategy varchar NOT NULL, "Symbol" varchar NOT NULL, "OrdStatus" varchar
    NOT NULL, "CxlRejResponseTo" varchar NOT NULL, "CxlRejReason" bigint NOT NULL, "TransactTime" bigint NOT
    NULL, "Text" varchar NOT NULL, PRIMARY KEY (record_id)
);
CREATE INDEX refusals_by_orderid ON refusals ("OrderID");
CREATE TABLE drop_copies (
    {ENVELOPE}, {REPORT}, PRIMARY KEY (record_id)
);
CREATE INDEX drop_copies_by_orderid ON drop_copies ("OrderID");
CREATE TABLE breaks (
    {ENVELOPE}, break_id varchar NOT NULL, kind varchar NOT NULL, "left" varchar NOT NULL, "right" varchar
    NOT NULL, key varchar NOT NULL, difference varchar NOT NULL, "OrderID" varchar NOT NULL, "Symbol"
    varchar NOT NULL, resolved boolean NOT NULL, PRIMARY KEY (record_id)
);
CREATE INDEX breaks_by_orderid ON breaks ("OrderID");
CREATE INDEX breaks_by_event_at ON breaks (event_at)
"""
NAMES = ("requests", "reports", "refusals", "drop_copies", "breaks")


def upgrade() -> None:
    """Add the tables; they are append-only as the others are."""
    for statement in TABLES.split(";\n"):
        op.execute(statement)
    for name in NAMES:
        op.execute(
            f"CREATE TRIGGER append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON {name} "
            f"FOR EACH STATEMENT EXECUTE FUNCTION refuse_change()"
        )
        op.execute(f"REVOKE ALL ON {name} FROM PUBLIC, {ROLE}")
        op.execute(f"GRANT SELECT, INSERT ON {name} TO {ROLE}")
