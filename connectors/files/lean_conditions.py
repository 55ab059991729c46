"""What a trade of Lean's US equity ticks (AlgoSeek condition bits) may move in a bar.

The rule is the one that the vendor publishes for its own bars and that its second and minute bars confirm on every
condition found in the sample (docs/vendor-bars.md):

1. Every trade counts for volume, a suspicious one too.
2. A trade moves open, high, low and close alike, or none of them. It moves them where it is not suspicious and has an
   `INCLUDED` bit or no `EXCLUDED` bit: a sweep, trade-through-exempt or odd-lot trade needs a bit that lets it in.
3. Opening and closing prints, and the official open and close that repeat them, stay out of both. Where it is known
   which rows come from the venue that lists the instrument, the prints of that venue count and move prices; an official
   open or close never does.

Source: QuantConnect/Lean `TradeConditionFlags` (the bits) and QuantConnect's documentation of bar building, table
"trade condition flags" (included, excluded).
"""

from enum import IntFlag

import numpy as np
from numpy.typing import NDArray

from domain.market import ELIGIBLE, Condition


class VendorCondition(IntFlag):
    """The vendor's bits, written in hexadecimal in the fifth column of a trade tick."""

    REGULAR = 1 << 0  # no stated condition, regular settlement
    CASH = 1 << 1  # paid and delivered on the same day
    NEXT_DAY = 1 << 2  # delivered on the next business day
    SELLER = 1 << 3  # delivered within 2 to 60 days, at the seller's choice
    YELLOW_FLAG = 1 << 4  # regular trade reported during an out-of-the-ordinary event
    INTERMARKET_SWEEP = 1 << 5  # execution of an intermarket sweep order (ISO)
    OPENING_PRINT = 1 << 6  # single-priced opening trade of a venue
    CLOSING_PRINT = 1 << 7  # single-priced closing trade of a venue
    REOPENING_PRINT = 1 << 8  # single-priced trade of a venue after a halt
    DERIVATIVELY_PRICED = 1 << 9  # price not based on the quote at the time
    FORM_T = 1 << 10  # reported on Form T, outside regular hours
    SOLD = 1 << 11  # sold last: in sequence but reported late
    STOPPED = 1 << 12  # execution of a stopped order at its guaranteed price
    EXTENDED_HOURS = 1 << 13  # executed outside regular hours
    OUT_OF_SEQUENCE = 1 << 14  # reported late and out of sequence
    SPLIT = 1 << 15  # executed in two markets
    ACQUISITION = 1 << 16  # result of an exchange acquisition
    BUNCHED = 1 << 17  # aggregate of trades at one price within 60 seconds
    STOCK_OPTION = 1 << 18  # stock leg of a stock-option trade
    DISTRIBUTION = 1 << 19  # large block sold without moving the price
    AVERAGE_PRICE = 1 << 20  # price is an average over the day or part of it
    CROSS = 1 << 21  # from a crossing session
    PRICE_VARIATION = 1 << 22  # price significantly away from the market
    RULE_155 = 1 << 23  # NYSE Amex rule 155
    OFFICIAL_CLOSE = 1 << 24  # a venue's official close, repeats its closing trade
    PRIOR_REFERENCE_PRICE = 1 << 25  # price of a time more than 90 seconds before the report
    OFFICIAL_OPEN = 1 << 26  # a venue's official open, repeats its opening trade
    CAP_ELECTION = 1 << 27  # sweep that elected CAP orders on the NYSE
    AUTO_EXECUTION = 1 << 28  # executed automatically on the NYSE
    TRADE_THROUGH_EXEMPT = 1 << 29  # exempt from the order protection rule (611)
    UNDOCUMENTED = 1 << 30  # present in raw data, described nowhere
    ODD_LOT = 1 << 31  # fewer than 100 shares


_V = VendorCondition
PRINTS = int(_V.OPENING_PRINT | _V.CLOSING_PRINT)
OFFICIAL = int(_V.OFFICIAL_OPEN | _V.OFFICIAL_CLOSE)
INCLUDED = int(_V.REGULAR | _V.CASH | _V.NEXT_DAY | _V.FORM_T | _V.EXTENDED_HOURS)
"""Bits that let a trade move prices, whatever other bits it has. The vendor also names the four auction bits here; its
bars take those rows in by a step of their own, see docs/vendor-bars.md."""
EXCLUDED = int(_V.INTERMARKET_SWEEP | _V.TRADE_THROUGH_EXEMPT | _V.ODD_LOT)
"""Bits that keep a trade from moving prices where it has no `INCLUDED` bit."""

MARKS = (
    (int(_V.OPENING_PRINT), Condition.OPENING_PRINT),
    (int(_V.CLOSING_PRINT), Condition.CLOSING_PRINT),
    (int(_V.ODD_LOT), Condition.ODD_LOT),
    (int(_V.INTERMARKET_SWEEP), Condition.ISO),
    (int(_V.OUT_OF_SEQUENCE), Condition.OUT_OF_SEQUENCE),
    (int(_V.EXTENDED_HOURS | _V.FORM_T), Condition.EXTENDED_HOURS),
)
"""Vendor bits, and the vendor-neutral flag that says the same; these describe a row and decide nothing."""


def eligibility(
    conditions: NDArray[np.uint32],
    suspicious: NDArray[np.uint8],
    listing: NDArray[np.bool_] | None = None,
) -> NDArray[np.uint32]:
    """Return the `Condition` flags of each trade, shape (rows,), from the vendor's bits, same shape.

    `suspicious` is the vendor's last column, 1 where it doubts the price. `listing` says which rows come from the venue
    that lists the instrument; where it is not known no auction print counts.
    """
    bits = np.asarray(conditions, np.uint32)
    print_row = (bits & np.uint32(PRINTS)) != 0
    counted = (bits & np.uint32(OFFICIAL)) == 0
    counted &= ~print_row if listing is None else ~print_row | listing
    moving = ((bits & np.uint32(INCLUDED)) != 0) | ((bits & np.uint32(EXCLUDED)) == 0) | print_row
    moving &= counted & (np.asarray(suspicious) == 0)
    flags = np.where(counted, np.uint32(Condition.COUNTS_VOLUME), np.uint32(0))
    flags |= np.where(moving, np.uint32(ELIGIBLE), np.uint32(0))
    for vendor, flag in MARKS:
        flags |= np.where((bits & np.uint32(vendor)) != 0, np.uint32(flag), np.uint32(0))
    return flags
