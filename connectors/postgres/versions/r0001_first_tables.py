"""The journal, reference data, configuration versions, the compliance log, and who writes; rows are never changed.

What a step says is never changed either: a later wish is a later step.
"""

from alembic import op

revision = "0001"
down_revision = None

ROLE = "ita_desk"

TABLES = """
CREATE TABLE signals (
    event_at bigint NOT NULL, known_at bigint NOT NULL, received_at bigint NOT NULL, source varchar NOT
    NULL, sequence bigint NOT NULL, record_id varchar NOT NULL, schema_version bigint NOT NULL,
    signal_id varchar NOT NULL, strategy varchar NOT NULL, "Symbol" varchar NOT NULL, direction varchar
    NOT NULL, score double precision, volatility double precision, reference_price double precision,
    bar_close_at bigint NOT NULL, bar_version bigint NOT NULL, reason varchar NOT NULL, PRIMARY KEY
    (record_id)
);
CREATE INDEX signals_by_signal_id ON signals (signal_id);
CREATE INDEX signals_by_symbol_event_at ON signals ("Symbol", event_at);
CREATE TABLE intents (
    event_at bigint NOT NULL, known_at bigint NOT NULL, received_at bigint NOT NULL, source varchar NOT
    NULL, sequence bigint NOT NULL, record_id varchar NOT NULL, schema_version bigint NOT NULL,
    "ClOrdID" varchar NOT NULL, "Account" varchar NOT NULL, desk varchar NOT NULL, trader varchar NOT
    NULL, strategy varchar NOT NULL, "Symbol" varchar NOT NULL, "Side" varchar NOT NULL, "OrderQty"
    bigint NOT NULL, "OrdType" varchar NOT NULL, "TimeInForce" varchar NOT NULL, "TransactTime" bigint
    NOT NULL, "ExDestination" varchar NOT NULL, "Price" varchar, "Currency" varchar NOT NULL, signal_id
    varchar NOT NULL, signal_at bigint NOT NULL, position_before bigint NOT NULL, target_position bigint
    NOT NULL, PRIMARY KEY (record_id)
);
CREATE INDEX intents_by_clordid ON intents ("ClOrdID");
CREATE INDEX intents_by_signal_id ON intents (signal_id);
CREATE INDEX intents_by_symbol_event_at ON intents ("Symbol", event_at);
CREATE TABLE verdicts (
    event_at bigint NOT NULL, known_at bigint NOT NULL, received_at bigint NOT NULL, source varchar NOT
    NULL, sequence bigint NOT NULL, record_id varchar NOT NULL, schema_version bigint NOT NULL,
    decision_id varchar NOT NULL, "ClOrdID" varchar NOT NULL, "Account" varchar NOT NULL, strategy
    varchar NOT NULL, "Symbol" varchar NOT NULL, kind varchar NOT NULL, codes varchar NOT NULL,
    "OrdRejReason" bigint, "Text" varchar NOT NULL, limits_version varchar NOT NULL, reserved_notional
    varchar NOT NULL, PRIMARY KEY (record_id)
);
CREATE INDEX verdicts_by_clordid ON verdicts ("ClOrdID");
CREATE INDEX verdicts_by_symbol_event_at ON verdicts ("Symbol", event_at);
CREATE TABLE orders (
    event_at bigint NOT NULL, known_at bigint NOT NULL, received_at bigint NOT NULL, source varchar NOT
    NULL, sequence bigint NOT NULL, record_id varchar NOT NULL, schema_version bigint NOT NULL,
    "ClOrdID" varchar NOT NULL, "Account" varchar NOT NULL, desk varchar NOT NULL, trader varchar NOT
    NULL, strategy varchar NOT NULL, "Symbol" varchar NOT NULL, "Side" varchar NOT NULL, "OrderQty"
    bigint NOT NULL, "OrdType" varchar NOT NULL, "TimeInForce" varchar NOT NULL, "TransactTime" bigint
    NOT NULL, "ExDestination" varchar NOT NULL, "Price" varchar, "Currency" varchar NOT NULL, "OrderID"
    varchar NOT NULL, decision_id varchar NOT NULL, PRIMARY KEY (record_id)
);
CREATE INDEX orders_by_clordid ON orders ("ClOrdID");
CREATE INDEX orders_by_orderid ON orders ("OrderID");
CREATE INDEX orders_by_symbol_event_at ON orders ("Symbol", event_at);
CREATE TABLE executions (
    event_at bigint NOT NULL, known_at bigint NOT NULL, received_at bigint NOT NULL, source varchar NOT
    NULL, sequence bigint NOT NULL, record_id varchar NOT NULL, schema_version bigint NOT NULL, "ExecID"
    varchar NOT NULL, "OrderID" varchar NOT NULL, "ClOrdID" varchar NOT NULL, "Account" varchar NOT
    NULL, strategy varchar NOT NULL, "Symbol" varchar NOT NULL, "Side" varchar NOT NULL, "ExecType"
    varchar NOT NULL, "OrdStatus" varchar NOT NULL, "OrderQty" bigint NOT NULL, "LeavesQty" bigint NOT
    NULL, "CumQty" bigint NOT NULL, "AvgPx" varchar NOT NULL, "TransactTime" bigint NOT NULL, "LastQty"
    bigint NOT NULL, "LastPx" varchar, "LastMkt" varchar NOT NULL, "Commission" varchar NOT NULL, "Text"
    varchar NOT NULL, PRIMARY KEY (record_id)
);
CREATE INDEX executions_by_clordid ON executions ("ClOrdID");
CREATE INDEX executions_by_orderid ON executions ("OrderID");
CREATE INDEX executions_by_symbol_event_at ON executions ("Symbol", event_at);
CREATE TABLE positions (
    event_at bigint NOT NULL, known_at bigint NOT NULL, received_at bigint NOT NULL, source varchar NOT
    NULL, sequence bigint NOT NULL, record_id varchar NOT NULL, schema_version bigint NOT NULL,
    "Account" varchar NOT NULL, strategy varchar NOT NULL, "Symbol" varchar NOT NULL, quantity bigint
    NOT NULL, average_cost varchar NOT NULL, realised varchar NOT NULL, unrealised varchar NOT NULL,
    fees varchar NOT NULL, mark varchar NOT NULL, currency varchar NOT NULL, cause varchar NOT NULL,
    PRIMARY KEY (record_id)
);
CREATE INDEX positions_by_account_strategy_symbol_event_at ON positions ("Account", strategy, "Symbol", event_at);
CREATE TABLE risk_snapshots (
    event_at bigint NOT NULL, known_at bigint NOT NULL, received_at bigint NOT NULL, source varchar NOT
    NULL, sequence bigint NOT NULL, record_id varchar NOT NULL, schema_version bigint NOT NULL,
    "Account" varchar NOT NULL, cash varchar NOT NULL, market_value varchar NOT NULL, equity varchar NOT
    NULL, gross varchar NOT NULL, net varchar NOT NULL, day_pnl varchar NOT NULL, drawdown double
    precision NOT NULL, PRIMARY KEY (record_id)
);
CREATE INDEX risk_snapshots_by_account_event_at ON risk_snapshots ("Account", event_at);
CREATE TABLE breaches (
    event_at bigint NOT NULL, known_at bigint NOT NULL, received_at bigint NOT NULL, source varchar NOT
    NULL, sequence bigint NOT NULL, record_id varchar NOT NULL, schema_version bigint NOT NULL,
    breach_id varchar NOT NULL, limit_id varchar NOT NULL, scope varchar NOT NULL, measured double
    precision, "limit" double precision, level varchar NOT NULL, action varchar NOT NULL, PRIMARY KEY
    (record_id)
);
CREATE INDEX breaches_by_event_at ON breaches (event_at);
CREATE TABLE decision_points (
    event_at bigint NOT NULL, known_at bigint NOT NULL, received_at bigint NOT NULL, source varchar NOT
    NULL, sequence bigint NOT NULL, record_id varchar NOT NULL, schema_version bigint NOT NULL,
    decision_point_id varchar NOT NULL, signal_id varchar NOT NULL, strategy varchar NOT NULL, "Symbol"
    varchar NOT NULL, stage varchar NOT NULL, answer varchar NOT NULL, text varchar NOT NULL, "ClOrdID"
    varchar NOT NULL, PRIMARY KEY (record_id)
);
CREATE INDEX decision_points_by_clordid ON decision_points ("ClOrdID");
CREATE INDEX decision_points_by_signal_id ON decision_points (signal_id);
CREATE INDEX decision_points_by_symbol_event_at ON decision_points ("Symbol", event_at);
CREATE TABLE quarantined (
    event_at bigint NOT NULL, known_at bigint NOT NULL, received_at bigint NOT NULL, source varchar NOT
    NULL, sequence bigint NOT NULL, record_id varchar NOT NULL, schema_version bigint NOT NULL, stage
    varchar NOT NULL, reason varchar NOT NULL, "Symbol" varchar NOT NULL, place varchar NOT NULL, raw
    varchar NOT NULL, PRIMARY KEY (record_id)
);
CREATE INDEX quarantined_by_stage_reason ON quarantined (stage, reason);
CREATE TABLE checks (
    verdict_record_id varchar NOT NULL, place integer NOT NULL, "check" varchar NOT NULL, code varchar
    NOT NULL, outcome varchar NOT NULL, measured_number double precision, measured_text varchar,
    limit_number double precision, limit_text varchar, scope varchar NOT NULL, text varchar NOT NULL,
    ord_rej_reason bigint, PRIMARY KEY (verdict_record_id, place)
);
CREATE TABLE instruments (
    event_at bigint NOT NULL, known_at bigint NOT NULL, received_at bigint NOT NULL, source varchar NOT
    NULL, sequence bigint NOT NULL, record_id varchar NOT NULL, schema_version bigint NOT NULL,
    instrument varchar NOT NULL, valid_from bigint NOT NULL, valid_to bigint, issuer varchar NOT NULL,
    tick_size varchar NOT NULL, lot_size bigint NOT NULL, multiplier bigint NOT NULL, currency varchar
    NOT NULL, calendar varchar NOT NULL, tier varchar NOT NULL, tradable boolean NOT NULL, PRIMARY KEY
    (record_id)
);
CREATE INDEX instruments_by_instrument_valid_from_known_at ON instruments (instrument, valid_from, known_at);
CREATE TABLE configurations (
    event_at bigint NOT NULL, known_at bigint NOT NULL, received_at bigint NOT NULL, source varchar NOT
    NULL, sequence bigint NOT NULL, record_id varchar NOT NULL, schema_version bigint NOT NULL, digest
    varchar NOT NULL, effective_at bigint NOT NULL, loaded_at bigint NOT NULL, who varchar NOT NULL,
    files varchar NOT NULL, PRIMARY KEY (record_id)
);
CREATE INDEX configurations_by_digest ON configurations (digest);
CREATE INDEX configurations_by_effective_at_known_at ON configurations (effective_at, known_at);
CREATE TABLE compliance_log (
    event_at bigint NOT NULL, known_at bigint NOT NULL, received_at bigint NOT NULL, source varchar NOT
    NULL, sequence bigint NOT NULL, record_id varchar NOT NULL, schema_version bigint NOT NULL, entry_id
    varchar NOT NULL, kind varchar NOT NULL, scope varchar NOT NULL, who varchar NOT NULL, text varchar
    NOT NULL, details varchar NOT NULL, PRIMARY KEY (record_id)
);
CREATE INDEX compliance_log_by_event_at ON compliance_log (event_at);
CREATE INDEX compliance_log_by_scope_event_at ON compliance_log (scope, event_at);
CREATE TABLE writers (
    name varchar NOT NULL, generation bigint NOT NULL, taken_at bigint NOT NULL DEFAULT (extract(epoch
    FROM clock_timestamp()) * 1000000000)::bigint, taken_from varchar NOT NULL, PRIMARY KEY (name,
    generation)
);
"""

