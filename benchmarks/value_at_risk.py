"""A book of positions under scenarios kept up to date, beside a full revaluation in plain numpy, in one run.

    python benchmarks/value_at_risk.py --positions 2000 --scenarios 500

Three questions, each asked in turn of both, the median of `--rounds`: VaR and ES after a `fill` of one position, after
the `minute` mark of all of them, and what an `order` would change. The plain way prices every position anew in every
scenario, quantity * price * (1 + return) less its value, sums, and sorts; `dot` is the same with one product of vector
and matrix in place of pricing and summing, the fastest that numpy has. Each has one thread. All three must
say the same.
"""

import argparse
import json
import os
import statistics
import sys
import time
from collections.abc import Callable
from pathlib import Path

os.environ["OPENBLAS_NUM_THREADS"] = os.environ["MKL_NUM_THREADS"] = "1"  # like with like: one thread each

import numpy as np
from numpy.typing import NDArray

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from analytics.scenario_book import ScenarioBook

Floats = NDArray[np.float64]
VAR, ES = 0.99, 0.975


class Market:
    """Quantities, prices and scenarios of a seed, with fills and marks that follow from them."""

    def __init__(self, positions: int, scenarios: int, seed: int = 11) -> None:
        generator = np.random.default_rng(seed)
        beta = generator.normal(1.0, 0.4, (positions, 1))
        market = 0.011 * generator.standard_t(4, (1, scenarios))
        self.returns = beta * market + 0.012 * generator.standard_t(4, (positions, scenarios))
        self.prices = generator.uniform(5.0, 400.0, positions)
        self.quantities = generator.integers(-5_000, 5_000, positions).astype(float)
        self._generator = generator

    def fill(self) -> tuple[int, float]:
        """Fill an order: return the position and the change of its quantity."""
        place = int(self._generator.integers(len(self.prices)))
        quantity = float(self._generator.integers(-500, 500))
        self.quantities[place] += quantity
        return place, quantity

    def tick(self) -> None:
        """Move every price."""
        self.prices *= np.exp(self._generator.normal(0.0, 0.001, len(self.prices)))


def tail(losses: Floats) -> tuple[float, float]:
    """Return VaR and ES of losses, plainly."""
    ordered, count = np.sort(losses), len(losses)
    needed = count * (1.0 - ES)
    whole = int(needed + 1e-9)
    beyond = ordered[count - whole :].sum() + (needed - whole) * ordered[count - whole - 1]
    return float(ordered[int(np.ceil(count * VAR - 1e-9)) - 1]), float(beyond / needed)


def priced(market: Market) -> tuple[float, float]:
    """Return VaR and ES with every position priced in every scenario."""
    now = market.quantities * market.prices
    then = market.quantities[:, None] * (market.prices[:, None] * (1.0 + market.returns))
    return tail(-(then - now[:, None]).sum(axis=0))


def dotted(market: Market) -> tuple[float, float]:
    """Return VaR and ES with one product of vector and matrix."""
    return tail(-((market.quantities * market.prices) @ market.returns))


def timed(work: Callable[[], tuple[float, float]]) -> tuple[float, tuple[float, float]]:
    """Return the microseconds that something took, and its answer."""
    began = time.perf_counter_ns()
    answer = work()
    return (time.perf_counter_ns() - began) / 1e3, answer


def measure(market: Market, rounds: int) -> dict[str, dict[str, list[float]]]:
    """Ask all three ways in turn; return the microseconds of each by question."""
    book = ScenarioBook(market.returns, VAR, ES)
    book.set_values(market.quantities * market.prices)
    book.marginal(0, 1.0)
    taken: dict[str, dict[str, list[float]]] = {}

    def note(question: str, ours: Callable[[], tuple[float, float]]) -> None:
        answers = []
        for way, work in (
            ("ours", ours),
            ("dot", lambda: dotted(market)),
            ("plain", lambda: priced(market)),
        ):
            spent, answer = timed(work)
            taken.setdefault(question, {}).setdefault(way, []).append(spent)
            answers.append(answer)
        if not np.allclose(answers[0], answers[2], rtol=1e-9) or not np.allclose(answers[1], answers[2]):
            raise AssertionError(f"{question}: {answers} disagree")

    for _ in range(rounds):
        place, quantity = market.fill()

        def filled(place: int = place, quantity: float = quantity) -> tuple[float, float]:
            book.change(place, quantity * float(market.prices[place]))
            return book.measures()

        note("fill", filled)
        market.tick()

        def marked() -> tuple[float, float]:
            book.set_values(market.quantities * market.prices)
            return book.measures()

        note("minute", marked)
        place, quantity = market.fill()
        by = quantity * float(market.prices[place])
        note("order", lambda place=place, by=by: book.marginal(place, by).after)  # type: ignore[misc]
        market.quantities[place] -= quantity
    return taken


def main() -> None:
    """Measure, and print one JSON object."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--positions", type=int, default=2_000)
    parser.add_argument("--scenarios", type=int, default=500)
    parser.add_argument("--rounds", type=int, default=200)
    parser.add_argument("--quick", action="store_true", help="20 rounds")
    options = parser.parse_args()
    rounds = 20 if options.quick else options.rounds
    taken = measure(Market(options.positions, options.scenarios), rounds)
    line: dict[str, object] = {"positions": options.positions, "scenarios": options.scenarios}
    for question, ways in taken.items():
        middle = {way: statistics.median(spent) for way, spent in ways.items()}
        line[question] = {
            **{f"{way}_microseconds": round(spent, 1) for way, spent in middle.items()},
            "ours_p99_microseconds": round(float(np.quantile(ways["ours"], 0.99)), 1),
            "times_faster_than_plain": round(middle["plain"] / middle["ours"], 1),
            "times_faster_than_dot": round(middle["dot"] / middle["ours"], 1),
        }
    print(json.dumps(line))


if __name__ == "__main__":
    main()
