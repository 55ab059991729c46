"""How a venue tells the trades of its past over REST: where a page is asked for, and how its rows are written."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from connectors.source import SourceError
from connectors.websocket.fields import Fields, Scratch, Shape, Texts
from domain.market import Float64, Int64


class Page(NamedTuple):
    """Trades in order of their numbers: when (ns UTC), at what price and size."""

    number: Int64
    at: Int64
    price: Float64
    size: Float64

    def where(self, kept: NDArray[np.bool_]) -> "Page":
        """Return some of the trades."""
        return Page._make(column[kept] for column in self)


NO_TRADES = Page(np.empty(0, np.int64), np.empty(0, np.int64), np.empty(0), np.empty(0))


@dataclass(frozen=True)
class TradePages:
    """One venue's pages: `number`, `at`, `price` and `size` are paths in a row of the list at `rows`.

    `since` asks for the first trades from an instant on, and before another (ns UTC); where `window` is given it
    reaches no further than that. `after` asks for those after a number; a venue without it goes on by `since`. A venue
    that tells its trades from the newest backwards has `before` instead of both, which asks for those before a number,
    0 for the newest.
    """

    number: str
    at: str
    price: str
    size: str
    unit: int
    rows: str = "rows"
    since: Callable[[str, int, int], str] | None = None
    after: Callable[[str, int], str] | None = None
    before: Callable[[str, int], str] | None = None
    window: int = 0

    def page(self, body: bytes, address: str) -> Page:
        """Return the trades of an answer; raises SourceError where it is none."""
        row = Shape(self.number, self.at, self.price, self.size)
        needed, optional = ((), (self.rows,)) if "*" in self.rows else ((self.rows,), ())
        shape = Shape(*needed, optional=optional, lists=(self.rows,), row=row)
        fields = Fields.of(Texts.of([b'{"rows":' + body + b"}"]), shape, Scratch())
        rows = fields.rows
        number, at = rows.integers(self.number), rows.instants(self.at, unit=self.unit)
        price, size = rows.floats(self.price), rows.floats(self.size)
        rows.doubt(~((price > 0) & (size > 0)), lambda _: "price and size of a trade are above 0")
        fields.believed_rows(rows)
        if fields.doubted.any() or not fields.given(self.rows).any():
            why = fields.reasons.get(0, f"nothing is at {self.rows!r}")
            raise SourceError(f"{address} was not answered with trades ({why}); see what it tells")
        order = np.argsort(number, kind="stable")
        return Page(number[order], at[order], price[order], size[order])
