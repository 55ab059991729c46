"""A recorded session of one venue, from one file or several: what was received in order of time, and REST answers."""

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any, NamedTuple
from urllib.parse import parse_qsl, urlsplit

import msgspec

from connectors.recordings.binance_manners import BinanceManners
from connectors.recordings.bitstamp_manners import BitstampManners
from connectors.recordings.bybit_manners import BybitManners
from connectors.recordings.coinbase_manners import CoinbaseManners
from connectors.recordings.kraken_manners import KrakenManners
from connectors.recordings.kraken_second_manners import KrakenSecondManners
from connectors.recordings.manners import BookChange, Manners
from connectors.recordings.okx_manners import OkxManners
from connectors.recordings.session_lines import HOSTS, SessionLine, Traffic, session_lines
from connectors.source import SourceError

EVERYONE = "*"
"""The key of what could not be read when it was recorded: every client gets it."""


class Moment(NamedTuple):
    """Something that was received: for whom (`key`), and what it does to a book where that cannot be read from it.

    A moment without a text is known to the venue alone: the answer of a request for a book.
    """

    at: int
    key: str
    text: str
    change: BookChange | None = None


class Session(NamedTuple):
    """What a replay venue plays: `moments` in order of time, `answers` by path and query, `keys` that may be joined."""

    manners: Manners
    moments: tuple[Moment, ...]
    answers: dict[tuple[str, tuple[tuple[str, str], ...]], str]
    addresses: tuple[str, ...]
    keys: frozenset[str]


def read_session(paths: Sequence[Path]) -> Session:
    """Return what the files hold; raises SourceError where one cannot be read, or is of another venue."""
    moments: list[Moment] = []
    answers: dict[tuple[str, tuple[tuple[str, str], ...]], str] = {}
    addresses: set[str] = set()
    manners: Manners | None = None
    for path in paths:
        lines = _lines_of(path)
        name = _venue_of(path, lines)
        manners = manners or (KrakenSecondManners() if _is_second_kraken(lines) else manners_of(name))
        if manners.name != name:
            raise SourceError(
                f"{path} is a session of {name}, the files before it of {manners.name}; give files of one venue"
            )
        addresses |= {line.address for line in lines if line.traffic is Traffic.CONNECTED}
        for line in lines:
            if line.traffic is Traffic.ANSWERED:
                answers.setdefault(asked_of(line.address), line.text.decode())
            if line.traffic in {Traffic.RECEIVED, Traffic.ANSWERED}:
                moments += _moments(manners, line)
    if manners is None:
        raise SourceError("no file of a recorded session was given; name at least one")
    moments.sort(key=lambda moment: moment.at)
    keys = frozenset(moment.key for moment in moments if moment.key not in {"", EVERYONE})
    return Session(manners, tuple(moments), answers, tuple(sorted(addresses)), keys)


def manners_of(name: str) -> Manners:
    """Return how a venue behaves."""
    match name:
        case "coinbase":
            return CoinbaseManners()
        case "kraken":
            return KrakenManners()
        case "bitstamp":
            return BitstampManners()
        case "bybit":
            return BybitManners()
        case "okx":
            return OkxManners()
    return BinanceManners(name)


def _is_second_kraken(lines: Iterable[SessionLine]) -> bool:
    """Say whether lines are of the second version of Kraken's websocket, which has an address of its own."""
    parts = (urlsplit(line.address) for line in lines)
    return any(part.netloc.endswith("kraken.com") and part.path.startswith("/v2") for part in parts)


def asked_of(address: str) -> tuple[str, tuple[tuple[str, str], ...]]:
    """Return path and query of a request, the query in order of its names."""
    parts = urlsplit(address)
    return parts.path, tuple(sorted(parse_qsl(parts.query)))


def _lines_of(path: Path) -> list[SessionLine]:
    if not path.is_file():
        raise SourceError(f"{path} is no file; give files of recorded websocket sessions")
    lines = list(session_lines(path))
    if not lines:
        raise SourceError(
            f"{path} holds nothing that was recorded; give files of recorded websocket sessions"
        )
    return lines


def _venue_of(path: Path, lines: Iterable[SessionLine]) -> str:
    """Return whose session a file holds: by its addresses, or by the form of Binance's combined streams."""
    streams = ""
    for line in lines:
        host = urlsplit(line.address).netloc
        for part, name in HOSTS:
            if part in host:
                return name
        if line.text.startswith(b'{"stream"'):
            streams = "binance"
            if b'"pu":' in line.text:
                return "binance_futures"
    if streams:
        return streams
    known = ", ".join(sorted({name for _, name in HOSTS}))
    raise SourceError(f"{path} is a session of no venue that is known; those are {known}")


def _moments(manners: Manners, line: SessionLine) -> list[Moment]:
    text = line.text.decode(errors="replace")
    message = _read(text)
    try:
        manners.learn(line, message)
        key = manners.key_of(message) if line.traffic is Traffic.RECEIVED else None
        if key is not None:
            return [Moment(line.at, key, text)]
        change = manners.change_of(message)
        return [] if change is None else [Moment(line.at, "", "", change)]
    except (AttributeError, KeyError, TypeError, ValueError, IndexError):
        return [Moment(line.at, EVERYONE, text)] if line.traffic is Traffic.RECEIVED else []


def _read(text: str) -> Any:
    try:
        return msgspec.json.decode(text)
    except msgspec.DecodeError:
        return None
