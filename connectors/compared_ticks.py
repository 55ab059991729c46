"""A source of ticks that a second feed of the same instruments is held against: where they disagree, health says so.

The rows are those of the first feed alone. The second one's are read beside them, by `known_at`, and only for what they
say of the first: a record `disagreeing` when both have named different prices for too long, `fresh` when they agree
again. The records are part of the input, so a replay of the run repeats them without the second feed.
"""

from collections import deque
from collections.abc import Iterator, Mapping

import numpy as np
from numpy.typing import NDArray

from connectors.files.new_york import day_bounds, day_number
from connectors.source import SEQUENCES_PER_DAY, SourceError, TickSource, Wrapped
from domain.health import HealthState, MarketHealth, in_order, market_health
from domain.market import SECOND, Chunk, Condition, Kind, Session, Ticks, empty_ticks, row_count, select
from domain.sessions import SessionTable
from features.agreement import AGREEMENT, NEWS, AgreementRules, follow_feeds

_MOVES = int(Condition.MOVES_OPEN_CLOSE)


class ComparedTicks(Wrapped):
    """What a source holds, and where a second one disagrees; days and instruments that one lacks are not compared.

    They are compared in the regular session. Raises SourceError where they have no instrument in common.
    """

    def __init__(
        self, source: TickSource, second: TickSource, sessions: SessionTable, rules: AgreementRules
    ) -> None:
        super().__init__(source)
        self._second, self._sessions, self._rules = second, sessions, rules
        self._common = sorted(set(source.instruments()) & set(second.instruments()))
        if not self._common:
            raise SourceError(
                f"two feeds are compared in the instruments of both; {', '.join(source.instruments()[:5])} and "
                f"{', '.join(second.instruments()[:5])} have none in common: name a feed of the same instruments"
            )

    def read(self, segment: str, index: Mapping[str, int], owned: NDArray[np.bool_]) -> Iterator[Chunk]:
        """Yield a day's chunks of the source, each with what the second feed said of its rows; raises SourceError."""
        chunks = self._source.read(segment, index, owned)
        if segment not in self._second.segments():
            yield from chunks
            return
        places = {name: index[name] for name in self._common if name in index}
        other = _Ahead(self._second.read(segment, places, owned))
        pair = _Pair(self, segment, places, len(owned))
        for chunk in chunks:
            if not row_count(chunk.ticks):
                yield chunk
                continue
            said = pair.compare(chunk.ticks, other.until(int(chunk.ticks.known_at[-1])))
            yield chunk._replace(health=in_order((*chunk.health, *said))) if said else chunk
        ends_at = day_bounds(segment)[1] - 1
        left = [*pair.compare(empty_ticks(), other.until(ends_at)), *pair.end(ends_at)]
        if left:
            yield Chunk(empty_ticks(), health=in_order(left))

    @property
    def feeds(self) -> tuple[str, str]:
        """Return what the two are called where they disagree."""
        return self._source.name, self._second.name

    def regular(self, known_at: NDArray[np.int64]) -> NDArray[np.bool_]:
        """Say which instants (ns UTC) lie in the regular session."""
        return np.asarray(self._sessions.session(known_at) == Session.REGULAR)

    @property
    def rules(self) -> AgreementRules:
        """Return how far they may be apart."""
        return self._rules


class _Ahead:
    """Chunks of the second feed, and the rows of them that are not known yet."""

    def __init__(self, chunks: Iterator[Chunk]) -> None:
        self._chunks = chunks
        self._held: deque[Ticks] = deque()
        self._ended = False

    def until(self, instant: int) -> list[Ticks]:
        """Give up the rows that were known by an instant (ns UTC)."""
        while not self._ended and (not self._held or int(self._held[-1].known_at[-1]) <= instant):
            chunk = next(self._chunks, None)
            if chunk is None:
                self._ended = True
            elif row_count(chunk.ticks):
                self._held.append(chunk.ticks)
        taken: list[Ticks] = []
        while self._held and int(self._held[0].known_at[0]) <= instant:
            ticks = self._held.popleft()
            stop = int(np.searchsorted(ticks.known_at, instant, side="right"))
            taken.append(select(ticks, slice(0, stop)))
            if stop < row_count(ticks):
                self._held.appendleft(select(ticks, slice(stop, None)))
        return taken


