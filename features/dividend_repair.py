"""Dividends of a vendor's history, and their adjustment, looked through by rules of `features.price_repair`."""

from collections.abc import Iterator

import numpy as np

from features.price_history import DAY_NANOSECONDS, History, Repair, close_to

HUNDRED = np.log(100.0)
TWICE_DAYS = 10
USUAL_TIMES = 1.5
MISSING_BESIDE = 3
AGREED_DIVIDENDS = 3
CLEAR_MOVES = 6.0


def believed(history: History, row: int) -> float:
    """Return the dividend that the adjusted close knows of at a row; rows of weeks know it at the row after, too."""
    share = history.adjusted / history.prices["close"]
    after = min(row + 1, len(share) - 1) if history.spacing() > 4.0 else row
    return float((1.0 - share[row - 1] / share[after]) * history.prices["close"][row - 1])


def _paying(history: History) -> list[int]:
    return [int(row) for row in np.flatnonzero(history.dividends > 0.0) if row > 0]


def _agreed(history: History, paying: list[int]) -> float:
    """Return the usual yield of the dividends that the adjusted close knows as they are, or 0 where there are few."""
    if not len(history.adjusted):
        return 0.0
    close = history.prices["close"]
    yields = [
        history.dividends[row] / close[row - 1]
        for row in paying
        if close_to(believed(history, row), history.dividends[row])
    ]
    return float(np.median(yields)) if len(yields) >= AGREED_DIVIDENDS else 0.0


def _fell(history: History, row: int, amount: float, moves_clear: float = CLEAR_MOVES) -> bool | None:
    """Say whether the price fell by at least half an amount at a row; None where it moves as much on other days."""
    close = history.prices["close"]
    with np.errstate(all="ignore"):
        moves = np.abs(np.diff(np.log(close)))
    if not amount > moves_clear * 1.4826 * float(np.nanmedian(moves)) * close[row - 1]:
        return None
    return bool(close[row - 1] - close[row] > 0.5 * amount)


def _fell_together(history: History, rows: list[int]) -> bool | None:
    """Say whether prices fell by at least half of what was paid at several rows; None where it cannot be told.

    What is told by no row alone may be told by all: their mean moves less by chance the more they are.
    """
    if len(rows) < 2:
        return None
    close = history.prices["close"]
    usual = 1.4826 * float(np.nanmedian(np.abs(np.diff(np.log(close)))))
    before = close[[row - 1 for row in rows]]
    shares = history.dividends[rows] / before
    weights = shares / np.square(shares).sum()
    fell = float((weights * (before - close[rows]) / before).sum())
    chance = usual / float(np.sqrt(np.square(shares).sum()))
    return fell > 0.5 if 6.0 * chance <= 1.0 else None


def _paid_is_off(history: History, row: int, known: float, agreed: float) -> bool | None:
    """Say whether it is the dividend that is wrong, and not its adjustment; None where nothing tells."""
    paid, before = float(history.dividends[row]), float(history.prices["close"][row - 1])
    if known <= 0.0:
        return None
    if agreed > 0.0:
        return bool(abs(np.log(paid / before / agreed)) > abs(np.log(known / before / agreed)))
    fell = _fell(history, row, max(paid, known))
    return None if fell is None else (paid > known) != fell


