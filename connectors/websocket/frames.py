"""Frames of venues to columns: what every venue's codec shares.

A codec says by a key (a few bytes of the frame) how a frame is read and of which instrument it is; the frames of a
block that are read alike are read together, by one of the codec's readers, into columns. A frame that cannot be read is
refused whole, with its reason; it takes nothing else with it.
"""

from collections.abc import Callable, Sequence
from typing import NamedTuple

import msgspec
import numpy as np
from numpy.typing import NDArray

from connectors.recordings.session_lines import SessionLine, Traffic
from connectors.websocket.columns import NO_ID, Columns, Frames, NoticeKind, depth_events
from connectors.websocket.fields import Fields, Scratch, Shape
from domain.market import Float64, Int64
from features.depth_book import Event, Rule
from features.depth_levels import Levels

_DAMAGES = (msgspec.DecodeError, ValueError, KeyError, IndexError, TypeError, OverflowError)
_WHOLE = msgspec.json.Decoder(msgspec.Raw).decode
_BY_RULE = (Rule.NONE, Rule.NEWER)
"""Rules by which a difference that is missing is not found out."""


class Damaged(ValueError):
    """A frame whose JSON is whole and whose content is not."""


class Side(NamedTuple):
    """Levels of frames: `rows` are their fields, `price` and `size` their values, `asks` says which are of that side.

    `digits` (levels, 2) are kept where a rule asks for them (`features/depth_levels.py`).
    """

    rows: Fields
    price: Float64
    size: Float64
    asks: NDArray[np.bool_]
    digits: Int64 | None = None


class Block:
    """Frames that are read together: the line of each, its instrument, and what its key says besides."""

    def __init__(
        self,
        columns: Columns,
        codec: "FrameCodec",
        lines: Int64,
        instruments: Int64,
        extra: Int64,
        texts: Sequence[bytes],
    ) -> None:
        self.columns, self.lines, self.instruments, self.extra = columns, lines, instruments, extra
        self.texts, self._rule, self._scratch = texts, codec.rule, codec.scratch

    def fields(self, shape: Shape) -> Fields:
        """Return the wanted values of the frames."""
        return Fields.of(self.texts, shape, self._scratch)

    def trades(
        self,
        fields: Fields,
        event_at: Int64,
        numbers: tuple[Float64, Float64, Float64],
        ids: Sequence[int | str],
    ) -> None:
        """Add trades, one for each of the rows of fields: `numbers` are price, size and side."""
        rows = fields.rows
        kept = self._settled(fields, rows)
        values = np.column_stack((*numbers, np.full(len(rows), np.nan)))
        row = rows.row
        if kept is not None:
            row, event_at, values = row[kept], event_at[kept], values[kept]
            ids = [number for number, stays in zip(ids, kept.tolist(), strict=True) if stays]
        self.columns.trades(self.lines[row], self.instruments[row], event_at, values, ids)

    def quotes(
        self, fields: Fields, event_at: Int64, numbers: Sequence[Float64], last: Int64 | None = None
    ) -> None:
        """Add quotes: `numbers` are bid, its size, ask, its size."""
        kept = self._settled(fields, fields)
        row = fields.row if kept is None else fields.row[kept]
        numbers_of = np.column_stack(numbers)[row]
        ids = np.full(len(row), NO_ID, np.int64) if last is None else last[row]
        self.columns.quotes(self.lines[row], self.instruments[row], event_at[row], numbers_of, ids)

    def depth(
        self,
        fields: Fields,
        kind: Event | Int64 | Float64,
        event_at: Int64,
        levels: Side,
        **ids: Int64,
    ) -> None:
        """Add changes of books; `ids` are `first`, `last`, `previous` and `depth` of `features/depth_book.py`."""
        price, size, asks, digits = levels.price, levels.size, levels.asks, levels.digits
        row = levels.rows.row
        kept = self._settled(fields, levels.rows, is_depth=True)
        if kept is not None:
            row, price, size, asks = row[kept], price[kept], size[kept], asks[kept]
            digits = None if digits is None else digits[kept]
        if digits is None:
            digits = np.zeros((len(row), 2), np.int64)
        place = 2 * row + asks
        if (place[1:] < place[:-1]).any():
            order = np.argsort(place, kind="stable")
            price, size, digits = price[order], size[order], digits[order]
        counts = np.bincount(place, minlength=2 * len(fields)).reshape(-1, 2)
        events = depth_events(Event.DIFFERENCE, self.instruments)
        events["kind"] = kind
        for name, values in ids.items():
            events[name] = values
        stays = ~fields.doubted
        self.columns.depth(
            self.lines[stays], event_at[stays], events[stays], counts[stays], Levels(price, size, digits)
        )

    def unused(self, about: str | Sequence[str]) -> None:
        """Add that frames are of no use, where they are whole."""
        fields = self.fields(Shape())
        self._settled(fields, fields)
        for at in np.flatnonzero(~fields.doubted).tolist():
            said = about if isinstance(about, str) else about[at]
            self.columns.notice(int(self.lines[at]), NoticeKind.UNUSED, said)

    def _settled(self, fields: Fields, rows: Fields, *, is_depth: bool = False) -> NDArray[np.bool_] | None:
        """Refuse what is doubted; return which rows are not, None where all are fine."""
        if rows is not fields:
            fields.believed_rows(rows)
        if not fields.doubted.any():
            return None
        for at in np.flatnonzero(fields.doubted).tolist():
            line, reason = int(self.lines[at]), fields.reasons[at]
            if reason:
                self.columns.refuse(line, reason)
            if reason and is_depth and self._rule in _BY_RULE:
                self.columns.lost(line, int(self.instruments[at]))
        kept: NDArray[np.bool_] = ~fields.doubted[rows.row]
        return kept


