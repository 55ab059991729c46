"""National best bid and offer: the kernel that follows what exchanges show, and writes a row where the best changes.

Each exchange has one quote a side, which its next one replaces and a size of 0 takes away. The best is that of the
highest bid or the lowest ask; of several at one price that of the largest size, and of those at one size the one that
has stood longest unchanged: price, size, time, as the CTA and UTP plans order them. Of a consolidated feed each quote
is the best of its side when it comes. Exchanges may lock and cross each other; a side that a newer quote crosses when
it is older than some time is taken as gone, as in `best_quotes`.
"""

from dataclasses import dataclass

import numpy as np
from numba import njit
from numpy.typing import NDArray

from domain.corporate_actions import ActionKind
from domain.market import Kind, Ticks, row_count
from domain.national_best import NATIONAL_BEST
from operators.agenda import Living, lives
from operators.crossed_quotes import let_go

LIVES = lives(
    Living.REWARMS, {Living.UNTOUCHED: (ActionKind.MERGER, ActionKind.RENAME, ActionKind.DELISTING)}
)
"""A quote of before an action is no quote of the share as it is after it."""
VENUES = 27
"""An exchange is its letter, counted from 1; 0 is one that is not named."""
BEFORE_A = 64
SHOWN = np.dtype(
    [
        ("price", np.float64, (VENUES,)),
        ("size", np.float64, (VENUES,)),
        ("turn", np.int64, (VENUES,)),
        ("at", np.int64, (VENUES,)),
    ],
    align=True,
)
"""What exchanges show on one side; a price of 0 is nothing. `turn` counts changes of the instrument: the lower, the
longer it has stood. `at` is when it was last said (known_at)."""
LEADER = np.dtype([("price", np.float64), ("size", np.float64), ("slot", np.int64)], align=True)
_NOBODY = -1
SIGNS = (1.0, -1.0)
_QUOTE = int(Kind.QUOTE)


@dataclass
class Shown:
    """Memory of a shard: by side (0 bid, 1 ask) and instrument what is shown and who leads; changes so far."""

    sides: NDArray[np.void]
    best: NDArray[np.void]
    turns: NDArray[np.int64]

    def clear(self, which: slice = slice(None)) -> None:
        """Forget what is shown of some instruments."""
        sides, best = self.sides[:, which], self.best[:, which]
        sides["price"] = sides["size"] = 0.0
        best["price"], best["size"], best["slot"] = np.nan, 0.0, _NOBODY


def nothing_shown(instruments: int) -> Shown:
    """Return the memory of a shard that has seen no quote."""
    made = Shown(
        np.zeros((2, instruments), SHOWN), np.zeros((2, instruments), LEADER), np.zeros(instruments, np.int64)
    )
    made.clear()
    return made


def shown_before(bids: NDArray[np.void], asks: NDArray[np.void]) -> Shown:
    """Return the memory of a shard that goes on with quotes by exchange, each with `price`, `size` and `at`."""
    made = nothing_shown(len(bids))
    for side, kept in enumerate((bids, asks)):
        for name in ("price", "size", "at"):
            made.sides[side][name] = np.where(kept["price"] > 0.0, kept[name], 0.0)
        for which in range(len(kept)):
            shown = made.sides[side, which]
            slot = _foremost(shown["price"], shown["size"], shown["turn"], SIGNS[side])
            if slot >= 0:
                made.best[side, which] = (shown["price"][slot], shown["size"][slot], slot)
    return made


@njit(cache=True, nogil=True, error_model="numpy")
def slot_of(venue):  # type: ignore[no-untyped-def]
    """Return the place of an exchange by its letter (ASCII)."""
    return min(max(np.int64(venue) - BEFORE_A, 0), VENUES - 1)


@njit(cache=True, nogil=True, error_model="numpy")
def _foremost(prices, sizes, turns, sign):  # type: ignore[no-untyped-def]
    """Return the exchange that leads a side by price, then size, then time; -1 where nobody shows anything."""
    found = _NOBODY
    for slot in range(len(prices)):
        price, size = prices[slot], sizes[slot]
        if price > 0.0:
            better = found < 0 or (price - prices[found]) * sign > 0.0
            if not better and price == prices[found]:
                better = size > sizes[found] or (size == sizes[found] and turns[slot] < turns[found])
            if better:
                found = slot
    return found


@njit(cache=True, nogil=True, error_model="numpy")
def _led(prices, sizes, turns, slot, held, top, shown, sign):  # type: ignore[no-untyped-def]
    """Return who leads a side after the quote of `slot` has changed; `held` led it, at `top` with size `shown`."""
    price, size = prices[slot], sizes[slot]
    ahead = (price - top) * sign
    if held != slot:
        leads = price > 0.0 and (held < 0 or ahead > 0.0 or (price == top and size > shown))
        return slot if leads else held
    if price == 0.0 or ahead < 0.0 or (price == top and size < shown):
        return _foremost(prices, sizes, turns, sign)
    return held


