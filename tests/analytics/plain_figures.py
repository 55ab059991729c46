"""The reference figures of standards.md 2.2 and 2.3, as printed there, and the panel of real returns."""

from pathlib import Path

import numpy as np
import polars as pl

PANELS = Path(__file__).resolve().parents[2].parent / "shared" / "data" / "risk_portfolio"
NO_PANELS = "../shared/data/risk_portfolio is not there"

VALUES = np.array([5e6, 3e6, -2e6])
DEVIATIONS = np.array([0.02, 0.015, 0.03])
CORRELATIONS = np.array([[1, 0.5, 0.3], [0.5, 1, 0.2], [0.3, 0.2, 1]])
COVARIANCE = np.outer(DEVIATIONS, DEVIATIONS) * CORRELATIONS


def stock_returns(rows=1000):
    """Return the last daily returns of 20 shares, (rows, 20)."""
    prices = pl.read_csv(PANELS / "skfolio" / "sp500_dataset.csv.gz")
    values = prices.select(prices.columns[1:]).to_numpy()
    return (values[1:] / values[:-1] - 1.0)[-rows:]
