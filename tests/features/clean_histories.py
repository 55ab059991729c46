"""Clean histories of real shares as Yahoo shows them, made of Lean's raw daily bars and factor files and of WIKI."""

import csv
import io
import zipfile
from itertools import pairwise
from pathlib import Path

import numpy as np
import polars as pl

DATA = Path(__file__).resolve().parents[2].parent / "shared" / "data" / "corporate_actions"
SHARES = ("aapl", "bac", "fb", "goog", "ibm", "qqq", "spy")
PRICES = ("Open", "High", "Low", "Close", "Adj Close")


def adjusted_for_splits(prices, volume, dividends, splits):
    """Return columns in the shares of the last row, and the close adjusted for dividends, too."""
    factor, share = np.ones(len(volume)), np.ones(len(volume))
    for row in np.flatnonzero(splits):
        factor[:row] /= splits[row]
    prices, dividends = prices * factor[:, None], np.round(dividends * factor, 6)
    for row in np.flatnonzero(dividends):
        share[:row] *= 1 - dividends[row] / prices[row - 1, 3] if row else 1.0
    columns = dict(zip(PRICES[:4], prices.T.copy(), strict=True))
    columns["Adj Close"] = prices[:, 3] * share
    return columns | {"Volume": volume / factor, "Dividends": dividends, "Stock Splits": np.round(splits, 6)}


def lean_history(name):
    """Return the columns of a share; what the factor file says of a day happens on the next day with a bar."""
    with zipfile.ZipFile(DATA / "lean_daily/daily" / f"{name}.zip") as archive:
        rows = list(csv.reader(io.StringIO(archive.read(archive.namelist()[0]).decode())))
    lines = [
        line.split(",") for line in (DATA / "lean_daily/factor_files" / f"{name}.csv").read_text().split()
    ]
    days = [row[0][:8] for row in rows]
    prices = np.array([[float(cell) / 1e4 for cell in row[1:5]] for row in rows])
    dividends, splits = np.zeros(len(rows)), np.zeros(len(rows))
    for before, after in pairwise(lines):
        row = next((place for place, day in enumerate(days) if day > before[0]), 0)
        if row:
            split, share = float(after[2]) / float(before[2]), float(before[1]) / float(after[1])
            splits[row] = split if abs(split - 1) > 1e-6 else 0.0
            dividends[row] = (1 - share) * prices[row - 1, 3] if abs(share - 1) > 1e-6 else 0.0
    first = days.index("20140403") if name == "goog" else 0  # its split of that day is not in the factor file
    volume = np.array([float(row[5]) for row in rows])
    made = adjusted_for_splits(prices[first:], volume[first:], dividends[first:], splits[first:])
    return {"Date": [f"{day[:4]}-{day[4:6]}-{day[6:]}" for day in days[first:]]} | made


def wiki_history(path):
    table = pl.read_csv(path).sort("Date")
    prices = np.stack([table[name].to_numpy() for name in PRICES[:4]], axis=1)
    split = table["Split Ratio"].to_numpy()
    made = adjusted_for_splits(
        prices, table["Volume"].to_numpy(), table["Ex-Dividend"].to_numpy(), np.where(split == 1, 0.0, split)
    )
    return {"Date": table["Date"].to_list()} | made


def piece(history, first=0, rows=None):
    """Return some rows of a history, to be written over."""
    until = None if rows is None else first + rows
    return {
        name: column[first:until] if name == "Date" else column[first:until].copy()
        for name, column in history.items()
    }
