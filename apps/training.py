"""Trains models on a run's lake: rows as they were first known, labels from later bars, folds that do not leak.

A row is a feature row of the regular session in its first version, which is what the desk saw; its label is the log
return to the close `horizon` bars later in the session. Folds walk forward: each is tested on a later stretch of time
than it was trained on, and rows whose label reaches into that stretch, or ends less than the embargo before it, are
left out.

Source: López de Prado 2018, chapter 7 (purging and embargo).
"""

import json
from itertools import pairwise
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import polars as pl
from numpy.typing import NDArray
from scipy.stats import spearmanr
from sklearn.ensemble import HistGradientBoostingClassifier
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import log_loss, roc_auc_score
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from apps.kept_run import KeptRun
from connectors.feast.history import feature_names, lake_features
from domain.market import SECOND
from features.reference import line_of
from operators.model_file import Model, write_model
from operators.strategy_reads import column

ROWS_MIN = 200
KINDS = ("logistic", "boosting")
CLOSE_AT = pl.col("event_at").cast(pl.Int64).alias("close_at")
INTERVAL = pl.col("interval").cast(pl.Int64)


class TrainingRefused(ValueError):
    """What was asked cannot be trained; says what is missing, and what to do."""


class Asked(NamedTuple):
    """What is to be trained: features as a strategy names them, horizon and embargo in bars, folds and kind."""

    features: tuple[str, ...]
    horizon: int = 15
    embargo: int = 15
    folds: int = 4
    kind: str = "logistic"


class Rows(NamedTuple):
    """Rows in order of time: inputs (rows, features), forward log returns, the close and the end of the label (ns)."""

    inputs: NDArray[np.float64]
    returns: NDArray[np.float64]
    close_at: NDArray[np.int64]
    ends_at: NDArray[np.int64]


class Fold(NamedTuple):
    """How a model did on one stretch that it had not seen; `ic` is Spearman's correlation of strength and return."""

    trained: int
    purged: int
    tested: int
    auc: float
    accuracy: float
    log_loss: float
    base_log_loss: float
    ic: float


def training_rows(run: KeptRun, names: tuple[str, ...], horizon: int) -> Rows:
    """Return the rows of a run for features and a horizon; raises TrainingRefused where there are too few."""
    held = feature_names(lake_features(run.lake))
    for name in names:
        if name not in held:
            line_of(name)
            raise TrainingRefused(
                f"the run in {run.path} has no column {name!r}; list it under features.indicators and run again"
            )
    first = (
        lake_features(run.lake)
        .sort("version")
        .unique(["instrument", "event_at"], keep="first")
        .select("instrument", CLOSE_AT, INTERVAL, *names)
    )
    bars = run.rows("market.bars").with_columns(
        pl.col("instrument").cast(pl.String), pl.col("session").cast(pl.String)
    )
    closes = (
        bars.filter(pl.col("session") == "regular")
        .sort("version")
        .unique(["instrument", "event_at", "interval"], keep="first")
        .select("instrument", CLOSE_AT, INTERVAL, "close")
    )
    ahead = horizon * SECOND
    later = closes.with_columns(pl.col("close_at") - ahead * pl.col("interval")).rename({"close": "later"})
    keys = ["instrument", "close_at", "interval"]
    table = (
        first.join(closes, on=keys)
        .join(later, on=keys)
        .filter(pl.all_horizontal(pl.col(*names, "close", "later").is_finite()))
        .sort("close_at", "instrument")
        .collect()
    )
    if table.height < ROWS_MIN:
        raise TrainingRefused(
            f"the run in {run.path} gives {table.height} whole rows; a model needs at least {ROWS_MIN}: run longer"
        )
    close_at = table["close_at"].to_numpy()
    ends_at = close_at + ahead * table["interval"].to_numpy()
    returns = np.log(table["later"].to_numpy() / table["close"].to_numpy())
    return Rows(table.select(names).to_numpy().astype(np.float64), returns, close_at, ends_at)


