"""What quotes and signed trades said while a bar was open (standards.md 6.5).

These features read `QUOTE_BAR` rows only and speak also on bars whose close is NaN. Without quotes all are NaN; a side
that was never quoted gives NaN, and so does a mean over no quotes or a share of no trades.
"""

from typing import NamedTuple

import numpy as np
from numba import njit
from numpy.typing import NDArray

from features.family import Family, Feature


class QuoteParams(NamedTuple):
    """How much of the average depth a bar leaves standing."""

    depth_decay: float


QUOTE_STATE = np.dtype([("depth", np.float64)], align=True)


@njit(cache=True, nogil=True, error_model="numpy")
def quote_step(
    params: QuoteParams,
    state: NDArray[np.void],
    bars: NDArray[np.void],
    _days: NDArray[np.int32],
    quotes: NDArray[np.void],
    out: NDArray[np.float64],
) -> None:
    """Spread, its mean, both against the mid, queue imbalance and its mean, microprice, order flow, trade signs.

    With b and a the sizes and I = b/(b + a): spread = ask - bid; queue imbalance = (b - a)/(b + a); microprice
    distance = (I ask + (1 - I) bid - mid)/mid. Order flow (the bar's sum of e_n) is divided by the average
    depth of one side,
    (b + a)/2 at the close of bars, exponentially over bars with the first as seed.
    """
    instrument = bars["instrument"]
    depth_state = state["depth"]
    if len(quotes) == 0:
        out[:, :] = np.nan
        return
    bids, asks = quotes["bid"], quotes["ask"]
    bid_sizes, ask_sizes = quotes["bid_size"], quotes["ask_size"]
    spread_sums, imbalance_sums = quotes["spread_sum"], quotes["imbalance_sum"]
    flows, counts = quotes["order_flow"], quotes["quote_count"]
    bought_column, sold_column = quotes["buy_volume"], quotes["sell_volume"]
    for row in range(len(bars)):
        i = instrument[row]
        bid = bids[row]
        ask = asks[row]
        count = counts[row]
        middle = 0.5 * (bid + ask)
        mean_spread = spread_sums[row] / count if count > 0 else np.nan
        out[0, row] = ask - bid
        out[1, row] = 10_000.0 * (ask - bid) / middle
        out[2, row] = mean_spread
        out[3, row] = 10_000.0 * mean_spread / middle
        both = bid_sizes[row] + ask_sizes[row]
        quoted = both > 0.0 and not np.isnan(middle)
        share = bid_sizes[row] / both if quoted else np.nan
        out[4, row] = (bid_sizes[row] - ask_sizes[row]) / both if quoted else np.nan
        out[5, row] = imbalance_sums[row] / count if count > 0 else np.nan
        out[6, row] = (share * ask + (1.0 - share) * bid - middle) / middle
        depth = depth_state[i]
        if quoted:
            half = 0.5 * both
            depth = half if depth == 0.0 else params.depth_decay * depth + (1.0 - params.depth_decay) * half
            depth_state[i] = depth
        out[7, row] = flows[row] / depth if depth > 0.0 else np.nan
        bought = bought_column[row]
        sold = sold_column[row]
        out[8, row] = (bought - sold) / (bought + sold) if bought + sold > 0.0 else np.nan


def quote_measures(depth_decay: float = 0.9) -> Family:
    """Return the family of measures of quotes and signed trades.

    Raises ValueError where the decay is not from 0 to below 1.
    """
    if not 0.0 <= depth_decay < 1.0:
        raise ValueError(f"quote measures need a depth decay from 0 to below 1; {depth_decay} was given")
    book = "standards 6.5"
    features = (
        Feature("quote_spread", "best ask - best bid at the close of the bar", "price", 1, 1, book),
        Feature("quote_spread_bps", "spread at the close against the mid", "basis points", 1, 1, book),
        Feature("quote_spread_mean", "mean spread over the quotes of the bar", "price", 1, 1, book),
        Feature(
            "quote_spread_mean_bps", "mean spread against the mid at the close", "basis points", 1, 1, book
        ),
        Feature(
            "queue_imbalance", "(bid size - ask size)/(bid size + ask size) at the close", "ratio", 1, 1, book
        ),
        Feature("queue_imbalance_mean", "mean imbalance over the quotes of the bar", "ratio", 1, 1, book),
        Feature("microprice_distance", "(size-weighted mid - mid)/mid at the close", "ratio", 1, 1, book),
        Feature(
            "order_flow_imbalance", "order flow of the bar in average depths of a side", "ratio", 1, 1, book
        ),
        Feature(
            "trade_sign_imbalance", "(bought - sold)/(bought + sold) volume of the bar", "ratio", 1, 1, book
        ),
    )
    return Family("quote_measures", QuoteParams(depth_decay), QUOTE_STATE, quote_step, features)