def dividend_repairs(history: History) -> Iterator[Repair]:
    """Yield the repairs of dividends themselves."""
    close = history.prices["close"]
    paying = _paying(history)
    plain = [history.dividends[row] / close[row - 1] for row in paying]
    usual = float(np.median([each for each in plain if each < 0.2] or [0.0]))
    agreed = _agreed(history, paying)
    hundred = _hundredfold_throughout(history, paying, agreed)
    unusual = _unusual(history, paying, agreed)
    for row in paying:
        paid, before = float(history.dividends[row]), float(close[row - 1])
        known = believed(history, row) if len(history.adjusted) else 0.0
        silent = abs(known) < 0.05 * min(paid, before)
        ratio = paid / known if known > 0.0 else 0.0
        split = float(history.splits[row])
        off = _paid_is_off(history, row, known, agreed)
        large = paid > 0.3 * before and (
            close_to(ratio, 100.0) or (silent and (usual == 0.0 or paid / before > 20.0 * usual))
        )
        if not _fell(history, row, paid) and (large or ((off or row in hundred) and close_to(ratio, 100.0))):
            yield _dividend("dividend_100x", row, 0.01, f"{paid:g} of a price of {before:g}")
        elif _both_hundredfold(history, paying, row, known, agreed):
            yield _dividend(
                "dividend_100x",
                row,
                0.01,
                f"{paid:g} of {before:g}, which did not fall; {agreed:.2%} is usual",
            )
        elif not silent and close_to(ratio, 0.01) and known < 0.2 * before and off is not False:
            yield _dividend("dividend_100x", row, 100.0, f"the adjusted close knows of {known:g}")
        elif not silent and split not in {0.0, 1.0} and close_to(ratio, split):
            yield _dividend(
                "dividend_of_split",
                row,
                1.0 / split,
                f"the adjusted close knows of {known:g}, the split is {split:g}",
            )
        elif silent and _again(history, paying, row):
            yield _dividend(
                "dividend_twice", row, 0.0, "the same amount is there within days, and was adjusted for"
            )
        elif not silent and row in unusual:
            evidence = f"the adjusted close knows of {known:g}; {agreed:.2%} of the price is usual"
            yield Repair("dividend_wrong", row, row, ("dividends",), known / paid, evidence)


def _hundredfold_throughout(history: History, paying: list[int], agreed: float) -> frozenset[int]:
    """Return the rows whose dividends are 100 times what the adjusted close knows, where that is told of some of them.

    One row by itself may not tell which of the two is off; where some do, and none says otherwise, it holds for all.
    """
    if not len(history.adjusted) or agreed > 0.0:
        return frozenset()
    close, told = history.prices["close"], []
    rows = [row for row in paying if close_to(history.dividends[row], 100.0 * believed(history, row), 0.2)]
    for row in rows:
        paid, known = float(history.dividends[row]), believed(history, row)
        told.append(True if paid > 0.3 * close[row - 1] else _paid_is_off(history, row, known, agreed))
    together = _fell_together(history, rows)
    told.append(None if together is None else not together)
    return frozenset(rows) if True in told and False not in told else frozenset()


def _unusual(history: History, paying: list[int], agreed: float) -> frozenset[int]:
    """Return the rows whose dividend is far from the usual yield where what the adjusted close knows is near it.

    Several that are off by one ratio are no matter of a dividend.
    """
    if not agreed > 0.0:
        return frozenset()
    close, off = history.prices["close"], {}
    for row in paying:
        paid, known = float(history.dividends[row]), believed(history, row)
        if known > 0.0:
            far, near = (abs(np.log(each / close[row - 1] / agreed)) for each in (paid, known))
            if near < np.log(USUAL_TIMES) and far > near + np.log(USUAL_TIMES):
                off[row] = paid / known
    counts = [sum(close_to(each, other, 0.05) for other in off.values()) for each in off.values()]
    return frozenset(row for row, count in zip(off, counts, strict=True) if count == 1)


def _alike(history: History, paying: list[int], row: int) -> float:
    """Return the median of the dividends that are nearest to one, or 0 where these are fewer than three."""
    place = paying.index(row)
    beside = [history.dividends[each] for each in paying[max(place - 2, 0) : place + 3] if each != row]
    return float(np.median(beside)) if len(beside) >= AGREED_DIVIDENDS else 0.0