@njit(cache=True, nogil=True, error_model="numpy")
def _lead(prices, sizes, best_price, best_size, leader, side, which, led):  # type: ignore[no-untyped-def]
    """Let an exchange, or nobody, lead a side."""
    leader[side, which] = led
    best_price[side, which] = prices[side, which, led] if led != _NOBODY else np.nan
    best_size[side, which] = sizes[side, which, led] if led != _NOBODY else 0.0


@njit(cache=True, nogil=True, error_model="numpy")
def _without_crossed(prices, sizes, turns, ages, best_price, best_size, leader, which, oldest):  # type: ignore[no-untyped-def]
    """Take quotes as gone that are older than `oldest` and that newer ones cross; say whether the best has changed."""
    let_go(prices[0], ages[0], prices[1], ages[1], which, oldest)
    changed = False
    for side in range(2):
        led = leader[side, which]
        if led != _NOBODY and prices[side, which, led] == 0.0:
            led = _foremost(prices[side, which], sizes[side, which], turns[side, which], SIGNS[side])
            _lead(prices, sizes, best_price, best_size, leader, side, which, led)
            changed = True
    return changed


@njit(cache=True, nogil=True, error_model="numpy")
def _follow(  # type: ignore[no-untyped-def]
    known_at,
    instrument,
    kind,
    venue,
    bid,
    bid_size,
    ask,
    ask_size,
    sides,
    best,
    turns,
    patience,
    consolidated,
    rows,
    out,
):
    """Write which rows changed the best into `rows`, and the best after each into `out`; return how many there are."""
    prices, sizes, since, ages = sides["price"], sides["size"], sides["turn"], sides["at"]
    best_price, best_size, leader = best["price"], best["size"], best["slot"]
    count = 0
    for row in range(len(instrument)):
        if kind[row] != _QUOTE:
            continue
        which = np.int64(instrument[row])
        slot = slot_of(venue[row])
        changed = False
        for side in range(2):
            price, size = (bid[row], bid_size[row]) if side == 0 else (ask[row], ask_size[row])
            if np.isnan(price):
                continue
            if not (price > 0.0 and size > 0.0):
                price, size = 0.0, 0.0
            ages[side, which, slot] = known_at[row]
            if prices[side, which, slot] == price and sizes[side, which, slot] == size:
                continue
            turns[which] += 1
            if consolidated:
                prices[side, which, :] = 0.0
            prices[side, which, slot], sizes[side, which, slot] = price, size
            since[side, which, slot] = turns[which]
            before, top, shown = leader[side, which], best_price[side, which], best_size[side, which]
            if consolidated:
                led = slot if price > 0.0 else _NOBODY
            else:
                led = _led(
                    prices[side, which],
                    sizes[side, which],
                    since[side, which],
                    slot,
                    before,
                    top,
                    shown,
                    SIGNS[side],
                )
            if led == before and led != slot:
                continue
            _lead(prices, sizes, best_price, best_size, leader, side, which, led)
            changed = True
        if best_price[0, which] > best_price[1, which]:
            oldest = known_at[row] - patience
            changed |= _without_crossed(
                prices, sizes, since, ages, best_price, best_size, leader, which, oldest
            )
        if changed:
            rows[count] = row
            made = out[count]
            made.bid, made.bid_size = best_price[0, which], best_size[0, which]
            made.ask, made.ask_size = best_price[1, which], best_size[1, which]
            made.instrument = instrument[row]
            bidder, asker = leader[0, which], leader[1, which]
            made.bid_venue = bidder + BEFORE_A if bidder > 0 else 0
            made.ask_venue = asker + BEFORE_A if asker > 0 else 0
            count += 1
    return count


def national_best(shown: Shown, ticks: Ticks, patience: int, *, consolidated: bool) -> NDArray[np.void]:
    """Return NATIONAL_BEST rows of ticks with quotes, one for each that changed the best; `session` is left at 0.

    With `consolidated` each quote is the best of its side, whoever's it is. `patience` (ns) is how old a quote may
    be that newer ones cross. `shown` is changed in place. Ticks without sequences or times of receipt have 0 and
    `known_at`.
    """
    count = row_count(ticks)
    rows, out = np.empty(count, np.int64), np.empty(count, NATIONAL_BEST)
    made = _follow(
        ticks.known_at,
        ticks.instrument,
        ticks.kind,
        ticks.venue,
        ticks.bid,
        ticks.bid_size,
        ticks.ask,
        ticks.ask_size,
        shown.sides,
        shown.best,
        shown.turns,
        patience,
        consolidated,
        rows,
        out,
    )
    changed, best = rows[:made], out[:made]
    best["event_at"], best["known_at"] = ticks.event_at[changed], ticks.known_at[changed]
    best["received_at"] = (ticks.known_at if ticks.received_at is None else ticks.received_at)[changed]
    best["sequence"] = 0 if ticks.sequence is None else ticks.sequence[changed]
    best["session"] = 0
    return best.copy()
