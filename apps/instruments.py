"""Where listings are kept, and how they are told."""

from collections.abc import Sequence
from pathlib import Path

import msgspec
from sqlalchemy import create_engine

from apps.run_folder import RunFolderError
from config.servers import read_servers
from connectors.files.listing_rows import told
from connectors.postgres.connection import desk_engine
from connectors.postgres.migrations import check
from connectors.relational.listings import Listings
from domain.listings import Listing


def listings_of(store: Path, served: bool, config: Path | None, *, make: bool = True) -> Listings:
    """Return the listings in a SQLite file, made where it is not there, or in the served desk's PostgreSQL.

    Raises RunFolderError where there is no file and none is to be made, and SchemaRefused and PostgresRefused.
    """
    if served:
        url = read_servers(config).postgres.url()
        check(url)
        return Listings(desk_engine(url))
    if not make and not store.is_file():
        raise RunFolderError(
            f"there is no {store}; ita instruments import FILE makes it, --store names another"
        )
    store.parent.mkdir(parents=True, exist_ok=True)
    return Listings(create_engine(f"sqlite:///{store}"), make=True)


def printed(what: object) -> str:
    """Return something as JSON."""
    return msgspec.json.encode(what).decode()


def as_text(listings: Sequence[Listing]) -> str:
    """Return a few lines on each listing."""
    return "\n".join(_lines(listing) for listing in listings)


def _lines(listing: Listing) -> str:
    until = "" if listing.valid_to is None else f" to {told(listing.valid_to)}"
    words = [
        f"{listing.ticker} at {listing.venue}, {listing.kind}, id {listing.instrument_id}",
        f"  valid from {told(listing.valid_from)}{until}, known since {told(listing.known_at)}, from {listing.source}",
        f"  tick {listing.tick_size}, lot {listing.lot_size}, multiplier {listing.multiplier}",
    ]
    named = ("name", "figi", "isin", "currency", "sector", "calendar", "tick_bands")
    known = [f"{name} {getattr(listing, name)}" for name in named if getattr(listing, name)]
    return "\n".join([*words, *([f"  {', '.join(known)}"] if known else [])])