class _Pair:
    """A day of two feeds: what each says of every instrument, and what was said of that."""

    def __init__(self, owner: ComparedTicks, segment: str, places: Mapping[str, int], count: int) -> None:
        self._owner = owner
        self._names = {at: name for name, at in places.items()}
        self._memory = np.zeros(count, AGREEMENT)
        self._quoted = np.zeros((2, count), np.bool_)
        self._common = np.zeros(count, np.bool_)
        self._common[list(places.values())] = True
        self._sequence = np.full(count, day_number(segment) * SEQUENCES_PER_DAY)

    def compare(self, ours: Ticks, theirs: list[Ticks]) -> list[MarketHealth]:
        """Return what is to be said after rows of both feeds, those of the second in the order of their coming."""
        parts = [(0, ours), *((1, ticks) for ticks in theirs)]
        prices, mids = zip(*(_prices(ticks) for _, ticks in parts), strict=True)
        known_at = np.concatenate([ticks.known_at for _, ticks in parts])
        instrument = np.concatenate([ticks.instrument for _, ticks in parts])
        feed = np.repeat(np.array([which for which, _ in parts]), [row_count(ticks) for _, ticks in parts])
        price, is_mid = np.concatenate(prices), np.concatenate(mids)
        rows = np.flatnonzero(~np.isnan(price) & self._common[instrument])
        rows = rows[np.argsort(known_at[rows], kind="stable")]
        news = np.empty(len(rows), NEWS)
        count = follow_feeds(
            known_at[rows],
            instrument[rows],
            feed[rows],
            price[rows],
            is_mid[rows],
            self._owner.regular(known_at[rows]),
            self._owner.rules,
            self._memory,
            self._quoted,
            news,
        )
        return [
            self._record(int(instrument[rows[one["row"]]]), int(known_at[rows[one["row"]]]), one)
            for one in news[:count]
        ]

    def end(self, at: int) -> list[MarketHealth]:
        """Return what ends with the day: nobody is disagreed with over night."""
        apart = np.flatnonzero(self._memory["apart"])
        return [self._said(int(which), at, HealthState.FRESH, "feeds: the day is over") for which in apart]

    def _record(self, which: int, at: int, news: np.void) -> MarketHealth:
        if not news["apart"]:
            return self._said(which, at, HealthState.FRESH, "feeds: they agree again, or are not compared")
        one, other = self._owner.feeds
        words = (
            f"feeds: {one} says {float(news['one']):.8g}, {other} {float(news['other']):.8g}, for more than "
            f"{self._owner.rules.span / SECOND:g} s"
        )
        return self._said(which, at, HealthState.DISAGREEING, words)

    def _said(self, which: int, at: int, state: HealthState, words: str) -> MarketHealth:
        self._sequence[which] += 1
        return market_health(
            self._names[which],
            state,
            words,
            source="feeds:" + "|".join(self._owner.feeds),
            sequence=int(self._sequence[which]),
            event_at=at,
            known_at=at,
        )


def _prices(ticks: Ticks) -> tuple[NDArray[np.float64], NDArray[np.bool_]]:
    """Return what rows say the price is, NaN where nothing, and which of them are mids of quotes of both sides."""
    price, kinds = np.full(row_count(ticks), np.nan), ticks.kind
    both = np.zeros(len(price), np.bool_)
    moves = np.ones(len(price), np.bool_) if kinds is None else kinds == Kind.TRADE
    if ticks.conditions is not None:
        moves &= ticks.conditions & np.uint32(_MOVES) != 0
    price[moves] = ticks.price[moves]
    if ticks.bid is not None and ticks.ask is not None and kinds is not None:
        both = (kinds == Kind.QUOTE) & (ticks.bid > 0) & (ticks.ask > ticks.bid)
        price[both] = 0.5 * (ticks.bid[both] + ticks.ask[both])
    return price, both
