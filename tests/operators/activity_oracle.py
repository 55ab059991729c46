"""Activity bars the slow way: every bar is a list of its trades, and everything is worked out from lists anew."""

from dataclasses import dataclass, field
from decimal import Decimal
from typing import NamedTuple

import numpy as np

from domain.bar_kinds import BarKind, BarSpec, Mark
from domain.market import END, SECOND, Condition, Kind, Quality, Ticks
from domain.sessions import SessionTable


@dataclass
class Trade:
    """A trade: which price it may move, and the side of its tick."""

    event_at: int
    sequence: int
    price: float
    size: float
    volume: bool
    moves: bool
    ranges: bool
    only: bool
    side: int
    stands: bool = True
    late: bool = False


@dataclass
class Bar:
    """A bar and its trades; `brick` are the prices between which a renko bar lies."""

    number: int
    session: int
    trades: list[Trade] = field(default_factory=list)
    open_at: int = 0
    close_at: int = 0
    version: int = 0
    marks: int = 0
    brick: tuple[float, float] | None = None


class Seen(NamedTuple):
    """A bar as it is handed out."""

    known_at: int
    spec: int
    instrument: int
    number: int
    version: int
    open_at: int
    close_at: int
    session: int
    marks: int
    trade_count: int
    open: float
    high: float
    low: float
    close: float
    volume: float
    vwap: float


@dataclass
class Book:
    """All that is known of an instrument."""

    closed: list[Bar] = field(default_factory=list)
    lengths: list[Bar] = field(default_factory=list)
    weights: list[float] = field(default_factory=list)
    frozen: int = 0
    open: Bar | None = None
    number: int = 0
    closed_at: int = -END
    edge: int = 0
    session: int = 0
    price: float = 0.0
    side: int = 0
    brick: tuple[int, int] | None = None


def averaged(values: list[float], span: float) -> float:
    """Return the exponentially weighted mean of values, the first of which stands for itself."""
    mean = values[0]
    for value in values[1:]:
        mean += (value - mean) * 2.0 / (span + 1.0)
    return mean


