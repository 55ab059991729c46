"""The rows of the audit that tell of one order, or of a stretch of time, each with its place in the log."""

from pathlib import Path
from typing import Any, NamedTuple

import msgspec

from connectors.audit.reader import rows_of
from connectors.audit.rows import Row
from flows.stages import AUDIT

NAMES = ("ClOrdID", "OrderID", "OrigClOrdID")
IDENTIFIER_LEAST = 6


class NoSuchOrder(ValueError):
    """The audit tells nothing of it; says what to give."""


class Event(NamedTuple):
    """A row with its entry read: the columns of the entry, and its payload."""

    number: int
    row: Row
    entry: dict[str, Any]

    @property
    def payload(self) -> dict[str, Any]:
        """Return the record."""
        read: dict[str, Any] = self.entry["payload"]
        return read

    @property
    def type(self) -> str:
        """Return the event's name."""
        return str(self.entry["type"])


def order_trail(folder: Path, order: str) -> list[Event]:
    """Return what the audit says of an order, named by ClOrdID or OrderID or how one begins: signal to last report.

    Raises NoSuchOrder where none or several are called so.
    """
    names = _names(folder, order)
    wanted = {name.encode() for name in names}
    events: list[Event] = []
    signals: dict[str, Event] = {}
    for _, number, row in rows_of(folder, AUDIT):
        if b'"stream":"signals"' in row.entry:
            event = _read(number, row)
            signals[event.payload["signal_id"]] = event
        elif any(name in row.entry for name in wanted):
            event = _read(number, row)
            if names & {event.payload.get(name) for name in NAMES}:
                events.append(event)
    asked = next((event.payload.get("signal_id") for event in events if event.payload.get("signal_id")), None)
    return [*([signals[asked]] if asked in signals else []), *events]


def events_between(folder: Path, first_at: int | None, last_at: int | None) -> list[Event]:
    """Return what happened in a stretch of time (ns UTC, both included; None for no bound)."""
    read = (_read(number, row) for _, number, row in rows_of(folder, AUDIT))
    return [
        event
        for event in read
        if (first_at is None or event.entry["event_time"] >= first_at)
        and (last_at is None or event.entry["event_time"] <= last_at)
    ]


def _names(folder: Path, order: str) -> set[str]:
    """Return every identifier of the one order that is called so, or begins so."""
    known: dict[str, set[str]] = {}
    words = order.encode()
    for _, number, row in rows_of(folder, AUDIT):
        if words not in row.entry:
            continue
        payload = _read(number, row).payload
        own = payload.get("OrigClOrdID") or payload.get("ClOrdID")
        if own and any(str(payload.get(name, "")).startswith(order) for name in ("ClOrdID", "OrderID")):
            known.setdefault(own, {own}).update({payload["OrderID"]} if payload.get("OrderID") else ())
    exact = [names for names in known.values() if order in names]
    if len(order) < IDENTIFIER_LEAST or len(exact or known) != 1:
        what = f"{len(known)} orders are" if len(known) > 1 else "no single order is"
        raise NoSuchOrder(
            f"{what} called {order!r} in {folder}; give a ClOrdID or OrderID, at least {IDENTIFIER_LEAST} characters "
            f"of it"
        )
    return exact[0] if exact else next(iter(known.values()))


def _read(number: int, row: Row) -> Event:
    return Event(number, row, msgspec.json.decode(row.entry))
