"""Volatility by GARCH(1,1) about an instrument's own mean variance, as a feature: `garch(0.06,0.92)`.

    v = (1 - alpha - beta) m + alpha r^2 + beta v_1,     volatility = sqrt(v * seconds a year)

r^2 is the squared log return per second between the closes of two bars of one trading day and session, m the mean of
all of them so far: variance targeting, so that one alpha and beta serve instruments of any volatility. They are fitted
outside the hot path (`ita train garch`) and come in by name, so that a new fit is a new feature.

Source: Bollerslev 1986; variance targeting Engle and Mezrich 1996. A bar without a price gives NaN, and is left out.
"""

import re
from functools import cache
from typing import NamedTuple

import numpy as np
from numba import njit
from numpy.typing import NDArray

from domain.market import SECOND, Session
from features.family import Family, Feature
from features.realised import REGULAR_SECONDS_A_YEAR

ASKED = re.compile(r"garch\(\s*([0-9.]+)\s*,\s*([0-9.]+)\s*\)")
SEED = 30
REGULAR = int(Session.REGULAR)

GARCH_STATE = np.dtype(
    [
        ("seen", np.int64),
        ("close_at", np.int64),
        ("previous", np.float64),
        ("mean", np.float64),
        ("rate", np.float64),
        ("day", np.int32),
        ("session", np.int32),
    ],
    align=True,
)
"""Returns seen, the last close and its instant, mean and conditional variance per second, and the last bar's day."""


class GarchParams(NamedTuple):
    """Weight of the last squared return and of the last variance; how many returns are needed; seconds of a year."""

    alpha: float
    beta: float
    seed: int
    seconds_a_year: float


@njit(cache=True, nogil=True, error_model="numpy")
def garch_step(
    params: GarchParams,
    state: NDArray[np.void],
    bars: NDArray[np.void],
    days: NDArray[np.int32],
    _quotes: NDArray[np.void],
    out: NDArray[np.float64],
) -> None:
    """Annualised volatility of the next bar into `out[0]`; where a bar's return does not count, as the bar before."""
    alpha, beta = params.alpha, params.beta
    for row in range(len(bars)):
        bar = bars[row]
        memory = state[bar["instrument"]]
        if not bar["close"] > 0.0:
            out[0, row] = np.nan
            continue
        counts = memory["previous"] > 0.0 and bar["close_at"] > memory["close_at"]
        counts = counts and memory["day"] == days[row] and memory["session"] == bar["session"] == REGULAR
        if counts:
            change = np.log(bar["close"] / memory["previous"])
            rate = change * change * SECOND / (bar["close_at"] - memory["close_at"])
            memory["seen"] += 1
            memory["mean"] += (rate - memory["mean"]) / memory["seen"]
            before = memory["rate"] if memory["seen"] > params.seed else memory["mean"]
            memory["rate"] = (1.0 - alpha - beta) * memory["mean"] + alpha * rate + beta * before
        memory["previous"] = bar["close"]
        memory["close_at"] = bar["close_at"]
        memory["day"] = days[row]
        memory["session"] = bar["session"]
        speaks = memory["seen"] >= params.seed
        out[0, row] = np.sqrt(memory["rate"] * params.seconds_a_year) if speaks else np.nan


def is_garch(text: str) -> bool:
    """Say whether a text names a feature of this file."""
    return text.partition("(")[0].strip() == "garch"


@cache
def garch(text: str) -> Family:
    """Return the family of what a text names, `garch(ALPHA,BETA)`; raises ValueError for what is no such process."""
    found = ASKED.fullmatch(text.strip())
    alpha, beta = (float(found[1]), float(found[2])) if found else (-1.0, -1.0)
    if not found or not (alpha > 0.0 and beta >= 0.0 and alpha + beta < 1.0):
        raise ValueError(
            "a GARCH volatility is written garch(ALPHA,BETA), alpha above 0 and both together below 1; "
            f"{text!r} was given"
        )
    feature = Feature(
        f"garch({alpha:g},{beta:g})",
        f"annualised volatility by GARCH(1,1), alpha {alpha:g}, beta {beta:g}, about the mean variance",
        "ratio",
        SEED + 1,
        1,
        "Bollerslev 1986",
    )
    params = GarchParams(alpha, beta, SEED, REGULAR_SECONDS_A_YEAR)
    return Family(feature.name, params, GARCH_STATE, garch_step, (feature,))
