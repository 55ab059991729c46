"""The stages that see all instruments at once, under the contract suite: their items, streams, doors and keys.

What they say of an instrument depends on the others, so that a key's own part is what does not: the first row of each
of its bars with the columns of its own, and of the scores the bars that were scored.
"""

from collections.abc import Sequence
from typing import Any

import numpy as np

from domain.market import BAR, SCORE, FeatureRows, MarketBatch, Ordered
from domain.sessions import SessionTable
from features.comparison import comparison
from operators.cross_section import CrossSection, CrossSectionParams
from operators.sequence import Sequence as SequenceStage
from operators.signals import SignalParams
from operators.strategy import Strategy, params_of
from operators.universe_signals import UniverseSignals

SHARED = ("adx_14", "volatility_ewma")
COMPARED = (
    "rank(adx_14)",
    "z_score(volatility_ewma)",
    "sector_neutral(adx_14)",
    "z_score_in_sector(adx_14)",
    "spread(A,B,20,5).z",
)
SECTORS = np.array([0, 0, 1, 1, -1], np.int32)
RANKED = {"rank": "rank(adx_14)"}


def params(names: tuple[str, ...], revisable_seconds: int, **more: Any) -> CrossSectionParams:
    comparisons = tuple(comparison(text)[0] for text in COMPARED)
    given = {"carry_seconds": 120, "revisable_seconds": revisable_seconds} | more
    return CrossSectionParams(names, SHARED, comparisons, SECTORS, **given)


def cross_section(names: tuple[str, ...], revisable_seconds: int) -> CrossSection:
    return CrossSection(params(names, revisable_seconds))


def universe_signals(names: tuple[str, ...], table: SessionTable) -> UniverseSignals:
    kind = "cross_sectional_momentum"
    strategies = (
        Strategy("trend", "trend", params_of("trend", {})),
        Strategy("ranked", kind, params_of(kind, RANKED), enter=0.4, leave=0.1),
    )
    read = (*SHARED, *params(names, 0).made)
    return UniverseSignals(SignalParams(len(names), read, strategies, table, (1,)))


def ordered(featured: Sequence[MarketBatch], columns: Sequence[str]) -> list[Ordered]:
    """Return feature rows in the one total order, with the columns that are compared."""
    stage = SequenceStage(("0",), compares=True)
    state = stage.fresh()
    shared = [list(columns).index(name) for name in SHARED]
    made: list[Ordered] = []
    for batch in featured:
        rows = batch.features
        kept = None if rows is None else FeatureRows(rows.bars, rows.values[shared])
        made += stage.step(state, ("0", batch._replace(features=kept, scores=None, health=())))
    return made


def compared(items: Sequence[Ordered], names: tuple[str, ...], revisable_seconds: int) -> list[Ordered]:
    stage = cross_section(names, revisable_seconds)
    state = stage.fresh()
    return [answer for item in items for answer in stage.step(state, item)]


def streams(answers: Sequence[Ordered]) -> dict[str, Any]:
    rows = [answer.features for answer in answers if answer.features is not None]
    width = max((len(part.values) for part in rows), default=0)
    return {
        "features": np.concatenate([np.empty(0, BAR), *(part.bars for part in rows)]),
        "values": np.concatenate([np.empty((width, 0)), *(part.values for part in rows)], axis=1).T,
        "scores": np.concatenate([np.empty(0, SCORE), *(answer.scores for answer in answers)]),
    }


def keys(bars: Any) -> set[tuple[int, int]]:
    return {(int(bar["instrument"]), int(bar["close_at"])) for bar in bars}


def row_doors(items: Sequence[Ordered], made: dict[str, Any]) -> tuple[int, int]:
    """Count rows that came and rows that left, each once however often it was made again."""
    came = {key for item in items if item.features is not None for key in keys(item.features.bars)}
    return len(came), len(keys(made["features"]))


def score_doors(items: Sequence[Ordered], made: dict[str, Any]) -> tuple[int, int]:
    return sum(len(item.features.bars) for item in items if item.features is not None), len(made["scores"])


def of_key(made: dict[str, Any], key: int) -> dict[str, Any]:
    mine = (made["features"]["instrument"] == key) & (made["features"]["version"] == 0)
    names = ["close_at", "open_at", "open", "high", "low", "close", "volume", "instrument"]
    scored = made["scores"][(made["scores"]["instrument"] == key) & (made["scores"]["version"] == 0)]
    return {
        "bars": np.array(made["features"][mine][names].tolist()),
        "own": made["values"][mine][:, : len(SHARED)],
        "scored": np.sort(scored["close_at"]),
    }
