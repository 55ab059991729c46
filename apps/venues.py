"""From `VENUE:INSTRUMENT,INSTRUMENT` to a live source, or to its past: which venue, which symbols, which addresses."""

import importlib
import re
from datetime import date
from pathlib import Path
from typing import NamedTuple

import polars as pl

from config.servers import VenueAddress, read_servers
from connectors.source import SourceError, selected_names
from connectors.websocket.candle_pages import Told, candles_between
from connectors.websocket.clock import MachineClock
from connectors.websocket.connection import Plan
from connectors.websocket.live_ticks import LiveTicks, Wanted
from connectors.websocket.rest import Requests
from connectors.websocket.rest_ticks import RestTicks
from connectors.websocket.venue import CHANNELS, Venue
from connectors.websocket.venues import VENUES
from domain.market import DAY_SECONDS, SECOND

_DURATION = re.compile(r"(\d+)(s|m|h)\Z")
_SECONDS = {"s": 1, "m": 60, "h": 3600}
_FOR, _ONLY = "for=", "channels="


def is_live(spec: str) -> bool:
    """Say whether a source that somebody types is a venue."""
    return spec.partition(":")[0] in VENUES


class Asked(NamedTuple):
    """What a source that somebody types asks of a venue: symbols by instrument, where it is, and for how long."""

    venue: Venue
    websocket_url: str
    rest_url: str
    symbols: dict[str, str]
    channels: tuple[str, ...]
    seconds: float


def live_source(spec: str, config: Path | None = None) -> LiveTicks:
    """Return the venue's ticks, not connected to yet; raises SourceError, SettingsError.

    `coinbase:BTC-USD,ETH-USD,for=10m,channels=trades+depth`: without `for` it goes on until it is stopped, without
    `channels` it takes all.
    """
    asked = _asked(spec, config)
    plan = Plan(asked.venue, asked.websocket_url, tuple(asked.symbols.values()), asked.channels)
    return LiveTicks(Wanted(plan, asked.rest_url, asked.symbols, asked.seconds))


def history_source(
    spec: str,
    instruments: tuple[str, ...] | None,
    first: str | None,
    last: str | None,
    config: Path | None = None,
) -> RestTicks:
    """Return the venue's trades of days that are over; raises SourceError, SettingsError, RequestFailed.

    `coinbase:BTC-USD,ETH-USD` with both dates; `instruments` choose among those that are named.
    """
    asked = _asked(spec, config)
    if first is None or last is None:
        raise SourceError(
            f"{spec} is live: run it with `ita run desk --source {spec}`, or give --from and --to for its past"
        )
    if asked.seconds or asked.channels != CHANNELS:
        raise SourceError(f"{spec} asks for the past, which has trades alone; leave for and channels out")
    names = selected_names(asked.symbols, instruments)
    symbols = {name: asked.symbols[name] for name in names}
    return RestTicks(asked.venue, asked.rest_url, symbols, first, last)


def candle_table(spec: str, seconds: int, days: tuple[str, str], config: Path | None = None) -> pl.DataFrame:
    """Return a venue's own candles of days that are over (of UTC, both among them), in order of close and instrument.

    A row says where it is from: `source` is the venue, `asked` the address whose answer told it. What was heard over
    REST was known when the candle was over. Raises SourceError, SettingsError, RequestFailed.
    """
    asked = _asked(spec, config)
    if asked.venue.candles is None:
        raise SourceError(f"{asked.venue.name} tells no candles; make bars of its trades")
    clock = MachineClock()
    bounds = _days_of_utc(*days, clock.now())
    requests = Requests(asked.rest_url, asked.venue.requests_per_second, clock)
    try:
        tables = [
            _table(asked.venue.name, name, seconds, requests.url, told)
            for name, symbol in sorted(asked.symbols.items())
            for told in [candles_between(asked.venue.candles, symbol, seconds, bounds, requests, clock.now())]
        ]
    finally:
        requests.close()
    return pl.concat(tables).sort("close_at", "instrument", maintain_order=True)


def _table(venue: str, name: str, seconds: int, url: str, told: Told) -> pl.DataFrame:
    candles, count = told.candles, len(told.candles.open_at)
    instants = {"open_at": candles.open_at, "close_at": candles.open_at + seconds * SECOND}
    table = pl.DataFrame(
        {
            "instrument": pl.Series([name] * count, dtype=pl.String),
            "interval": pl.Series([seconds] * count, dtype=pl.Int32),
            **instants,
            "known_at": instants["close_at"],
            **{each: getattr(candles, each) for each in ("open", "high", "low", "close", "volume")},
            "version": pl.Series([0] * count, dtype=pl.Int16),
            "source": pl.Series([venue] * count, dtype=pl.String),
            "asked": pl.Series([url + told.paths[page] for page in candles.page.tolist()], dtype=pl.String),
        }
    )
    times = [
        pl.from_epoch(pl.col(each), time_unit="ns").dt.replace_time_zone("UTC")
        for each in ("open_at", "close_at", "known_at")
    ]
    return table.with_columns(*times)


def _days_of_utc(first: str, last: str, now_at: int) -> tuple[int, int]:
    """Return when the first day begins and the last ends (ns UTC); raises SourceError."""
    try:
        begin, end = (date.fromisoformat(given) for given in (first, last))
    except ValueError as failure:
        raise SourceError(f"a date is written YYYY-MM-DD; {failure}") from failure
    bounds = tuple((day - date(1970, 1, 1)).days * DAY_SECONDS * SECOND for day in (begin, end))
    start, stop = bounds[0], bounds[1] + DAY_SECONDS * SECOND
    if not start < stop <= now_at:
        raise SourceError(f"candles are of days that are over (UTC), in order; {first} to {last} was given")
    return start, stop


def _asked(spec: str, config: Path | None) -> Asked:
    name, _, place = spec.partition(":")
    venue = VENUES[name]
    seconds, names = 0.0, []
    channels: tuple[str, ...] = CHANNELS
    for part in filter(None, (part.strip() for part in place.split(","))):
        if part.startswith(_FOR):
            seconds = _seconds(part.removeprefix(_FOR))
        elif part.startswith(_ONLY):
            channels = _channels(part.removeprefix(_ONLY))
        else:
            names.append(part.upper())
    if not names:
        raise SourceError(
            f"{spec!r} names no instrument; write {name}:BTC-USD or more of them, with commas between"
        )
    symbols = importlib.import_module(f"connectors.websocket.{name}.symbols")
    wanted = {one: symbols.venue_symbol(one) for one in dict.fromkeys(names)}
    address = read_servers(config).venues.get(name, VenueAddress())
    websocket = address.url or venue.websocket_url
    rest = address.rest_url or (re.sub(r"^ws", "http", address.url) if address.url else venue.rest_url)
    return Asked(venue, websocket, rest, wanted, channels, seconds)


def _seconds(given: str) -> float:
    found = _DURATION.match(given)
    if found is None or int(found[1]) == 0:
        raise SourceError(f"for is a duration above 0 as 90s, 10m or 8h; {given!r} was given")
    return float(int(found[1]) * _SECONDS[found[2]])


def _channels(given: str) -> tuple[str, ...]:
    chosen = given.split("+")
    for one in chosen:
        if one not in CHANNELS:
            raise SourceError(
                f"channels are some of {', '.join(CHANNELS)}, with + between; {one!r} was given"
            )
    return tuple(channel for channel in CHANNELS if channel in chosen)
