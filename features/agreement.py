"""Two feeds of one instrument: do they name the same price?"""

from typing import NamedTuple

import numpy as np
from numba import njit


class AgreementRules(NamedTuple):
    """Mids may differ by `share` of their mean and `spreads` times the trailing mean difference for `span` ns.

    A feed that has not spoken for `fresh` ns is not compared: it is stale, which is another rule.
    """

    share: float = 0.0005
    differences: float = 8.0
    span: int = 2_000_000_000
    fresh: int = 10_000_000_000


AGREEMENT = np.dtype(
    [
        ("mid", np.float64, (2,)),
        ("at", np.int64, (2,)),
        ("typical", np.float64),
        ("since", np.int64),
        ("apart", np.int64),
    ],
    align=True,
)
"""Memory of a pair: the last mid of each feed and when it was known (ns UTC), the trailing mean difference, since when
they differ (0: they do not), and 1 where that was said."""


@njit(cache=True, nogil=True, error_model="numpy")
def compare_feeds(known_at, feed, mid, rules, memory, apart):  # type: ignore[no-untyped-def]
    """Set `apart` of every row to 1 where the two feeds have named different prices for longer than allowed.

    Rows of both feeds in order of `known_at` (ns UTC), `feed` 0 or 1, `mid` the middle of its quote or its last price;
    `memory` is one AGREEMENT row. A missing mid is passed over.
    """
    for row in range(len(known_at)):
        at, which = known_at[row], feed[row]
        if mid[row] > 0.0:
            memory["mid"][0, which], memory["at"][0, which] = mid[row], at
        one, other = memory["mid"][0, 0], memory["mid"][0, 1]
        oldest = min(memory["at"][0, 0], memory["at"][0, 1])
        if oldest == 0 or at - oldest > rules.fresh:
            memory["since"][0] = memory["apart"][0] = 0
        else:
            difference = abs(one - other)
            allowed = max(rules.share * 0.5 * (one + other), rules.differences * memory["typical"][0])
            if difference > allowed:
                if memory["since"][0] == 0:
                    memory["since"][0] = at
                memory["apart"][0] = np.int64(at - memory["since"][0] > rules.span)
            else:
                memory["since"][0] = memory["apart"][0] = 0
                memory["typical"][0] += 0.01 * (difference - memory["typical"][0])
        apart[row] = memory["apart"][0]


NEWS = np.dtype(
    [("row", np.int64), ("one", np.float64), ("other", np.float64), ("apart", np.uint8)], align=True
)
"""Two feeds came apart (1) or together (0) after a row, with the price that each named then."""


@njit(cache=True, nogil=True, error_model="numpy")
def follow_feeds(  # type: ignore[no-untyped-def]
    known_at, instrument, feed, price, is_mid, compared, rules, memory, quoted, news
):
    """Compare two feeds of many instruments as `compare_feeds` does; return how many NEWS there are.

    Rows of both in order of `known_at` (ns UTC), each with the `price` that it names: the mid of a quote where
    `is_mid`, else that of a trade, which counts until its feed has quoted the instrument. `memory` has an AGREEMENT row
    for each instrument and `quoted` (2, instruments) what each feed has quoted; `news` is as long as the rows. Where
    `compared` is 0 prices are remembered, and the feeds count as together.
    """
    count, said = 0, np.zeros(1, np.uint8)
    for row in range(len(known_at)):
        which = np.int64(instrument[row])
        mine = memory[which : which + 1]
        before = mine["apart"][0]
        if is_mid[row]:
            quoted[feed[row], which] = True
        elif quoted[feed[row], which]:
            continue
        one = slice(row, row + 1)
        compare_feeds(known_at[one], feed[one], price[one], rules, mine, said)
        if not compared[row]:
            mine["since"][0] = mine["apart"][0] = 0
        if mine["apart"][0] != before:
            news["row"][count], news["apart"][count] = row, mine["apart"][0]
            news["one"][count], news["other"][count] = mine["mid"][0, 0], mine["mid"][0, 1]
            count += 1
    return count