def _both_hundredfold(history: History, paying: list[int], row: int, known: float, agreed: float) -> bool:
    """Say whether a dividend and its adjustment are both 100 times the usual, and the price did not fall by them.

    Where it is a hundred times those beside it, too, a price that moves much on other days may tell less clearly.
    """
    paid, before = float(history.dividends[row]), float(history.prices["close"][row - 1])
    clear = 0.5 * CLEAR_MOVES if close_to(paid, 100.0 * _alike(history, paying, row)) else CLEAR_MOVES
    return bool(
        agreed > 0.0
        and close_to(known, paid)
        and abs(np.log(paid / before / agreed) - HUNDRED) < np.log(4.0)
        and _fell(history, row, paid, clear) is False
    )


def _dividend(rule: str, row: int, factor: float, evidence: str) -> Repair:
    return Repair(rule, row, row, ("dividends",), factor, evidence)


def _again(history: History, paying: list[int], row: int) -> bool:
    """Say whether the same dividend is there again within days, and the adjusted close knows of that one."""
    return any(
        other != row
        and abs(int(history.instants[other] - history.instants[row])) <= TWICE_DAYS * DAY_NANOSECONDS
        and close_to(history.dividends[other], history.dividends[row], 0.01)
        and believed(history, other) > 0.8 * history.dividends[other]
        for other in paying
    )


def adjustment_repairs(history: History) -> Iterator[Repair]:
    """Yield the repairs of the adjusted close."""
    if not len(history.adjusted):
        return
    close, paying = history.prices["close"], _paying(history)
    agreed = _agreed(history, paying)
    for row in paying:
        paid, before = float(history.dividends[row]), float(close[row - 1])
        if paid >= before:
            continue
        known, gain = believed(history, row), float(history.gains[row])
        is_share = 1.0 - known / before
        should = (1.0 - paid / before) / is_share
        if close_to(known, 0.01 * paid, 0.05) and _paid_is_off(history, row, known, agreed) is not False:
            continue
        if abs(known) < 0.05 * paid:
            evidence = (
                f"{paid:g} was paid on a price of {before:g}, the adjusted close knows of {max(known, 0.0):g}"
            )
            yield _adjusted("adjustment_missing", row, should, evidence)
        elif gain > 0.0 and close_to(known, paid + gain, 0.02) and not close_to(known, paid, 0.02):
            yield _adjusted(
                "gain_counted_twice", row, should, f"{known:g} was taken off, {paid:g} holds {gain:g}"
            )
        elif close_to(known / paid, 100.0) or close_to(known / paid, 0.01):
            yield _adjusted("adjustment_100x", row, should, f"{known:g} was taken off, {paid:g} was paid")


def _adjusted(rule: str, row: int, factor: float, evidence: str) -> Repair:
    return Repair(rule, 0, row - 1, ("adj_close",), factor, evidence)


def missing_dividends(history: History) -> Iterator[Repair]:
    """Yield the dividends that the adjusted close knows of and the list does not, where they are as is usual.

    A row is looked at where nothing is paid or split within MISSING_BESIDE rows; rows of weeks, and histories of which
    fewer than AGREED_DIVIDENDS dividends are known as they are, tell nothing.
    """
    paying = _paying(history)
    agreed = _agreed(history, paying)
    if not agreed or history.spacing() > 4.0:
        return
    close = history.prices["close"]
    with np.errstate(all="ignore"):
        shares = np.diff(np.log(history.adjusted / close), prepend=np.nan)
    something = (history.dividends != 0.0) | (history.gains != 0.0)
    something |= (history.splits != 0.0) & (history.splits != 1.0)
    near = np.convolve(something, np.ones(2 * MISSING_BESIDE + 1), "same") > 0.0
    noise = 1.4826 * float(np.nanmedian(np.abs(shares)))
    least = max(agreed / 4.0, 20.0 * noise)
    with np.errstate(invalid="ignore"):
        rows = np.flatnonzero(~near & (shares > least) & (shares < 4.0 * agreed))
    if len(rows) > len(paying):
        return
    for row in rows:
        known = believed(history, int(row))
        evidence = f"the adjusted close knows of {known:g}, {known / close[row - 1]:.2%} of the price; none is listed"
        yield Repair("dividend_missing", int(row), int(row), ("dividends",), 1.0, evidence, known)