Reader = Callable[[Block], None]


class Route(list[int]):
    """How the frames of a key are read, and the lines of those that wait to be."""

    def __init__(self, reader: Reader, instrument: int = 0, extra: int = 0) -> None:
        super().__init__()
        self.reader, self.instrument, self.extra = reader, instrument, extra


def passed(_block: Block) -> None:
    """Read over frames of instruments that are not wanted."""


class FrameCodec:
    """What the codecs of all venues share: lines in, columns out, and which instruments are wanted.

    `names` are the instruments wanted, in index order; where it is None every instrument is, in the order in which they
    are met, and `names` grows.
    """

    rule = Rule.NONE

    def __init__(self, names: Sequence[str] | None, instrument_name: Callable[[str], str]) -> None:
        self._grows = names is None
        self.names = list(names or ())
        self._index = {name: at for at, name in enumerate(self.names)}
        self._instrument_name = instrument_name
        self._known: dict[str, int] = {}
        self._routes: dict[bytes, Route] = {}
        self.scratch = Scratch()

    def decode(self, lines: Sequence[SessionLine]) -> Frames:
        """Return a block of lines in columns; what a codec remembers from block to block are symbols alone."""
        columns = Columns()
        received, routes, key = Traffic.RECEIVED, self._routes, self._key
        met: list[Route] = []
        for number, (traffic, _, address, text) in enumerate(lines):
            if traffic is received:
                route = routes.get(key(text))
                if route is None:
                    route = self._routed(columns, number, text)
                    if route is None:
                        continue
                if not route:
                    met.append(route)
                route.append(number)
            elif traffic is Traffic.ANSWERED:
                try:
                    self._answered(columns, number, address, text)
                except _DAMAGES as failure:
                    columns.refuse(number, _reason(failure))
            elif traffic is Traffic.CONNECTED:
                for instrument in range(len(self.names)):
                    columns.lost(number, instrument, Event.FORGET)
        self._read(columns, lines, met)
        return columns.frames()

    def instrument(self, symbol: str) -> int:
        """Return the index of a venue's symbol, -1 where it is not wanted; raises SourceError."""
        known = self._known.get(symbol)
        if known is not None:
            return known
        name = self._instrument_name(symbol)
        if self._grows and name not in self._index:
            self._index[name] = len(self.names)
            self.names.append(name)
        self._known[symbol] = self._index.get(name, -1)
        return self._known[symbol]

    def route_to(self, reader: Reader, symbol: str, extra: int = 0) -> Route:
        """Return how frames of a symbol are read, which is not at all where it is not wanted; raises SourceError."""
        instrument = self.instrument(symbol)
        return Route(reader, instrument, extra) if instrument >= 0 else Route(passed)

    def _key(self, text: bytes) -> bytes:
        """Return what decides how a frame is read: a part of it, found without reading it."""
        raise NotImplementedError

    def _route(self, key: bytes) -> Route | None:
        """Return how the frames of a key are read, None where each is to be looked at on its own (`_said`)."""
        raise NotImplementedError

    def _said(self, text: bytes) -> tuple[NoticeKind, str]:
        """Return what a frame without market data says; raises one of what damaged frames raise."""
        raise NotImplementedError

    def _answered(self, columns: Columns, number: int, address: str, text: bytes) -> None:
        """Read the answer of a REST request; a venue whose books come over its websocket needs none."""

    def _one(self, columns: Columns, number: int, symbol: str, text: bytes, reader: Reader) -> None:
        """Read one frame of a symbol, which names none itself."""
        instrument = self.instrument(symbol)
        if instrument >= 0:
            at, which = np.array([number]), np.array([instrument])
            reader(Block(columns, self, at, which, np.zeros(1, np.int64), [text]))

    def _routed(self, columns: Columns, number: int, text: bytes) -> Route | None:
        """Return the route of a key that was not met before; a frame that has none is read here."""
        try:
            route = self._route(self._key(text))
            if route is not None:
                return self._routes.setdefault(self._key(text), route)
            columns.notice(number, *self._said(text))
        except _DAMAGES as failure:
            columns.refuse(number, _broken(text) or _reason(failure))
        return None

    def _read(self, columns: Columns, lines: Sequence[SessionLine], met: list[Route]) -> None:
        """Have the frames of routes read, those of one reader together."""
        routes: dict[Reader, list[Route]] = {}
        for route in met:
            routes.setdefault(route.reader, []).append(route)
        for reader, alike in routes.items():
            counts = [len(route) for route in alike]
            numbers = np.array([number for route in alike for number in route])
            said = np.repeat([(route.instrument, route.extra) for route in alike], counts, axis=0)
            order = np.argsort(numbers, kind="stable")
            numbers, said = numbers[order], said[order]
            texts = [lines[number].text for number in numbers.tolist()]
            block = Block(columns, self, numbers, said[:, 0], said[:, 1], texts)
            for route in alike:
                route.clear()
            reader(block)


def _broken(text: bytes) -> str:
    """Say that a frame is no JSON, nothing where it is."""
    try:
        _WHOLE(text)
    except msgspec.DecodeError as failure:
        return f"no JSON: {failure}"
    return ""


def _reason(failure: Exception) -> str:
    if isinstance(failure, msgspec.ValidationError):
        return f"unexpected content: {failure}"
    if isinstance(failure, msgspec.DecodeError):
        return f"no JSON: {failure}"
    if isinstance(failure, KeyError | IndexError):
        return f"unexpected content: {failure.args[0] if failure.args else 'a part is missing'}"
    return str(failure)
