"""From `VENUE:INSTRUMENT,INSTRUMENT` to a live source, or to its past: which venue, which symbols, which addresses."""

import importlib
import re
from pathlib import Path
from typing import NamedTuple

from config.servers import VenueAddress, read_servers
from connectors.source import SourceError, selected_names
from connectors.websocket.connection import Plan
from connectors.websocket.live_ticks import LiveTicks, Wanted
from connectors.websocket.rest_ticks import RestTicks
from connectors.websocket.venue import CHANNELS, Venue
from connectors.websocket.venues import VENUES

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
