"""Fits GARCH(1,1) to the bars of a run, outside the hot path: alpha and beta of the feature `garch(ALPHA,BETA)`."""

import warnings
from typing import Any

import numpy as np
import polars as pl
from arch import arch_model

from apps.kept_run import KeptRun
from apps.training import TrainingRefused

RETURNS_MIN = 250
PERSISTENCE_MAX = 0.999


def fit(run: KeptRun, interval_seconds: int = 60) -> dict[str, Any]:
    """Return the fit of each instrument, their medians, and the feature to read; as JSON values.

    Returns are of the closes of the regular session as they were first known, within a day, in percent of their
    deviation. Raises TrainingRefused where no instrument has `RETURNS_MIN` of them.
    """
    bars = (
        run.rows("market.bars")
        .with_columns(pl.col("instrument").cast(pl.String), pl.col("session").cast(pl.String))
        .filter(pl.col("interval") == interval_seconds, pl.col("session") == "regular", pl.col("close") > 0)
        .sort("version")
        .unique(["instrument", "event_at"], keep="first")
        .sort("instrument", "event_at")
        .with_columns(pl.col("event_at").dt.convert_time_zone("America/New_York").dt.date().alias("day"))
        .with_columns(pl.col("close").log().diff().over("instrument", "day").alias("change"))
        .filter(pl.col("change").is_not_null())
        .collect()
    )
    fits = {
        str(name[0]): _one(rows["change"].to_numpy())
        for name, rows in bars.group_by("instrument", maintain_order=True)
        if rows.height >= RETURNS_MIN and float(rows["change"].std() or 0.0) > 0.0  # type: ignore[arg-type]
    }
    if not fits:
        raise TrainingRefused(
            f"no instrument of the run in {run.path} has {RETURNS_MIN} returns of {interval_seconds} s bars; run longer"
        )
    alpha = float(np.median([each["alpha"] for each in fits.values()]))
    beta = float(np.median([each["beta"] for each in fits.values()]))
    alpha = min(max(alpha, 0.001), PERSISTENCE_MAX)
    beta = max(0.0, min(beta, PERSISTENCE_MAX - alpha))
    return {
        "feature": f"garch({alpha:.4g},{beta:.4g})",
        "alpha": alpha,
        "beta": beta,
        "instruments": fits,
    }


def _one(changes: Any) -> dict[str, float | int | bool]:
    """Return alpha and beta of one instrument, how many returns it has, and whether the fit came to an end."""
    scaled = 100.0 * changes / changes.std()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        found = arch_model(scaled, mean="Zero", vol="GARCH", p=1, q=1, rescale=False).fit(disp="off")
    return {
        "alpha": float(found.params["alpha[1]"]),
        "beta": float(found.params["beta[1]"]),
        "returns": len(changes),
        "converged": int(found.convergence_flag) == 0,
    }
