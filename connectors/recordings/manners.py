"""How a venue behaves towards whoever connects, as its replay needs it: one short module for each venue."""

from collections import deque
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple, Protocol

import msgspec

from connectors.recordings.session_lines import SessionLine

BIDS, ASKS = "bids", "asks"


class Asked(NamedTuple):
    """What a client's message asks for: keys of channels to join (or to leave), or an answer and nothing else.

    `about` is what the acknowledgement needs of the message. An `answer` is sent as it is.
    """

    keys: tuple[str, ...] = ()
    leaving: bool = False
    about: Any = None
    answer: str | None = None


class BookChange(NamedTuple):
    """What a message does to a book: entries by side and price level, None taking one away.

    `whole` says that all was empty before; `mark` is what the next snapshot says of the message (ids, times). `number`
    grows from change to change at a venue whose books are asked for, so that what is older can be told from it.
    """

    book: str
    levels: Sequence[tuple[str, str, Any]]
    whole: bool = False
    mark: Any = None
    number: int = -1


WAITING_MAX = 4096
"""How many differences of a book are kept until its snapshot comes."""


@dataclass
class ReplayBook:
    """A book as far as the replay has come: exact texts as they were recorded."""

    sides: dict[str, dict[str, Any]] = field(default_factory=lambda: {BIDS: {}, ASKS: {}})
    mark: Any = None
    number: int = -1

    def apply(self, change: BookChange, depth: int | None) -> None:
        """Bring the book to where it stands after a message, `depth` levels a side where it is bounded.

        What is older than the book changes nothing.
        """
        if 0 <= change.number <= self.number:
            return
        self.number = max(change.number, self.number)
        if change.whole:
            self.sides = {BIDS: {}, ASKS: {}}
        for side, level, entry in change.levels:
            if entry is None:
                self.sides[side].pop(level, None)
            else:
                self.sides[side][level] = entry
        self.mark = change.mark if change.mark is not None else self.mark
        for side, levels in self.sides.items():
            if depth is not None and len(levels) > depth:
                self.sides[side] = dict(self.ordered(side)[:depth])

    def ordered(self, side: str) -> list[tuple[str, Any]]:
        """Return the levels of a side, the best first."""
        return sorted(self.sides[side].items(), key=lambda level: float(level[0]), reverse=side == BIDS)


class ReplayBooks:
    """The books of a session as far as it has come; `depth` levels a side where they are bounded.

    Differences that come before the snapshot of their book wait for it, since they may be newer: it is asked for after
    they are subscribed to.
    """

    def __init__(self, depth: int | None) -> None:
        self.depth = depth
        self._books: dict[str, ReplayBook] = {}
        self._waiting: dict[str, deque[BookChange]] = {}

    def take(self, change: BookChange) -> None:
        """Bring the book of a change to where it stands after it."""
        book = self._books.get(change.book)
        if book is None and not change.whole:
            if change.number >= 0:
                self._waiting.setdefault(change.book, deque(maxlen=WAITING_MAX)).append(change)
            return
        book = self._books.setdefault(change.book, ReplayBook())
        for each in (change, *self._waiting.pop(change.book, ())):
            book.apply(each, self.depth)

    def get(self, name: str) -> ReplayBook | None:
        """Return a book, None where it does not stand yet."""
        return self._books.get(name)


class Manners(Protocol):
    """What is particular to a venue. A message is what `msgspec.json.decode` makes of a text."""

    @property
    def name(self) -> str:
        """Return the name of the venue."""
        ...

    @property
    def depth(self) -> int | None:
        """Return how many levels a side its books have, None where all are sent."""
        ...

    def learn(self, line: SessionLine, message: Any) -> None:
        """Note what a line of the recording says of later answers (channel numbers, say)."""
        ...

    def greeting(self) -> Iterable[str]:
        """Return what is sent to whoever connects."""
        ...

    def joined_by(self, query: str) -> tuple[str, ...]:
        """Return the keys that the query of an address already asks for."""
        ...

    def asked(self, message: Any) -> Asked:
        """Return what a client's message asks for; one that is no JSON is its text."""
        ...

    def acknowledged(self, asked: Asked, joined: Iterable[str]) -> Iterable[str]:
        """Return what answers a subscription; `joined` is all that the client has joined by now."""
        ...

    def refused(self, asked: Asked) -> str:
        """Return what answers a subscription that is refused."""
        ...

    def key_of(self, message: Any) -> str | None:
        """Return the key of the channel that a message belongs to, None where it belongs to none."""
        ...

    def change_of(self, message: Any) -> BookChange | None:
        """Return what a message, or the answer to a request, does to a book."""
        ...

    def opening(self, key: str, book: Callable[[str], ReplayBook | None]) -> Iterable[str]:
        """Return what follows the acknowledgement of a key: the book as it stands, where the venue sends one."""
        ...

    def book_asked(self, path: str, query: dict[str, str]) -> str | None:
        """Return the name of the book that a request asks for, None where it asks for something else."""
        ...

    def book_told(self, name: str, book: ReplayBook) -> str:
        """Return the answer to a request for a book."""
        ...

    def heartbeats(self, joined: Iterable[str], at: int) -> Iterable[str]:
        """Return what is sent each second to a client that has joined these keys; `at` is the session's time."""
        ...


class PlainManners:
    """A venue that sends nothing of itself: no greeting, no beat, no book with a subscription and none on request."""

    depth: int | None = None

    def learn(self, line: SessionLine, message: Any) -> None:
        """Note nothing."""

    def greeting(self) -> Iterable[str]:
        """Return nothing."""
        return ()

    def joined_by(self, query: str) -> tuple[str, ...]:
        """Return nothing: addresses ask for nothing."""
        return ()

    def opening(self, key: str, book: Callable[[str], ReplayBook | None]) -> Iterable[str]:
        """Return nothing: no book follows."""
        return ()

    def book_asked(self, path: str, query: dict[str, str]) -> str | None:
        """Return nothing: books come with their subscription."""
        return None

    def book_told(self, name: str, book: ReplayBook) -> str:
        """Return what follows the acknowledgement of a book's key, which its name is."""
        return "".join(self.opening(name, lambda _: book))

    def heartbeats(self, joined: Iterable[str], at: int) -> Iterable[str]:
        """Return nothing: the client pings."""
        return ()


def message_of(text: str | bytes) -> Any:
    """Return what a client's text holds; the text itself where it is no JSON."""
    try:
        return msgspec.json.decode(text)
    except msgspec.DecodeError:
        return text if isinstance(text, str) else text.decode(errors="replace")


def text_of(message: Any) -> str:
    """Return a message as JSON."""
    return msgspec.json.encode(message).decode()


def rows_of(book: ReplayBook, side: str) -> list[Any]:
    """Return the entries of a side, the best first."""
    return [entry for _, entry in book.ordered(side)]


def pair_levels(side: str, rows: Iterable[Sequence[Any]]) -> list[tuple[str, str, Any]]:
    """Return the levels of rows that begin with price and size, a size of zero taking the level away."""
    return [(side, row[0], None if float(row[1]) == 0 else list(row)) for row in rows]
