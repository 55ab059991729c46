"""Health at the book: what is left allowed in an instrument by what every feed said of it last.

Key     book
In      MarketHealth, in the one total order
Out     the record that allows least, or None where all is allowed
State   the last record of each source and instrument that is not fresh
Time    known_at of the records
Silence never: an instrument that nobody speaks of may be traded; whether it has a price is PT-12's own question
"""

from dataclasses import dataclass, field

from domain.health import ALLOWED, HealthState, MarketHealth, TradingState

_TRADING = tuple(TradingState)


@dataclass
class HealthBook:
    """What is not fresh: by instrument, the last record of each source."""

    ailing: dict[str, dict[str, MarketHealth]] = field(default_factory=dict)


def take_health(book: HealthBook, record: MarketHealth) -> None:
    """Let a record hold from now on, in place of what its source said before."""
    if record.state is not HealthState.FRESH:
        book.ailing.setdefault(record.instrument, {})[record.source] = record
        return
    sources = book.ailing.get(record.instrument, {})
    sources.pop(record.source, None)
    if not sources:
        book.ailing.pop(record.instrument, None)


def binding(book: HealthBook, instrument: str) -> MarketHealth | None:
    """Return the record that allows least in an instrument; None where none restricts it."""
    found = [
        record
        for _, record in sorted(book.ailing.get(instrument, {}).items())
        if ALLOWED[record.state] is not TradingState.NORMAL
    ]
    return max(found, key=lambda record: _TRADING.index(ALLOWED[record.state]), default=None)
