"""Corporate actions that Lean's factor and map files tell of: splits, dividends, renames and delistings.

A line of a factor file holds up to and including its date: from one line to the next the split factor grows by the
ratio of a split, and the price factor by 1 - D/P of a dividend D, P being the line's reference price. A line of a map
file says until when a ticker was used; one before the year 2050 is the last, and the company was delisted after it.
"""

from collections.abc import Collection
from datetime import date
from fractions import Fraction
from itertools import pairwise
from pathlib import Path
from typing import NamedTuple

from connectors.files.action_rows import ActionFileError, day_of
from domain.corporate_actions import ActionKind, CorporateAction

FACTORS, MAPS = "factor_files", "map_files"
NEVER = (date(2050, 1, 1) - date(1970, 1, 1)).days
CHANGED = 1e-7
DIVIDEND_PLACES = 4
RATIO_MAX = 200
NEAR = 1e-5


class _Factor(NamedTuple):
    until: int
    price: float
    split: float
    reference: float


class _Named(NamedTuple):
    until: int
    ticker: str


def lean_actions(folder: Path, tickers: Collection[str]) -> tuple[CorporateAction, ...]:
    """Return the actions of instruments that ever had one of the tickers, in order of ex-date.

    `folder` has `factor_files` and `map_files`, one of either for each instrument. Dividends are exact to four places,
    which is what seven digits of a factor tell. Raises ActionFileError.
    """
    stems = sorted({path.stem for part in (FACTORS, MAPS) for path in (folder / part).glob("*.csv")})
    if not stems:
        raise ActionFileError(f"{folder} has neither {FACTORS} nor {MAPS} with files in them")
    wanted = {ticker.upper() for ticker in tickers}
    found: list[CorporateAction] = []
    for stem in stems:
        named = _map(folder / MAPS / f"{stem}.csv") or [_Named(NEVER, stem.upper())]
        if wanted & {row.ticker for row in named}:
            found += [*_renames(named), *_factor_actions(folder / FACTORS / f"{stem}.csv", named)]
    return tuple(sorted(found, key=lambda action: (action.ex_on, action.instrument, action.kind)))


def _map(path: Path) -> list[_Named]:
    return [_Named(day_of(cells[0]), cells[1].strip().upper()) for cells in _lines(path, 2)]


def _renames(named: list[_Named]) -> list[CorporateAction]:
    found = [
        _action(ActionKind.RENAME, row.until + 1, row.ticker, into=later.ticker)
        for row, later in pairwise(named)
        if row.ticker != later.ticker
    ]
    if named[-1].until < NEVER:
        found.append(_action(ActionKind.DELISTING, named[-1].until + 1, named[-1].ticker))
    return found


def _factor_actions(path: Path, named: list[_Named]) -> list[CorporateAction]:
    try:
        rows = sorted(
            _Factor(day_of(cells[0]), float(cells[1]), float(cells[2]), float(cells[3] or 0))
            for cells in _lines(path, 4)
        )
    except ValueError as error:
        raise ActionFileError(f"{path} is no factor file of Lean: {error}") from error
    found: list[CorporateAction] = []
    for row, later in pairwise(rows):
        ticker = next((each.ticker for each in named if row.until <= each.until), named[-1].ticker)
        ratio, kept = later.split / row.split, row.price / later.price
        if abs(ratio - 1.0) > CHANGED:
            found.append(_action(ActionKind.SPLIT, row.until + 1, ticker, ratio=_simple(ratio)))
        paid = round(row.reference * (1.0 - kept) / ratio, DIVIDEND_PLACES)
        if paid > 0.0:
            found.append(_action(ActionKind.CASH_DIVIDEND, row.until + 1, ticker, amount=paid))
    return found


def _simple(ratio: float) -> float:
    """Return the ratio of small numbers that a quotient of seven-digit factors stands for, else the quotient."""
    near = Fraction(ratio).limit_denominator(RATIO_MAX)
    return float(near) if abs(float(near) / ratio - 1.0) < NEAR else ratio


def _action(
    kind: ActionKind, ex_on: int, ticker: str, *, amount: float = 0.0, ratio: float = 1.0, into: str = ""
) -> CorporateAction:
    """Return an action; Lean does not say when it was known, so it counts as known on its ex-date."""
    return CorporateAction(
        kind=kind,
        ex_on=ex_on,
        amount=amount,
        ratio=ratio,
        known_at=ex_on * 86_400_000_000_000,
        instrument=ticker,
        action_id=f"lean-{ticker}-{kind}-{ex_on}",
        into=into,
    )


def _lines(path: Path, cells: int) -> list[list[str]]:
    """Return the cells of a file's lines, none where there is no such file; raises ActionFileError."""
    if not path.exists():
        return []
    found = [line.split(",") for line in path.read_text(encoding="utf-8-sig").splitlines() if line.strip()]
    for number, line in enumerate(found, 1):
        if len(line) < cells:
            raise ActionFileError(
                f"{path}, line {number}: {cells} cells are needed; {','.join(line)!r} was given"
            )
    return found
