"""What a report shows, read from a run's folder once: prices, signals, fills, equity, quality, orders."""

from typing import Any, NamedTuple

import numpy as np
import polars as pl

from apps.kept_run import KeptRun, nanoseconds, text
from apps.local_time import day_of
from domain.market import Condition, Float64, Int64, Kind, Quality
from domain.orders import ExecType

INSTRUMENTS_MAX = 24
JUMP = 1.4
ORDERS_MAX = 50
REFUSED_MAX = 20
UNFILLED_MAX = 15


class Span(NamedTuple):
    """A stretch of time (ns UTC) with what there is to say of it."""

    first_at: int
    last_at: int
    words: str


class Fill(NamedTuple):
    """All that an order has been filled with: when it began (ns UTC), sign, units, average price."""

    at: int
    sign: int
    quantity: int
    price: float
    strategy: str
    cl_ord_id: str


class Stand(NamedTuple):
    """Where a strategy stands from an instant (ns UTC) on: -1, 0 or 1, and why."""

    at: int
    direction: int
    score: float
    reason: str


class Story(NamedTuple):
    """One instrument: closes of its bars, fills, halts, where each strategy stood, and instants of splits."""

    name: str
    close_at: Int64
    close: Float64
    fills: tuple[Fill, ...]
    halts: tuple[Span, ...]
    stands: dict[str, tuple[Stand, ...]]
    splits: tuple[Span, ...]


class Curve(NamedTuple):
    """An account over time: instants (ns UTC), equity in base currency, drawdown as a fraction."""

    account: str
    at: Int64
    equity: Float64
    drawdown: Float64


def windows(run: KeptRun) -> tuple[Span, ...]:
    """Return the stretch of each trading day: of its regular session where there is one, else of all its bars."""
    bars = minute_bars(run)
    regular = bars.filter(pl.col("session") == "regular")
    chosen = regular if regular.height else bars
    days: dict[str, list[int]] = {}
    for open_at, close_at in zip(chosen["open_at"].to_list(), chosen["close_at"].to_list(), strict=True):
        known = days.setdefault(day_of(open_at), [open_at, close_at])
        known[0], known[1] = min(known[0], open_at), max(known[1], close_at)
    return tuple(Span(first, last, day) for day, (first, last) in sorted(days.items()))


def minute_bars(run: KeptRun) -> pl.DataFrame:
    """Return the last version of each bar of the interval that features are read from, else of a minute."""
    intervals = run.rows("features").select("interval").head(1).collect()["interval"].to_list() or [60]
    return (
        run.rows("market.bars")
        .filter(pl.col("interval") == intervals[0])
        .select(*nanoseconds("open_at", "close_at"), *text("instrument", "session"), "version", "close")
        .sort("instrument", "close_at", "version")
        .unique(["instrument", "close_at"], keep="last", maintain_order=True)
        .collect()
    )


def stories(run: KeptRun) -> tuple[Story, ...]:
    """Return the instruments with the most fills, then the most signals, first; at most `INSTRUMENTS_MAX`."""
    bars = minute_bars(run).filter(pl.col("close").is_not_nan())
    fills, stands, halts, splits = _fills(run), _stands(run), _halts(run), _splits(run)
    names = sorted(bars["instrument"].unique().to_list())
    ranked = sorted(
        names,
        key=lambda name: (-len(fills.get(name, ())), -sum(map(len, stands.get(name, {}).values())), name),
    )
    made = []
    for name in ranked[:INSTRUMENTS_MAX]:
        own = bars.filter(pl.col("instrument") == name)
        close_at, close = own["close_at"].to_numpy(), own["close"].to_numpy()
        jumps = splits.get(name) or _jumps(close_at, close)
        made.append(
            Story(
                name,
                close_at,
                close,
                tuple(fills.get(name, ())),
                tuple(halts.get(name, ())),
                {strategy: tuple(of) for strategy, of in sorted(stands.get(name, {}).items())},
                tuple(jumps),
            )
        )
    return tuple(made)


