"""How a venue behaves towards whoever connects, as its replay needs it: one short module for each venue."""

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

    `whole` says that all was empty before; `mark` is what the next snapshot says of the message (ids, times).
    """

    book: str
    levels: Sequence[tuple[str, str, Any]]
    whole: bool = False
    mark: Any = None


@dataclass
class ReplayBook:
    """A book as far as the replay has come: exact texts as they were recorded."""

    sides: dict[str, dict[str, Any]] = field(default_factory=lambda: {BIDS: {}, ASKS: {}})
    mark: Any = None

    def apply(self, change: BookChange, depth: int | None) -> None:
        """Bring the book to where it stands after a message, `depth` levels a side where it is bounded."""
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
        """Return what a client's message asks for."""
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


def text_of(message: Any) -> str:
    """Return a message as JSON."""
    return msgspec.json.encode(message).decode()


def rows_of(book: ReplayBook, side: str) -> list[Any]:
    """Return the entries of a side, the best first."""
    return [entry for _, entry in book.ordered(side)]


def pair_levels(side: str, rows: Iterable[Sequence[Any]]) -> list[tuple[str, str, Any]]:
    """Return the levels of rows that begin with price and size, a size of zero taking the level away."""
    return [(side, row[0], None if float(row[1]) == 0 else list(row)) for row in rows]
