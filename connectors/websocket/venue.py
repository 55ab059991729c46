"""What the shared connection needs to know of a venue: addresses, subscriptions, answers, pings, requests."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from connectors.websocket.candle_pages import CandlePages
from connectors.websocket.listing import Listing
from connectors.websocket.trade_pages import TradePages

CHANNELS = ("trades", "quotes", "depth")
"""What can be subscribed to."""


class Subscription(NamedTuple):
    """A message to send, and the confirmations (in the venue's own words) that it waits for."""

    text: str
    awaits: frozenset[str]


class Answer(NamedTuple):
    """What a frame says to our subscriptions: what is confirmed, or why we are refused."""

    confirmed: frozenset[str] = frozenset()
    refused: str = ""


def confirmed(*words: str) -> Answer:
    """Return the answer that confirms these."""
    return Answer(frozenset(words))


def no_book(_symbol: str) -> None:
    """Return nothing: the venue's books come with their subscription."""


@dataclass(frozen=True)
class Venue:
    """One venue. Symbols are the venue's own names of instruments.

    `subscriptions` says what to send for symbols and channels, `path` what is added to the address for them. `answer`
    reads a frame while answers are awaited, None where it is none. `listing` is how its list of instruments is written,
    `history` how its trades of the past are, None where it tells only the latest, `candles` how its candles are.
    `book_path` is the REST request for the book of a symbol, None where the book comes with its subscription; then
    `renewal` is what to send, step by step, so that the book of a symbol alone is left and joined again. A venue that
    has neither is connected to again.
    `ping` is the venue's own ping, where it has one beside that of the protocol. Between `mute_floor_seconds` and
    `mute_cap_seconds` of silence a connection is mute.
    """

    name: str
    websocket_url: str
    rest_url: str
    subscriptions: Callable[[Sequence[str], Sequence[str]], tuple[Subscription, ...]]
    answer: Callable[[bytes], Answer | None]
    listing: Listing
    history: TradePages | None = None
    candles: CandlePages | None = None
    path: Callable[[Sequence[str], Sequence[str]], str] = lambda _symbols, _channels: ""
    book_path: Callable[[str], str | None] = no_book
    renewal: Callable[[str], tuple[Subscription, ...]] | None = None
    ping: str = ""
    ping_seconds: float = 15.0
    messages_per_second: float = 5.0
    requests_per_second: float = 5.0
    mute_floor_seconds: float = 5.0
    mute_cap_seconds: float = 30.0
