"""Frames of venues to columns: what every venue's codec shares.

A codec says by a key (a few letters of the frame) how a frame is read and of which instrument it is; the frames of a
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
from connectors.websocket.fields import Fields, Scratch, Shape, Texts
from connectors.websocket.keys import Cut, Keys
from domain.market import Float64, Int64
from features.depth_book import Event, Rule
from features.depth_levels import Levels

_DAMAGES = (msgspec.DecodeError, ValueError, KeyError, IndexError, TypeError, OverflowError)
_WHOLE = msgspec.json.Decoder(msgspec.Raw).decode
_PARTS = msgspec.json.Decoder(dict[str, msgspec.Raw]).decode
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
        texts: Texts,
    ) -> None:
        self.columns, self.lines, self.instruments, self.extra = columns, lines, instruments, extra
        self._texts, self._rule, self._scratch = texts, codec.rule, codec.scratch

    def fields(self, shape: Shape) -> Fields:
        """Return the wanted values of the frames."""
        return Fields.of(self._texts, shape, self._scratch)

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
        kept = self._settled(fields, levels.rows, np.broadcast_to(kind, len(fields)))
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
        lines, changes = self.lines, Levels(price, size, digits)
        if kept is not None:
            stays = ~fields.doubted
            lines, event_at, events, counts = lines[stays], event_at[stays], events[stays], counts[stays]
        self.columns.depth(lines, event_at, events, counts, changes)

    def unused(self, about: str) -> None:
        """Add that frames are of no use, where they are whole."""
        fields = self.fields(Shape())
        self._settled(fields, fields)
        self.left_out(fields, ~fields.doubted, about)

    def left_out(self, fields: Fields, which: NDArray[np.bool_], about: str) -> None:
        """Add that some of the frames are of no use, and read no more of them."""
        left = which & ~fields.doubted
        for line in self.lines[left].tolist():
            self.columns.notice(line, NoticeKind.UNUSED, about)
        fields.doubt(left, lambda _: "")

    def _settled(
        self, fields: Fields, rows: Fields, kind: NDArray[np.generic] | None = None
    ) -> NDArray[np.bool_] | None:
        """Refuse what is doubted; return which rows are not, None where all are fine.

        `kind` is that of changes of books: a book that cannot be read is lost, and with one that is missing unnoticed.
        """
        if rows is not fields:
            fields.believed_rows(rows)
        if not fields.doubted.any():
            return None
        for at in np.flatnonzero(fields.doubted).tolist():
            line, reason = int(self.lines[at]), fields.reasons[at]
            if reason:
                self.columns.refuse(line, reason)
            if reason and kind is not None and (self._rule in _BY_RULE or kind[at] == Event.SNAPSHOT):
                self.columns.lost(line, int(self.instruments[at]))
        kept: NDArray[np.bool_] = ~fields.doubted[rows.row]
        return kept


Reader = Callable[[Block], None]


class Route(NamedTuple):
    """How the frames of a key are read, of which instrument they are, and what the key says besides."""

    reader: Reader
    instrument: int = 0
    extra: int = 0


def passed(_block: Block) -> None:
    """Read over frames of instruments that are not wanted."""


def _shallower(block: Block) -> None:
    """Read over a book of which another channel shows more."""
    block.unused("a book of which another channel shows more levels")


class FrameCodec:
    """What the codecs of all venues share: lines in, columns out, and which instruments are wanted.

    `key` says where frames have their key; `order` is how the venue orders the parts of a frame (`a.b`: `b` in `a`), so
    that the key of one that is written otherwise can be found.

    `names` are the instruments wanted, in index order; where it is None every instrument is, in the order in which they
    are met, and `names` grows.
    """

    rule = Rule.NONE
    key = Cut()
    order: tuple[str, ...] = ()

    def __init__(self, names: Sequence[str] | None, instrument_name: Callable[[str], str]) -> None:
        self._grows = names is None
        self.names = list(names or ())
        self._index = {name: at for at, name in enumerate(self.names)}
        self._instrument_name = instrument_name
        self._known: dict[str, int] = {}
        self._keys = Keys(self.key)
        self._routes: list[Route] = []
        self._numbers: dict[Route, int] = {}
        self._changes = 0
        self._books: dict[str, tuple[int, bytes]] = {}
        self.scratch = Scratch()

    def decode(self, lines: Sequence[SessionLine]) -> Frames:
        """Return a block of lines in columns; what a codec remembers from block to block are keys and symbols alone."""
        columns = Columns()
        frames = Texts.of([line.text for line in lines])
        found = np.full(len(lines), -1, np.int64)
        end = _ends(lines, frames)
        stop = 0
        while stop < len(lines):
            unmet, stop = self._keys.find(frames.letters, frames.begin, end, found, stop)
            for at, start, past, again, over in unmet:
                known, line = self._changes, lines[at]
                key = line.text[start:past] + line.text[again:over]
                found[at] = self._line(columns, at, line, key)
                if known != self._changes:
                    stop = at + 1
                    break
        self._read(columns, frames, found)
        return columns.frames()

    def _line(self, columns: Columns, number: int, line: SessionLine, key: bytes) -> int:
        """Take a line without a key that was met before; return the number of its route, -1 where it has none."""
        if line.traffic is Traffic.RECEIVED:
            return self._routed(columns, number, line.text, key)
        if line.traffic is Traffic.ANSWERED:
            try:
                self._answered(columns, number, line.address, line.text)
            except _DAMAGES as failure:
                columns.refuse(number, _reason(failure))
        elif line.traffic is Traffic.CONNECTED:
            for instrument in range(len(self.names)):
                columns.lost(number, instrument, Event.FORGET)
        return -1

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

    def book_to(self, reader: Reader, symbol: str, key: bytes, levels: int, extra: int = 0) -> Route:
        """Return how books of a key are read: of several channels with the book of a symbol, the deepest alone is.

        `levels` are how many of a side the channel shows. Raises SourceError.
        """
        deepest, its_key = self._books.get(symbol, (0, key))
        if key != its_key and levels < deepest:
            return Route(_shallower)
        if key != its_key:
            self._put(its_key, Route(_shallower))
        self._books[symbol] = levels, key
        return self.route_to(reader, symbol, extra)

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
            reader(Block(columns, self, at, which, np.zeros(1, np.int64), Texts.of([text])))

    def _routed(self, columns: Columns, number: int, text: bytes, key: bytes) -> int:
        """Return the route of a frame whose key was not met before; a frame that has none is read here."""
        kind: NoticeKind | None = None
        try:
            if route := self._route(key) if key else None:
                return self._put(key, route)
            kind, about = self._said(text)
        except _DAMAGES as failure:
            about = _broken(text) or _reason(failure)
        if kind in {None, NoticeKind.UNUSED} and (route := self._otherwise(text)):
            return self._number(route)
        if kind is None:
            columns.refuse(number, about)
        else:
            columns.notice(number, kind, about)
        return -1

    def _otherwise(self, text: bytes) -> Route | None:
        """Return the route of a frame that is written in another way than the venue's own, None where it has none."""
        try:
            key = self._keys.cut(_ordered(text, self.order))
            return self._route(key) if key else None
        except _DAMAGES:
            return None

    def _put(self, key: bytes, route: Route) -> int:
        """Have the frames of a key read by a route from now on; return its number."""
        number = self._number(route)
        self._keys.put(key, number)
        self._changes += 1
        return number

    def _number(self, route: Route) -> int:
        if route not in self._numbers:
            self._numbers[route] = len(self._routes)
            self._routes.append(route)
        return self._numbers[route]

    def _read(self, columns: Columns, frames: Texts, found: Int64) -> None:
        """Have the frames of routes read, those of one reader together."""
        numbers = np.unique(found[found >= 0]).tolist()
        readers = list(dict.fromkeys(self._routes[number].reader for number in numbers))
        said = np.zeros((3, len(self._routes)), np.int64)
        for number in numbers:
            route = self._routes[number]
            said[:, number] = readers.index(route.reader), route.instrument, route.extra
        which = np.where(found >= 0, said[0, found], -1) if numbers else found
        for at, reader in enumerate(readers):
            rows = np.flatnonzero(which == at)
            route_of = found[rows]
            reader(Block(columns, self, rows, said[1, route_of], said[2, route_of], frames.some(rows)))


def _ends(lines: Sequence[SessionLine], frames: Texts) -> Int64:
    """Return where frames end; what was not received has no letters, so that no key is found in it."""
    received = Traffic.RECEIVED
    others = [at for at, line in enumerate(lines) if line.traffic is not received]
    if not others:
        return frames.end
    end = frames.end.copy()
    end[others] = frames.begin[others]
    return end


def _ordered(text: bytes, order: Sequence[str]) -> bytes:
    """Return an object with its parts in an order, `a.b` being `b` in `a`, and without spaces around them.

    Nothing is returned where it is none, has not all of these parts, or is written so already.
    """
    names = dict.fromkeys(path.partition(".")[0] for path in order)
    try:
        parts = _PARTS(text) if all(name.encode() in text for name in names) else {}
    except msgspec.DecodeError:
        return b""
    for name in names:
        inner = [rest for first, _, rest in (path.partition(".") for path in order) if rest and first == name]
        if inner and name in parts:
            parts[name] = msgspec.Raw(_ordered(bytes(parts[name]), inner) or bytes(parts[name]))
    if not all(name in parts for name in names):
        return b""
    ordered = msgspec.json.encode({name: parts[name] for name in names} | parts)
    return b"" if ordered == text else ordered


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
