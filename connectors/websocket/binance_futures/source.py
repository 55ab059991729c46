"""Where Binance's USD-M futures are, and how they are spoken to (Binance, USD-M Futures, 2024)."""

from functools import partial

from connectors.websocket.combined_streams import STEPS, answer, candle_pages, subscriptions, trade_pages
from connectors.websocket.listing import Listing
from connectors.websocket.venue import Venue

STREAMS = {"trades": "aggTrade", "quotes": "bookTicker", "depth": "depth@100ms"}

VENUE = Venue(
    name="binance_futures",
    websocket_url="wss://fstream.binance.com",
    rest_url="https://fapi.binance.com",
    path=lambda _symbols, _channels: "/stream",
    subscriptions=partial(subscriptions, streams=STREAMS),
    answer=answer,
    book_path=lambda symbol: f"/fapi/v1/depth?symbol={symbol}&limit=1000",
    listing=Listing("/fapi/v1/exchangeInfo", "symbols.*", "symbol", *STEPS),
    history=trade_pages("/fapi/v1/aggTrades"),
    candles=candle_pages("/fapi/v1/klines"),
    requests_per_second=2.0,
)
