"""What the desk decides and why: signals, checks, verdicts, positions, breaches, and what was refused at the door."""

from decimal import Decimal
from enum import StrEnum

import msgspec

from domain.envelope import Record


class Direction(StrEnum):
    """Where a strategy wants to stand."""

    LONG = "long"
    FLAT = "flat"
    SHORT = "short"

    @property
    def sign(self) -> int:
        """Return +1, 0 or -1."""
        return {"long": 1, "flat": 0, "short": -1}[self.value]


class Signal(Record, frozen=True, kw_only=True):
    """`SignalGenerated`: a strategy changed its mind about an instrument at the close of a bar.

    `score` in [-1, 1]; score, volatility and price are None where the bar says nothing of them; `bar_close_at` and
    `bar_version` name the bar that it was read from; `volatility` is the annualised volatility estimate (fraction)
    that sizing uses.
    """

    signal_id: str
    strategy: str
    symbol: str = msgspec.field(name="Symbol")
    direction: Direction
    score: float | None
    volatility: float | None
    reference_price: float | None
    bar_close_at: int
    bar_version: int
    reason: str


class Outcome(StrEnum):
    """What one check says: pass, warn, clip, hold, reject, or kill (standards.md 1.3)."""

    PASS = "pass"
    WARN = "warn"
    CLIP = "clip"
    HOLD = "hold"
    REJECT = "reject"
    KILL = "kill"


class Check(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """One check of a verdict: its standards.md id, what was measured, and the limit that met it.

    `measured` and `limit` are numbers wherever the check compares numbers, else words; `scope` names whose limit it is
    (`account:main`); `ord_rej_reason` is FIX OrdRejReason(103) where it failed.
    """

    check: str
    code: str
    outcome: Outcome
    measured: float | str | None
    limit: float | str | None
    scope: str = ""
    text: str = ""
    ord_rej_reason: int | None = None


class VerdictKind(StrEnum):
    """What became of an intent."""

    APPROVED = "approved"
    HELD = "held"
    REFUSED = "refused"


class Verdict(Record, frozen=True, kw_only=True):
    """The recorded decision on one intent: every check with measured value and limit, all failures named."""

    decision_id: str
    cl_ord_id: str = msgspec.field(name="ClOrdID")
    account: str = msgspec.field(name="Account")
    strategy: str
    symbol: str = msgspec.field(name="Symbol")
    kind: VerdictKind
    checks: tuple[Check, ...]
    codes: tuple[str, ...]
    ord_rej_reason: int | None = msgspec.field(default=None, name="OrdRejReason")
    text: str = msgspec.field(default="", name="Text")
    limits_version: str
    reserved_notional: Decimal = Decimal(0)


class DecisionPoint(Record, frozen=True, kw_only=True):
    """What followed from one signal, also when nothing did: the stage that spoke last and what it said."""

    decision_point_id: str
    signal_id: str
    strategy: str
    symbol: str = msgspec.field(name="Symbol")
    stage: str
    answer: str
    text: str
    cl_ord_id: str = msgspec.field(default="", name="ClOrdID")


class Position(Record, frozen=True, kw_only=True):
    """`PositionUpdated`: holdings of a strategy in an instrument after an execution, a mark at the close, or a split.

    Average cost. `quantity` in units, money in `currency`; total P&L = realised + unrealised - fees.
    """

    account: str = msgspec.field(name="Account")
    strategy: str
    symbol: str = msgspec.field(name="Symbol")
    quantity: int
    average_cost: Decimal
    realised: Decimal
    unrealised: Decimal
    fees: Decimal
    mark: Decimal
    currency: str
    cause: str


class RiskSnapshot(Record, frozen=True, kw_only=True):
    """Equity of an account at an instant: cash, marked value, P&L, exposures and drawdown, in base currency."""

    account: str = msgspec.field(name="Account")
    cash: Decimal
    market_value: Decimal
    equity: Decimal
    gross: Decimal
    net: Decimal
    day_pnl: Decimal
    drawdown: float


class ScopeRisk(Record, frozen=True, kw_only=True):
    """Where a scope (`strategy:trend`, `firm:firm`) stands: NAV, where its P&L came from, and its exposures.

    Base currency. `pnl` = price + carry + fees + currency, exactly, and `nav` the account's starting cash and it; carry
    = dividends + financing (interest of cash) + borrow + funding, None in records of before these were told. A strategy
    is measured against the whole cash of its account. `sectors` and `currencies` have net values beside them,
    currencies with their cash; `unconverted` are those without a rate, counted one for one. `mark_age_seconds` is that
    of the oldest mark that is held, None where there is none; `var` and `es` are losses by historical scenarios, None
    where the desk was given none.
    """

    scope: str
    nav: Decimal
    pnl: Decimal
    price_pnl: Decimal
    carry_pnl: Decimal
    fees: Decimal
    currency_pnl: Decimal
    day_pnl: Decimal
    drawdown: float
    gross: float
    net: float
    long: float
    short: float
    beta_adjusted: float
    leverage_gross: float
    leverage_net: float
    hhi: float
    var: float | None = None
    es: float | None = None
    sectors: tuple[str, ...] = ()
    sector_net: tuple[float, ...] = ()
    currencies: tuple[str, ...] = ()
    currency_net: tuple[float, ...] = ()
    unconverted: tuple[str, ...] = ()
    mark_age_seconds: float | None = None
    dividend_pnl: Decimal | None = None
    financing_pnl: Decimal | None = None
    borrow_pnl: Decimal | None = None
    funding_pnl: Decimal | None = None


class Breach(Record, frozen=True, kw_only=True):
    """A limit was crossed, by how much, and what was done about it; `event` says which way.

    `RiskLimitBreached`, `RiskLimitCured`, and `RiskLimitUtilisation` for a step on the way; `remaining` is the level
    that holds now, `first_seen_at` when the breach began (ns UTC), `cause` active (a trade of our own), passive (the
    market) or pre-trade, `drivers` the largest positions of the scope.
    `state` is where the breach stands: open, acked, waived (until `waived_until`, ns UTC), cured (nobody has
    acknowledged it) or closed; RiskLimitAcknowledged and RiskLimitWaived name the `risk.controls` record that says
    who and why in `control_id`.
    """

    breach_id: str
    limit_id: str
    scope: str
    measured: float | None
    limit: float | None
    level: str
    action: str
    event: str = "RiskLimitBreached"
    measure: str = ""
    utilisation: float | None = None
    remaining: str = ""
    cause: str = "pre-trade"
    limit_version: int = 0
    first_seen_at: int = 0
    drivers: tuple[str, ...] = ()
    state: str = ""
    waived_until: int = 0
    control_id: str = ""


class Quarantined(Record, frozen=True, kw_only=True):
    """A row that was refused at a stage: why, where it stood, and what it held, to the byte where there are bytes."""

    stage: str
    reason: str
    symbol: str = msgspec.field(default="", name="Symbol")
    place: str
    raw: str