class ActivityOracle:
    """Feed rows in order; `seen` is what must have come out, `refused` the rows that could revise nothing."""

    def __init__(
        self, place: int, spec: BarSpec, table: SessionTable, lateness: int, horizon_seconds: int = 1200,
        expected: tuple[int, int] = (20, 10),
    ) -> None:  # fmt: skip
        self.place, self.spec, self.lateness = place, spec, lateness
        self.edges = [*table.edges.tolist(), END]
        self.labels = [*table.labels.tolist(), 0]
        self.horizon, (self.span, self.limit) = horizon_seconds * SECOND, expected
        self.books: dict[int, Book] = {}
        self.seen: list[Seen] = []
        self.refused: list[int] = []
        self.passed = 0

    def feed(self, ticks: Ticks, row: int) -> None:
        """Take a row."""
        known_at, which = int(ticks.known_at[row]), int(ticks.instrument[row])
        self.pass_edges(known_at)
        book = self.books.setdefault(which, Book())
        kind = Kind(int(ticks.kind[row]))
        if kind == Kind.CANCEL:
            self._cancel(which, book, int(ticks.reference[row]), known_at, row)
        elif kind == (Kind.QUOTE if self.spec.quotes else Kind.TRADE):
            trade = self._quote(ticks, row, book) if self.spec.quotes else self._trade(ticks, row, book)
            if trade is not None:
                self._take(which, book, trade, known_at, row)

    def pass_edges(self, until: int) -> None:
        """Cut what is open at the session ends before an instant."""
        while self.edges[self.passed] < END and self.edges[self.passed] + self.lateness <= until:
            edge = self.edges[self.passed]
            for which in sorted(self.books):
                if 0 < self.books[which].edge <= edge:
                    self._cut(which, self.books[which], edge + self.lateness)
            self.passed += 1

    def end(self) -> None:
        """End the input."""
        for which in sorted(self.books):
            if self.books[which].edge:
                self._cut(which, self.books[which], self.books[which].edge + self.lateness)

    def _trade(self, ticks: Ticks, row: int, book: Book) -> Trade | None:
        bits = Condition(int(ticks.conditions[row]))
        moves, only = bool(bits & Condition.MOVES_OPEN_CLOSE), bool(bits & Condition.LAST_IF_ONLY)
        if moves and int(ticks.flags[row]) & Quality.REGRESSING:
            moves, only = False, True
        counted, ranges = bool(bits & Condition.COUNTS_VOLUME), bool(bits & Condition.MOVES_HIGH_LOW)
        price = float(ticks.price[row])
        if moves:
            self._tick_rule(book, price)
        if not (moves or only or counted or ranges):
            return None
        return Trade(
            int(ticks.event_at[row]), int(ticks.sequence[row]), price, float(ticks.size[row]),
            counted, moves, ranges, only, book.side,
        )  # fmt: skip

    def _quote(self, ticks: Ticks, row: int, book: Book) -> Trade | None:
        bid, ask = float(ticks.best_bid[row]), float(ticks.best_ask[row])
        size = float(ticks.best_bid_size[row] + ticks.best_ask_size[row])
        if not (bid <= ask and size > 0) or int(ticks.flags[row]) & Quality.REGRESSING:
            return None
        self._tick_rule(book, (bid + ask) / 2.0)
        return Trade(int(ticks.event_at[row]), 0, (bid + ask) / 2.0, size, True, True, True, False, book.side)

    @staticmethod
    def _tick_rule(book: Book, price: float) -> None:
        if book.price > 0 and price != book.price:
            book.side = 1 if price > book.price else -1
        book.price = price

    def _take(self, which: int, book: Book, trade: Trade, known_at: int, row: int) -> None:
        renko = self.spec.kind == BarKind.RENKO
        over = self.passed > 0 and trade.event_at < self.edges[self.passed - 1] and not renko
        if trade.event_at < book.closed_at or over:
            self._late(which, book, trade, known_at, row)
            return
        if trade.event_at >= book.edge:
            if book.edge:
                self._cut(which, book, known_at)
            segment = next(at for at, edge in enumerate(self.edges) if edge > trade.event_at)
            book.edge, book.session = self.edges[segment], self.labels[segment]
        if book.open is None:
            book.open = Bar(book.number, book.session)
        bar = book.open
        bar.trades.append(trade)
        bar.session = book.session
        if renko:
            self._bricks(which, book, trade, known_at)
            return
        if trade.volume:
            book.weights.append(trade.side * self._weight(trade))
        if (trade.volume or self.spec.kind == BarKind.RANGE) and self._done(book, bar):
            last_at = max(each.event_at for each in bar.trades)
            self._close(which, book, last_at, known_at, 0)
            if self._expecting():
                book.lengths.append(bar)
                book.frozen = len(book.weights)

    def _expecting(self) -> bool:
        return self.spec.kind >= BarKind.TICK_IMBALANCE

    def _weight(self, trade: Trade) -> float:
        what = self.spec.kind.name.split("_")[0]
        return {"TICK": 1.0, "VOLUME": trade.size, "NOTIONAL": trade.price * trade.size}.get(what, 0.0)

    def _done(self, book: Book, bar: Bar) -> bool:
        kind, size, near = self.spec.kind, self.spec.size, 1 - 1e-9
        counted = [trade for trade in bar.trades if trade.volume]
        ticks = len(counted)
        plain = {
            BarKind.TICK: ticks,
            BarKind.VOLUME: sum(trade.size for trade in counted) / near,
            BarKind.NOTIONAL: sum(trade.price * trade.size for trade in counted) / near,
        }
        if kind in plain:
            return plain[kind] >= size
        if kind == BarKind.RANGE:
            prices = [trade.price for trade in bar.trades if trade.ranges]
            return bool(prices) and max(prices) - min(prices) >= size * near
        if not book.lengths or (self.limit and ticks < size / self.limit):
            return ticks >= size
        if self.limit and ticks >= size * self.limit:
            return True
        length = averaged([float(self._sides(each)[0]) for each in book.lengths], self.span)
        bought, sold = self._flows(bar)
        if "IMBALANCE" in kind.name:
            return abs(bought - sold) >= length * abs(averaged(book.weights[: book.frozen], self.span * size))
        return self._run(book, bought, sold, length)

    def _run(self, book: Book, bought: float, sold: float, length: float) -> bool:
        sides = [self._sides(bar) for bar in book.lengths]
        shares = [buys / (buys + sells) for _, buys, sells in sides if buys + sells]
        flows = [self._flows(bar) for bar in book.lengths]
        buys = [flow[0] / side[1] for flow, side in zip(flows, sides, strict=True) if side[1]]
        sells = [flow[1] / side[2] for flow, side in zip(flows, sides, strict=True) if side[2]]
        share = averaged(shares, self.span)
        expected = max(
            share * averaged(buys, self.span) if buys else 0.0,
            (1 - share) * averaged(sells, self.span) if sells else 0.0,
        )
        return max(bought, sold) >= length * expected

    @staticmethod
    def _sides(bar: Bar) -> tuple[int, int, int]:
        counted = [trade for trade in bar.trades if trade.volume and not trade.late]
        return (
            len(counted), sum(trade.side > 0 for trade in counted), sum(trade.side < 0 for trade in counted)
        )  # fmt: skip

    def _flows(self, bar: Bar) -> tuple[float, float]:
        counted = [trade for trade in bar.trades if trade.volume and not trade.late]
        bought = sum(self._weight(trade) for trade in counted if trade.side > 0)
        return bought, sum(self._weight(trade) for trade in counted if trade.side < 0)

    def _cut(self, which: int, book: Book, known_at: int) -> None:
        if self.spec.kind == BarKind.RENKO:
            return
        if book.open is not None:
            self._close(which, book, book.edge, known_at, int(Mark.CUT))
        book.closed_at = max(book.closed_at, book.edge)

    def _close(self, which: int, book: Book, close_at: int, known_at: int, marks: int) -> None:
        bar = book.open
        assert bar is not None
        bar.open_at, bar.close_at = min(trade.event_at for trade in bar.trades), close_at
        bar.marks = marks | (int(Mark.WARM_UP) if self._expecting() and not book.lengths else 0)
        book.closed.append(bar)
        book.number += 1
        book.open = None
        book.closed_at = max(book.closed_at, close_at)
        self._show(which, bar, known_at)

    def _bricks(self, which: int, book: Book, trade: Trade, known_at: int) -> None:
        size, level = self.spec.size, trade.price / self.spec.size
        if not trade.moves:
            return
        if book.brick is None:
            floor = int(np.floor(level + 1e-9))
            book.brick = (floor, floor)
            return
        at = max(each.event_at for each in book.open.trades) if book.open else trade.event_at
        while level >= book.brick[1] + 1 - 1e-9 or level <= book.brick[0] - 1 + 1e-9:
            low, high = book.brick
            rising = level >= high + 1 - 1e-9
            ends = (high, high + 1) if rising else (low, low - 1)
            prices = (float(Decimal(str(size)) * ends[0]), float(Decimal(str(size)) * ends[1]))
            book.brick = (high, high + 1) if rising else (low - 1, low)
            bar = book.open or Bar(book.number, book.session, open_at=at)
            bar.open_at = min((each.event_at for each in bar.trades), default=at)
            bar.close_at, bar.brick, bar.session = at, prices, book.session
            book.closed.append(bar)
            book.open, book.number = None, book.number + 1
            self._show(which, bar, known_at)
            book.closed_at = max(book.closed_at, at)

    def _late(self, which: int, book: Book, trade: Trade, known_at: int, row: int) -> None:
        later = [bar for bar in book.closed if bar.close_at >= trade.event_at] or book.closed[-1:]
        if not later or trade.event_at < known_at - self.horizon or not self._revisable(later[0], known_at):
            self.refused.append(row)
            return
        trade.late, trade.only, trade.moves = True, trade.only or trade.moves, False
        later[0].trades.append(trade)
        self._again(which, later[0], known_at)

    def _revisable(self, bar: Bar, known_at: int) -> bool:
        return self.horizon > 0 and bar.open_at >= known_at - self.horizon

    def _again(self, which: int, bar: Bar, known_at: int) -> None:
        bar.version += 1
        self._show(which, bar, known_at)

    def _cancel(self, which: int, book: Book, reference: int, known_at: int, row: int) -> None:
        bars = [*book.closed, *([book.open] if book.open else [])]
        found = [
            (bar, each)
            for bar in bars
            for each in bar.trades
            if each.sequence == reference and each.stands and self.horizon and each.sequence > 0
        ]
        if not found:
            self.refused.append(row)
            return
        bar, trade = found[-1]
        if bar is book.open:
            bar.open_at = min(each.event_at for each in bar.trades if each.stands)
        if not self._revisable(bar, known_at):
            self.refused.append(row)
            return
        trade.stands = False
        if bar is book.open:
            bar.trades.remove(trade)
            if not bar.trades:
                book.open = None
            return
        self._again(which, bar, known_at)

    def _show(self, which: int, bar: Bar, known_at: int) -> None:
        stands = [trade for trade in bar.trades if trade.stands]
        movers = [trade.price for trade in stands if trade.moves]
        others = [trade.price for trade in stands if trade.only]
        ends = movers or others[-1:] or [np.nan]
        ranging = [trade.price for trade in stands if trade.ranges] or [ends[0]]
        counted = [trade for trade in stands if trade.volume]
        volume = sum(trade.size for trade in counted)
        vwap = sum(trade.price * trade.size for trade in counted) / volume if volume else np.nan
        prices = (ends[0], max(ranging), min(ranging), ends[-1])
        if bar.brick is not None:
            prices = (bar.brick[0], max(bar.brick), min(bar.brick), bar.brick[1])
        self.seen.append(
            Seen(
                known_at, self.place, which, bar.number, bar.version, bar.open_at, bar.close_at, bar.session,
                bar.marks, len(counted), *prices, volume, vwap,
            )
        )  # fmt: skip
