"""The venues that can be connected to, by name."""

from connectors.websocket.binance.source import VENUE as BINANCE
from connectors.websocket.binance_futures.source import VENUE as BINANCE_FUTURES
from connectors.websocket.bitstamp.source import VENUE as BITSTAMP
from connectors.websocket.bybit.source import VENUE as BYBIT
from connectors.websocket.coinbase.source import VENUE as COINBASE
from connectors.websocket.kraken.source import VENUE as KRAKEN
from connectors.websocket.okx.source import VENUE as OKX
from connectors.websocket.venue import Venue

VENUES: dict[str, Venue] = {
    venue.name: venue for venue in (BINANCE, BINANCE_FUTURES, BITSTAMP, BYBIT, COINBASE, KRAKEN, OKX)
}
"""Each in a folder of its own."""
