"""Tables of the relational store: those of the journal, and what only the shared store keeps.

Every table is append-only. What changes is written again with a later `known_at`: which row holds is a question
of when one asks, so that what was known at an instant can always be read (`connectors/postgres/reference.py`).
"""

from decimal import Decimal

import msgspec
from sqlalchemy import BigInteger, Column, MetaData, String, Table, text

from connectors.relational.listings import INDEXES as LISTING_INDEXES
from connectors.relational.listings import LISTINGS
from connectors.relational.models import TABLES as JOURNAL_TABLES
from connectors.relational.models import journal_metadata, record_table
from domain.envelope import Record
from domain.listings import Listing

ROLE = "ita_desk"
"""The role of the workers: it may add rows and read them."""

WRITERS = "writers"


class InstrumentVersion(Record, frozen=True, kw_only=True):
    """What an instrument is from `valid_from` until before `valid_to` (ns UTC, None for open), as known at `known_at`.

    `tick_size` is in its currency, `lot_size` in units, `tier` names its collar. A unit is a share or contract, or the
    step in which a coin is traded (0.00001 BTC).
    """

    instrument: str
    valid_from: int
    valid_to: int | None = None
    issuer: str
    tick_size: Decimal
    lot_size: int
    unit: Decimal = Decimal(1)
    multiplier: int
    currency: str
    calendar: str
    tier: str
    tradable: bool

    def __post_init__(self) -> None:
        """Refuse a unit that nothing can be counted in, and a time that ends before it begins."""
        if not (self.unit.is_finite() and self.unit > 0):
            raise ValueError(f"{self.instrument} needs a unit above 0; {self.unit} was given")
        if self.valid_to is not None and self.valid_to <= self.valid_from:
            raise ValueError(
                f"{self.instrument} is valid from {self.valid_from} until a later instant; {self.valid_to} was given"
            )


class ConfigurationVersion(Record, frozen=True, kw_only=True):
    """A configuration that was loaded: `files` is a JSON object of file name to text, `who` loaded it."""

    digest: str
    effective_at: int
    loaded_at: int
    who: str
    files: str


class ComplianceEntry(Record, frozen=True, kw_only=True):
    """One entry of the compliance log: who did what to what, and `details` as a JSON object."""

    entry_id: str
    kind: str
    scope: str
    who: str
    text: str
    details: str = "{}"


OWN_TABLES: dict[type[msgspec.Struct], str] = {
    InstrumentVersion: "instruments",
    ConfigurationVersion: "configurations",
    ComplianceEntry: "compliance_log",
    Listing: LISTINGS,
}
"""Table of each record type that SQLite's journal has not."""

TABLES: dict[type[msgspec.Struct], str] = {**JOURNAL_TABLES, **OWN_TABLES}
"""Table of each record type."""

INDEXES: dict[str, tuple[tuple[str, ...], ...]] = {
    "instruments": (("instrument", "valid_from", "known_at"),),
    "configurations": (("digest",), ("effective_at", "known_at")),
    "compliance_log": (("event_at",), ("scope", "event_at")),
    LISTINGS: LISTING_INDEXES,
}

_NOW = text("(extract(epoch FROM clock_timestamp()) * 1000000000)::bigint")


def desk_metadata() -> MetaData:
    """Return all tables of the relational store; which layout it has is alembic's to say."""
    metadata = journal_metadata()
    metadata.remove(metadata.tables["layout"])
    for kind, name in OWN_TABLES.items():
        record_table(metadata, kind, name, INDEXES[name])
    Table(
        WRITERS,
        metadata,
        Column("name", String, primary_key=True),
        Column("generation", BigInteger, primary_key=True, autoincrement=False),
        Column("taken_at", BigInteger, nullable=False, server_default=_NOW),
        Column("taken_from", String, nullable=False),
    )
    return metadata
