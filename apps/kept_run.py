"""A run as it was kept: its manifest, its summary, and its topics as tables."""

import json
from pathlib import Path
from typing import Any

import polars as pl

from apps.run_folder import MANIFEST, SUMMARY, RunFolderError, RunPaths
from connectors.lake.names import files_of
from connectors.lake.schemas import MARKET, market_schema, record_schema

INSTANT = pl.Datetime("ns", "UTC")


class KeptRun(RunPaths):
    """The output folder of a run, read only; `finished` says whether its input has come to its end.

    Raises RunFolderError, with what to do, where the folder holds no run.
    """

    def __init__(self, path: Path) -> None:
        super().__init__(path)
        if not (path / MANIFEST).exists():
            what = "holds no run" if path.is_dir() else "does not exist"
            raise RunFolderError(
                f"{path} {what}; make one with `ita demo --out {path}` or `ita replay SOURCE --out {path}`"
            )
        try:
            self.manifest: dict[str, Any] = json.loads((path / MANIFEST).read_text())
        except ValueError as error:
            raise RunFolderError(
                f"{path / MANIFEST} is not JSON ({error}); choose another folder, or remove this one and run again"
            ) from error
        self.finished = (path / SUMMARY).exists()

    def summary(self) -> dict[str, Any]:
        """Return the summary of a finished run; raises RunFolderError while it is not finished."""
        if not self.finished:
            raise RunFolderError(
                f"the run in {self.path} is not finished; the command that began it goes on where it stands"
            )
        summary: dict[str, Any] = json.loads((self.path / SUMMARY).read_text())
        return summary

    def rows(self, topic: str) -> pl.LazyFrame:
        """Return the rows of a topic, read when they are collected; no rows where the lake holds none."""
        files = files_of(self.lake, topic)
        if files:
            return pl.scan_parquet(files, hive_partitioning=False)
        schema = market_schema(topic) if topic in MARKET else record_schema(topic)
        return pl.DataFrame(schema.empty_table()).lazy()


def instant(at: int) -> pl.Expr:
    """Return an instant (ns UTC) as the lake's columns hold them."""
    return pl.lit(at, pl.Int64).cast(INSTANT)


def nanoseconds(*columns: str) -> list[pl.Expr]:
    """Return instants as ns UTC, under their names."""
    return [pl.col(column).cast(pl.Int64) for column in columns]


def text(*columns: str) -> list[pl.Expr]:
    """Return names as plain text, under their names."""
    return [pl.col(column).cast(pl.String) for column in columns]