def _fills(run: KeptRun) -> dict[str, list[Fill]]:
    """Return what each order has been filled with by instrument, net of busts and with corrections as they stand.

    Reports of busts and corrections name the fill that no longer stands (ExecRefID); what was only imputed is taken
    back by an execution of our own, with its quantity.
    """
    columns = (
        *("Symbol", "OrderID", "ClOrdID", "strategy", "Side", "ExecID", "ExecType", "event_at"),
        *("LastQty", "LastPx"),
    )
    taken_back = pl.col("ExecType") == ExecType.TRADE_CANCEL.value
    amending = run.rows("oms.reports").filter(
        taken_back | (pl.col("ExecType") == ExecType.TRADE_CORRECT.value)
    )
    said = run.rows("oms.executions").filter(taken_back | (pl.col("ExecType") == ExecType.TRADE.value))
    rows = (
        pl.concat([said.select(columns), amending.filter(~taken_back).select(columns)])
        .join(amending.select("OrderID", ExecID="ExecRefID"), on=("OrderID", "ExecID"), how="anti")
        .with_columns(
            *nanoseconds("event_at"),
            units=pl.when(taken_back).then(-pl.col("LastQty")).otherwise(pl.col("LastQty")),
        )
        .with_columns(paid=pl.col("LastPx").cast(pl.Float64) * pl.col("units"))
        .group_by("Symbol", "ClOrdID", "strategy", "Side")
        .agg(pl.col("event_at").min(), pl.col("units").sum().alias("LastQty"), pl.col("paid").sum())
        .filter(pl.col("LastQty") > 0)
        .sort("event_at", "ClOrdID")
        .collect()
    )
    made: dict[str, list[Fill]] = {}
    for row in rows.iter_rows(named=True):
        sign = 1 if row["Side"] == "1" else -1
        quantity = row["LastQty"]
        fill = Fill(row["event_at"], sign, quantity, row["paid"] / quantity, row["strategy"], row["ClOrdID"])
        made.setdefault(row["Symbol"], []).append(fill)
    return made


def _stands(run: KeptRun) -> dict[str, dict[str, list[Stand]]]:
    sign = {"long": 1, "flat": 0, "short": -1}
    rows = run.rows("signals").with_columns(*nanoseconds("known_at")).sort("known_at", "sequence").collect()
    made: dict[str, dict[str, list[Stand]]] = {}
    for row in rows.iter_rows(named=True):
        stand = Stand(row["known_at"], sign[row["direction"]], row["score"], row["reason"])
        made.setdefault(row["Symbol"], {}).setdefault(row["strategy"], []).append(stand)
    return made


def _halts(run: KeptRun) -> dict[str, list[Span]]:
    rows = (
        run.rows("market.trades")
        .filter(pl.col("kind") == int(Kind.STATUS))
        .select(*nanoseconds("event_at"), *text("instrument"), "conditions")
        .sort("event_at")
        .collect()
    )
    made: dict[str, list[Span]] = {}
    began: dict[str, int] = {}
    for at, name, conditions in rows.iter_rows():
        if conditions & int(Condition.HALTED):
            began.setdefault(name, at)
        elif conditions & int(Condition.RESUMED) and name in began:
            made.setdefault(name, []).append(Span(began.pop(name), at, "halted"))
    for name, at in began.items():
        made.setdefault(name, []).append(Span(at, np.iinfo(np.int64).max, "halted, not resumed"))
    return made


def _splits(run: KeptRun) -> dict[str, list[Span]]:
    """Return the splits of what was held when they took effect."""
    rows = (
        run.rows("positions")
        .filter(pl.col("cause").str.starts_with("split "))
        .select(*nanoseconds("event_at"), "Symbol", "cause")
        .unique(["event_at", "Symbol"])
        .sort("event_at")
        .collect()
    )
    made: dict[str, list[Span]] = {}
    for at, name, cause in rows.iter_rows():
        made.setdefault(name, []).append(Span(at, at, cause))
    return made


def _jumps(close_at: Int64, close: Float64) -> list[Span]:
    """Return where the price of a new day is so far from the last one that one scale would show neither."""
    ratio = close[1:] / close[:-1]
    far = np.flatnonzero(((ratio > JUMP) | (ratio < 1 / JUMP)) & (np.diff(close_at) > 3600 * 10**9))
    return [
        Span(int(close_at[at + 1]) - 1, int(close_at[at + 1]), f"price times {ratio[at]:.2f} overnight")
        for at in far.tolist()
    ]


