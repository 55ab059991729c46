"""Where Binance's spot market is, and how it is spoken to (Binance, Web Socket Streams and REST API, 2024)."""

from functools import partial

from connectors.websocket.combined_streams import STEPS, answer, candle_pages, subscriptions, trade_pages
from connectors.websocket.listing import Listing
from connectors.websocket.venue import Venue

STREAMS = {"trades": "trade", "quotes": "bookTicker", "depth": "depth@100ms"}

VENUE = Venue(
    name="binance",
    websocket_url="wss://stream.binance.com:9443",
    rest_url="https://api.binance.com",
    path=lambda _symbols, _channels: "/stream",
    subscriptions=partial(subscriptions, streams=STREAMS),
    answer=answer,
    book_path=lambda symbol: f"/api/v3/depth?symbol={symbol}&limit=1000",
    listing=Listing("/api/v3/exchangeInfo", "symbols.*", "symbol", *STEPS),
    history=trade_pages("/api/v3/aggTrades"),
    candles=candle_pages("/api/v3/klines"),
    requests_per_second=2.0,
)
