"""What an explanation holds: everything from the bar to the position, and which stage spoke last."""

from typing import Any

import msgspec

from domain.decisions import DecisionPoint, Position, Signal, Verdict
from domain.order_messages import OrderCancelReject, OrderReport, OrderRequest
from domain.orders import Execution, Intent, Order, OrderCancelRequest


class BarSeen(msgspec.Struct, frozen=True, kw_only=True):
    """The bar that was read: prices in the instrument's currency, instants ns UTC, interval in seconds."""

    interval: int
    open_at: int
    close_at: int
    known_at: int
    version: int
    open: float
    high: float
    low: float
    close: float
    volume: float
    vwap: float
    trade_count: int
    session: str


class Measured(msgspec.Struct, frozen=True, kw_only=True):
    """One feature at the bar's close: NaN while it does not speak; unit, meaning and version are the catalogue's."""

    name: str
    value: float
    unit: str
    meaning: str
    version: int = 0


class ScoreSeen(msgspec.Struct, frozen=True, kw_only=True):
    """What a strategy thought at the bar's close, and why, as a word (`reason`) and in a sentence (`words`)."""

    strategy: str
    score: float
    volatility: float
    price: float
    direction: int
    previous: int
    reason: str
    words: str
    changed: bool
    close_at: int
    known_at: int
    version: int


class Answer(msgspec.Struct, frozen=True, kw_only=True):
    """Which stage spoke last, what it said, and what that means; `traded` is true where units changed hands."""

    stage: str
    said: str
    words: str
    traded: bool


class Reasoning(msgspec.Struct, frozen=True, kw_only=True):
    """One strategy's way from score to position, as far as it went; what did not happen is null.

    `decision_point` is of this bar where `asked_now`, else the last one before it; intent, verdict, order and
    executions belong to it. `verdict` is the last one, `verdicts_before` those of when the intent was held; their
    checks are what the reader may see. `requests` are what the desk asked about the order, `reports` what the venue
    said of it beside executions. `position` is the one after the last fill.
    """

    strategy: str
    answer: Answer
    score: ScoreSeen | None = None
    signal: Signal | None = None
    decision_point: DecisionPoint | None = None
    asked_now: bool = False
    intent: Intent | None = None
    verdict: Verdict | None = None
    order: Order | None = None
    executions: tuple[Execution, ...] = ()
    verdicts_before: tuple[Verdict, ...] = ()
    requests: tuple[OrderCancelRequest | OrderRequest, ...] = ()
    reports: tuple[OrderReport | OrderCancelReject, ...] = ()
    position: Position | None = None


class MadeBy(msgspec.Struct, frozen=True, kw_only=True):
    """What made a run: digest of its configuration, hash of its code, versions of what it runs on; empty if not kept.

    `strategies` are the strategies of the explanation as they were configured, `limits` the versions of the limits that
    its verdicts were judged by.
    """

    configuration: str
    code: str
    versions: dict[str, str]
    strategies: dict[str, dict[str, Any]]
    limits: tuple[str, ...]


class AuditSeen(msgspec.Struct, frozen=True, kw_only=True):
    """The head over `rows` records, checked now: `root`, whether a trusted key `signed` it, what is `wrong` with it.

    `records` are the rows that tell of what was asked for.
    """

    rows: int
    root: str
    signed: bool
    wrong: str = ""
    records: tuple[int, ...] = ()

    @property
    def words(self) -> str:
        """Return what it comes to in a sentence."""
        if self.wrong:
            return f"NOT what was written: {self.wrong}"
        signed = "signed" if self.signed else "not signed"
        return f"verified, {self.rows:,} records under root {self.root}, {signed}"


class Explanation(msgspec.Struct, frozen=True, kw_only=True):
    """The whole answer for an instrument and an instant (ns UTC), or for one order; `words` is it in a sentence.

    `order` is the ClOrdID of an order, `asked` the identifier that was asked for, whole: that, or the OrderID.
    `proved` is the head that the audit of the run has, null for a run without one.
    """

    folder: str
    instrument: str
    at: int
    order: str
    audit: bool
    finished: bool
    bar: BarSeen | None
    features: tuple[Measured, ...]
    strategies: tuple[Reasoning, ...]
    made_by: MadeBy
    words: str
    proved: AuditSeen | None = None
    asked: str = ""


REASONS = {
    "warming_up": "the strategy's features have not seen enough bars yet",
    "gated": "the score is high enough to enter, but the strategy's filter is closed",
    "below_entry": "the score is not high enough to enter",
    "held": "the position that the strategy wants is the one that it wanted before",
    "entered": "the score is high enough to enter",
    "left": "the score no longer carries the position",
    "outside_session": "outside the hours in which the strategy may hold anything",
    "superseded": "the bar is older than one that the strategy has already acted on",
}
"""Each `domain.market.ScoreReason` in a sentence."""