def walk_forward(rows: Rows, folds: int, embargo: int) -> list[tuple[NDArray[np.intp], NDArray[np.intp]]]:
    """Return (trained, tested) row numbers of each fold; `embargo` in ns.

    Time is cut into folds + 1 stretches of as many rows; a fold is tested on one and trained on all before it whose
    labels end at least the embargo before it begins.
    """
    cuts = np.linspace(0, len(rows.close_at), folds + 2).astype(int)
    edges = [int(rows.close_at[cut]) for cut in cuts[1:-1]] + [int(rows.close_at[-1]) + 1]
    return [
        (
            np.flatnonzero(rows.ends_at + embargo <= begin),
            np.flatnonzero((rows.close_at >= begin) & (rows.close_at < end)),
        )
        for begin, end in pairwise(edges)
    ]


def train(run: KeptRun, asked: Asked, target: Path) -> dict[str, Any]:
    """Train, test fold by fold, fit on all rows, and write the model and its report; return the report.

    Raises TrainingRefused, UnknownFeature, HistoryError and RunFolderError.
    """
    if asked.kind not in KINDS or asked.horizon < 1 or asked.embargo < 0 or asked.folds < 2:
        raise TrainingRefused(
            f"a model is {' or '.join(KINDS)} with a horizon of at least 1 bar, an embargo of at least 0 and 2 folds; "
            f"{asked.kind}, {asked.horizon}, {asked.embargo} and {asked.folds} were given"
        )
    names = tuple(column(text).name for text in asked.features)
    rows = training_rows(run, names, asked.horizon)
    embargo = asked.embargo * int((rows.ends_at - rows.close_at).max()) // asked.horizon
    folds = [
        _fold(rows, trained, tested, asked) for trained, tested in walk_forward(rows, asked.folds, embargo)
    ]
    estimator = _estimator(asked).fit(rows.inputs, rows.returns > 0)
    read = tuple(f"{name}@{line_of(name).version}" for name in names)
    digest = write_model(target, Model(read, estimator))
    report = {
        "model": str(target),
        "sha256": digest,
        "kind": asked.kind,
        "features": list(read),
        "run": run.manifest,
        "horizon_bars": asked.horizon,
        "embargo_bars": asked.embargo,
        "rows": len(rows.close_at),
        "rises": float(np.mean(rows.returns > 0)),
        "folds": [fold._asdict() for fold in folds],
        "mean": {name: float(np.mean([getattr(fold, name) for fold in folds])) for name in Fold._fields[3:]},
    }
    target.with_suffix(".json").write_text(json.dumps(report, indent=2) + "\n")
    return report


def _estimator(asked: Asked) -> Any:
    if asked.kind == "logistic":
        return make_pipeline(StandardScaler(), LogisticRegression(C=0.1, max_iter=1000))
    return HistGradientBoostingClassifier(max_iter=100, learning_rate=0.05, random_state=0)


def _fold(rows: Rows, trained: NDArray[np.intp], tested: NDArray[np.intp], asked: Asked) -> Fold:
    """Return how a model fitted on some rows does on others; raises TrainingRefused where one class is missing."""
    rises = rows.returns > 0
    before = int((rows.close_at < rows.close_at[tested].min()).sum()) if len(tested) else 0
    for part in (trained, tested):
        if len(part) == 0 or rises[part].all() or not rises[part].any():
            raise TrainingRefused(
                f"a fold has {len(trained)} rows to train and {len(tested)} to test, and needs rises and falls in "
                "both; run longer, or ask for fewer folds"
            )
    model = _estimator(asked).fit(rows.inputs[trained], rises[trained])
    chance = model.predict_proba(rows.inputs[tested])[:, 1]
    base = np.full(len(tested), rises[trained].mean())
    return Fold(
        len(trained),
        before - len(trained),
        len(tested),
        float(roc_auc_score(rises[tested], chance)),
        float(np.mean((chance > 0.5) == rises[tested])),
        float(log_loss(rises[tested], chance)),
        float(log_loss(rises[tested], base)),
        float(spearmanr(chance, rows.returns[tested]).statistic),
    )
