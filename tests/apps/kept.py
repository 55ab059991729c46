"""What a run has left behind, as plain values that can be compared: lake files, the journal, online features."""

import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Any

import polars as pl

from connectors.audit.heads import read_heads
from connectors.audit.rows import segments
from connectors.lake.digest import digests


def lake_files(folder: Path) -> dict[str, pl.DataFrame]:
    """Return the rows of each file that the lake shows, names as plain text, by its path in the lake."""
    lake = folder / "lake"
    paths = sorted(lake.glob("*/date=*/*"))
    return {
        str(path.relative_to(lake)): pl.read_parquet(path, hive_partitioning=False).with_columns(
            pl.col(pl.Categorical).cast(pl.String)
        )
        for path in paths
    }


def lake_digests(folder: Path) -> dict[str, str]:
    """Return the digest of each topic."""
    return digests(folder / "lake")


def journal_tables(folder: Path) -> dict[str, list[tuple[Any, ...]]]:
    """Return the rows of each table of the journal, sorted."""
    return _tables(folder / "journal.sqlite")


def audited(folder: Path) -> tuple[bytes, int, str]:
    """Return the rows of the audit of what was decided, and how many its last head covers with which root."""
    log = folder / "audit" / "decisions"
    rows = b"".join(path.read_bytes() for path in segments(log))
    head = read_heads(log)[-1]
    return rows, head.tree_size, head.root


def online_values(folder: Path) -> dict[str, list[tuple[Any, ...]]]:
    """Return the rows of each table of the online feature store, sorted."""
    return _tables(folder / "feature_store" / "online.db")


def _tables(path: Path) -> dict[str, list[tuple[Any, ...]]]:
    with closing(sqlite3.connect(f"file:{path}?mode=ro", uri=True)) as database:
        names = [row[0] for row in database.execute("SELECT name FROM sqlite_master WHERE type = 'table'")]
        return {
            name: sorted(database.execute(f"SELECT * FROM {name}").fetchall(), key=repr)
            for name in sorted(names)
        }


def differences(folder: Path, expected: Path) -> list[str]:
    """Return where what a run left is not what another run left: files, their rows, tables, online values."""
    ours, theirs = lake_files(folder), lake_files(expected)
    found = [f"only one lake has {name}" for name in sorted(set(ours) ^ set(theirs))]
    found += [
        f"{name} differs" for name in sorted(set(ours) & set(theirs)) if not ours[name].equals(theirs[name])
    ]
    tables, others = journal_tables(folder), journal_tables(expected)
    found += [f"table {name} differs" for name in sorted(tables) if tables[name] != others.get(name)]
    ours_audited, theirs_audited = audited(folder), audited(expected)
    if ours_audited != theirs_audited:
        found.append("the audit trails differ")
    if online_values(folder) != online_values(expected):
        found.append("online values differ")
    return found