APPEND_ONLY = """
CREATE FUNCTION refuse_change() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'table % is append-only: % is refused; write a new row with a later known_at', TG_TABLE_NAME, TG_OP
        USING ERRCODE = 'insufficient_privilege';
END $$
"""

DESK_ROLE = f"""
DO $$ BEGIN
    IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = '{ROLE}') THEN CREATE ROLE {ROLE} NOLOGIN; END IF;
    EXECUTE format('GRANT USAGE ON SCHEMA %I TO {ROLE}', current_schema());
END $$
"""


def upgrade() -> None:
    """Make the tables, let nobody change a row, and let the workers add and read."""
    for statement in TABLES.split(";\n"):
        op.execute(statement)
    op.execute(APPEND_ONLY)
    op.execute(DESK_ROLE)
    op.execute(f"GRANT SELECT ON alembic_version TO {ROLE}")
    for name in (line.split()[2] for line in TABLES.splitlines() if line.startswith("CREATE TABLE")):
        op.execute(
            f"CREATE TRIGGER append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON {name} "
            f"FOR EACH STATEMENT EXECUTE FUNCTION refuse_change()"
        )
        op.execute(f"REVOKE ALL ON {name} FROM PUBLIC, {ROLE}")
        op.execute(f"GRANT SELECT, INSERT ON {name} TO {ROLE}")
