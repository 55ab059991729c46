"""Quotes that newer ones of the other side cross: their own exchange's withdrawal was never seen."""

from numba import njit


@njit(cache=True, nogil=True, error_model="numpy")
def let_go(bids, bid_ages, asks, ask_ages, which, before):  # type: ignore[no-untyped-def]
    """Take away the quotes of an instrument older than `before` that a newer one of the other side crosses.

    Prices and ages are of shape (instruments, exchanges), prices of 0 being no quote. Source: standards.md 6.4, crossed
    for more than a second.
    """
    _evict(asks, ask_ages, bids, bid_ages, which, 1.0, before)
    _evict(bids, bid_ages, asks, ask_ages, which, -1.0, before)


@njit(cache=True, nogil=True, error_model="numpy")
def _evict(prices, ages, against, against_ages, which, sign, before):  # type: ignore[no-untyped-def]
    """Take away the quotes of one side; `sign` is 1 where asks are taken away and -1 where bids are."""
    for venue in range(prices.shape[1]):
        held, since = prices[which, venue], ages[which, venue]
        if held > 0.0 and since < before:
            for other in range(against.shape[1]):
                price = against[which, other]
                if price > 0.0 and (price - held) * sign > 0.0 and against_ages[which, other] > since:
                    prices[which, venue] = 0.0