def curves(run: KeptRun) -> tuple[Curve, ...]:
    """Return each account's equity and drawdown."""
    rows = (
        run.rows("risk.snapshots")
        .select(
            *nanoseconds("event_at"), "Account", pl.col("equity").cast(pl.Float64), "drawdown", "sequence"
        )
        .sort("Account", "event_at", "sequence")
        .collect()
    )
    return tuple(
        Curve(str(name), own["event_at"].to_numpy(), own["equity"].to_numpy(), own["drawdown"].to_numpy())
        for (name,), own in rows.group_by(["Account"], maintain_order=True)
    )


def flag_counts(run: KeptRun) -> dict[str, int]:
    """Return how many rows that were let through carry each flag of `domain.market.Quality`."""
    counts = dict.fromkeys((flag.name or "" for flag in Quality), 0)
    for topic in ("market.trades", "market.quotes"):
        for flags, rows in run.rows(topic).group_by("flags").len().collect().iter_rows():
            for flag in Quality:
                counts[flag.name or ""] += rows if flags & int(flag) else 0
    return {name.lower().replace("_", " "): count for name, count in counts.items()}


def bar_counts(run: KeptRun) -> list[tuple[int, int, int]]:
    """Return (interval in seconds, bars, revisions) of each interval; bars of named kinds are not among them."""
    revised = (pl.col("version") > 0).sum().alias("revised")
    rows = (
        run.rows("market.bars")
        .filter(pl.col("interval") > 0)
        .group_by("interval")
        .agg((pl.col("version") == 0).sum(), revised)
    )
    return [
        (int(interval), int(first), int(again))
        for interval, first, again in rows.sort("interval").collect().iter_rows()
    ]


def reason_texts(run: KeptRun) -> dict[str, str]:
    """Return what each reason code means, in the words of the first check that gave it."""
    found = (
        run.rows("verdicts")
        .select("codes", pl.col("checks"))
        .explode("checks")
        .select("codes", pl.col("checks").struct.field("code"), pl.col("checks").struct.field("text"))
        .filter(pl.col("code") != "")
        .filter(pl.col("codes").list.contains(pl.col("code")))
        .group_by("code")
        .agg(pl.col("text").first())
        .collect()
    )
    return dict(found.iter_rows())


def orders(run: KeptRun) -> list[dict[str, Any]]:
    """Return the intents that are worth a look, in order of time: refused, not filled, and the last of the others.

    Each with its last verdict, codes, and what the venue made of it.
    """
    last = (
        run.rows("oms.executions")
        .sort("event_at", "sequence")
        .group_by("ClOrdID", maintain_order=True)
        .agg(pl.col("OrdStatus").last(), pl.col("CumQty").last(), pl.col("AvgPx").last())
    )
    verdicts = (
        run.rows("verdicts")
        .sort("known_at", "sequence")
        .group_by("ClOrdID", maintain_order=True)
        .agg(pl.col("kind", "codes").last(), pl.col("Text").last().alias("verdict_text"))
    )
    asked = run.rows("intents").select(
        *nanoseconds("known_at"), "ClOrdID", "Symbol", "strategy", "Side", "OrderQty", "Price", "sequence"
    )
    rows = (
        asked.join(verdicts, on="ClOrdID", how="left")
        .join(last, on="ClOrdID", how="left")
        .sort("known_at", "sequence")
        .collect()
        .to_dicts()
    )
    refused = [row for row in rows if row["kind"] != "approved"][-REFUSED_MAX:]
    unfilled = [row for row in rows if row["kind"] == "approved" and row["OrdStatus"] != "2"][-UNFILLED_MAX:]
    chosen = {row["ClOrdID"]: row for row in (*refused, *unfilled)}
    for row in reversed(rows):
        if len(chosen) >= ORDERS_MAX:
            break
        chosen.setdefault(row["ClOrdID"], row)
    return sorted(chosen.values(), key=lambda row: (row["known_at"], row["sequence"]))
