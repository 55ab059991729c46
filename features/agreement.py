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
