"""Keeps listings in a relational store, SQLite or PostgreSQL, and reads them as they were known; nothing is changed.

A version is a row. What changes is a row with a later `known_at`; what is imported again and says the same is left out,
so that importing twice leaves what importing once does.
"""

from collections.abc import Iterable
from types import TracebackType
from typing import Any, NamedTuple, Self

from sqlalchemy import Engine, MetaData, Select, Table, func, insert, or_, select

from connectors.relational.append_only import refuse_changes
from connectors.relational.codec import record_of, rows_of
from connectors.relational.models import record_table
from domain.listings import Listing
from domain.market import END

LISTINGS = "listings"
INDEXES = (("instrument_id", "venue", "valid_from", "known_at"), ("ticker",), ("figi",), ("isin",))
ROWS_AT_ONCE = 1_000


class Imported(NamedTuple):
    """How many listings were new, were a new version of a known one, and said what was known."""

    new: int
    changed: int
    unchanged: int


def listings_table(metadata: MetaData) -> Table:
    """Return the table of listings."""
    return record_table(metadata, Listing, LISTINGS, INDEXES)


class Listings:
    """The listings that an engine reaches; `make` has SQLite make its table, PostgreSQL's is made by its migrations."""

    def __init__(self, engine: Engine, *, make: bool = False) -> None:
        self._engine = engine
        metadata = MetaData()
        self._table = listings_table(metadata)
        if make:
            metadata.create_all(engine)
            refuse_changes(engine, metadata.tables)

    def __enter__(self) -> Self:
        """Return the listings."""
        return self

    def __exit__(self, *_: type[BaseException] | BaseException | TracebackType | None) -> None:
        """Let the database go."""
        self._engine.dispose()

    def add(self, listings: Iterable[Listing]) -> Imported:
        """Add versions, all or none of them, leaving out those that say what holds already."""
        held = {(each.instrument_id, each.venue): each for each in self._read(self._standing(END, END))}
        known = self._read(select(self._table).order_by(self._table.c["known_at"]))
        said = {(each.instrument_id, each.venue, each.valid_from): each for each in known}
        there = {each.record_id for each in known}
        new = changed = unchanged = 0
        fresh: list[Listing] = []
        for listing in listings:
            key = listing.instrument_id, listing.venue
            before = held.get(key)
            again = said.get((*key, listing.valid_from))
            if listing.record_id in there or any(
                each is not None and listing.says_what(each) for each in (before, again)
            ):
                unchanged += 1
                continue
            new, changed = (new + 1, changed) if before is None else (new, changed + 1)
            held[key] = listing
            fresh.append(listing)
        names = [column.name for column in self._table.columns]
        rows = rows_of(fresh, {Listing: LISTINGS}).get(LISTINGS, [])
        with self._engine.begin() as connection:
            for first in range(0, len(rows), ROWS_AT_ONCE):
                part = [dict(zip(names, row, strict=True)) for row in rows[first : first + ROWS_AT_ONCE]]
                connection.execute(insert(self._table), part)
        return Imported(new, changed, unchanged)

    def named(self, name: str, valid_at: int = END, known_at: int = END) -> list[Listing]:
        """Return what bears a name (permanent id, ticker, FIGI or ISIN) at an instant, as known at another (ns UTC)."""
        rows = self._standing(valid_at, known_at).subquery()
        table = self._table.c
        wanted = [rows.c[column.name] for column in table]
        query = select(*wanted).where(_bears(rows.c, name)).order_by(rows.c["instrument_id"], rows.c["venue"])
        return self._read(query)

    def history(self, name: str) -> list[Listing]:
        """Return every version of all instruments that bear a name now or ever did, as they came to be known."""
        table = self._table.c
        ids = select(table["instrument_id"]).where(_bears(table, name))
        query = select(self._table).where(table["instrument_id"].in_(ids))
        return self._read(
            query.order_by(*(table[each] for each in ("instrument_id", "venue", "known_at", "valid_from")))
        )

    def _standing(self, valid_at: int, known_at: int) -> Select[Any]:
        """Return the query of the version of each listing that holds at an instant, or that begins last (END).

        A version without an end holds until the next one begins, whichever of them was known first.
        """
        table = self._table.c
        holds = [table["known_at"] <= known_at]
        if valid_at != END:
            holds += [
                table["valid_from"] <= valid_at,
                or_(table["valid_to"].is_(None), table["valid_to"] > valid_at),
            ]
        newest = func.row_number().over(
            partition_by=[table["instrument_id"], table["venue"]],
            order_by=[table[name].desc() for name in ("valid_from", "known_at", "sequence")],
        )
        ranked = select(self._table, newest.label("place")).where(*holds).subquery()
        columns = [ranked.c[column.name] for column in self._table.columns]
        return select(*columns).where(ranked.c["place"] == 1)

    def _read(self, query: Select[Any]) -> list[Listing]:
        with self._engine.connect() as connection:
            return [record_of(Listing, dict(row)) for row in connection.execute(query).mappings()]


def _bears(columns: Any, name: str) -> Any:
    return or_(*(columns[each] == name for each in ("instrument_id", "ticker", "figi", "isin")))
