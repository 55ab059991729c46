"""A list of 9,000 names loaded into a desk that decides: how long it takes, and how long the desk stands still for it.

    python -m benchmarks.list_update [--names 9000] [--parties 500] [--rounds 3] [--quick]

The desk walks a seeded market in batches, one each two milliseconds, with an order wanted in each. In one turn nothing
is loaded, in the next the list is compared beside the desk, in the last in the desk's own step, afresh, as a plain
implementation would. Given are the longest step of each turn in processor time of the desk's own thread, so that other
work on the machine counts less (the median of the rounds), their ratios, and the time on the wall from the loading
until the list holds.
"""

import argparse
import statistics
import sys
import time
from collections.abc import Callable, Sequence
from concurrent.futures import Future
from decimal import Decimal
from typing import NamedTuple

import numpy as np

from apps.commands import list_command
from apps.list_screening import ListScreener
from benchmarks.screening import made_up
from benchmarks.steady_market import SteadyMarket
from config.settings import compliance_params, read_settings
from connectors.kept_sessions import session_table
from domain.controls import Command, ControlsRead
from domain.instruments import Universe
from domain.market import SCORE, MarketBatch, Ordered, ScoreReason, select
from operators.best_quotes import BestQuotes, BestQuotesParams
from operators.decisions import Decisions
from operators.desk_state import DeskParams
from operators.party_screening import Parties, published, screened
from operators.sizing import SizingParams
from operators.strategy import Strategy, params_of
from operators.venue_params import VenueParams

PACE = 0.002
THRESHOLD = 0.83
INSTRUMENTS, RATE, BATCH_ROWS = 24, 2_000, 20
SESSIONS = session_table("XNYS", "2024-03-06", "2024-03-12")
Screen = Callable[[Command], "Future[Command]"]


class Turn(NamedTuple):
    """The longest step of a turn (seconds of its thread), how long after its loading the list held, and verdicts."""

    longest: float
    held_after: float
    verdicts: int


def desk(market: SteadyMarket) -> DeskParams:
    """Return a desk of the market's instruments, judged as the project judges."""
    universe = Universe(market.reference())
    return DeskParams(
        universe=universe,
        strategies=(Strategy("trend", "trend", params_of("trend", {})),),
        compliance=compliance_params(read_settings(), universe),
        sizing=SizingParams(notional_max=Decimal(60_000)),
        venue=VenueParams(),
        sessions=SESSIONS,
    )


def batches(market: SteadyMarket) -> list[Ordered]:
    """Return the market in ordered batches, each with a score that asks for something."""
    universe = Universe(market.reference())
    chunks = market.read("", universe.indices(), np.ones(len(universe), np.bool_))
    ticks = next(iter(chunks)).ticks
    quotes = BestQuotes(BestQuotesParams(len(universe), SESSIONS, names=universe.names))
    state, made = quotes.fresh(), []
    for number, start in enumerate(range(0, len(ticks.known_at) - BATCH_ROWS, BATCH_ROWS)):
        rows = select(ticks, slice(start, start + BATCH_ROWS))
        last_at = int(rows.known_at[-1])
        scores = np.zeros(1, SCORE)
        scores["close_at"] = scores["known_at"] = last_at
        scores["instrument"] = number % INSTRUMENTS
        scores["direction"] = (1, 0, -1)[number // INSTRUMENTS % 3]
        scores["changed"], scores["reason"] = 1, ScoreReason.HELD
        scores["score"], scores["volatility"], scores["price"] = scores["direction"] * 0.7, 0.1, 100.0
        (best,) = quotes.step(state, MarketBatch(last_at + 1, rows))
        made.append(Ordered(last_at + 1, best.ticks, scores))
    return made


def turn(params: DeskParams, items: Sequence[Ordered], command: Command | None, screen: Screen) -> Turn:
    """Walk all batches, load the list after a tenth of them; return what was measured."""
    stage = Decisions(params, controlled=True)
    book = stage.fresh()
    stage.step(book, ControlsRead())
    longest, loaded, held, verdicts = 0.0, 0.0, 0.0, 0
    waiting: Future[Command] | None = None
    for number, item in enumerate(items):
        due = time.perf_counter() + PACE
        begin = time.thread_time()
        if command is not None and number == len(items) // 10:
            loaded, waiting = time.perf_counter(), screen(command)
        if waiting is not None and waiting.done():
            stage.step(book, waiting.result())
            waiting, held = None, time.perf_counter()
        for decided in stage.step(book, item):
            verdicts += len(decided.verdicts)
        if number > len(items) // 20:
            longest = max(longest, time.thread_time() - begin)
        time.sleep(max(0.0, due - time.perf_counter()))
    if command is not None and not held:
        raise RuntimeError(
            f"the list did not hold within {len(items) * PACE:.0f} s; the market is too short for it"
        )
    if command is not None and "SDN" not in book.compliance.name_lists:
        raise RuntimeError("the list was refused")
    return Turn(longest, held - loaded, verdicts)


def in_the_step(parties: Parties) -> Screen:
    """Return what compares a list at once."""

    def screen(command: Command) -> "Future[Command]":
        done: Future[Command] = Future()
        details = screened(command.details, parties)
        done.set_result(
            Command(**{**{f: getattr(command, f) for f in command.__struct_fields__}, "details": details})
        )
        return done

    return screen


def main(words: Sequence[str]) -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--names", type=int, default=9_000)
    parser.add_argument("--parties", type=int, default=500)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--seconds", type=float, default=20.0, help="how long a turn is")
    parser.add_argument("--quick", action="store_true", help="one round, a short list")
    options = parser.parse_args(words)
    if options.quick:
        options.names, options.parties, options.rounds, options.seconds = 500, 50, 1, 8.0
    market = SteadyMarket(INSTRUMENTS, 60, options.seconds / PACE * BATCH_ROWS / RATE, RATE)
    params, items = desk(market), batches(market)
    listed = made_up(options.names // 2, 1)
    parties = tuple(
        (f"issuer:{number}", each.name) for number, each in enumerate(made_up(options.parties // 2, 2))
    )
    command = list_command("SDN", published(listed, "", THRESHOLD), "ann", "a benchmark")
    turn(params, items[: len(items) // 4], None, in_the_step(parties))
    none, beside, inside = [], [], []
    for _ in range(options.rounds):
        none.append(turn(params, items, None, in_the_step(parties)))
        beside.append(turn(params, items, command, ListScreener(parties)))
        inside.append(turn(params, items, command, in_the_step(parties)))
    longest = [statistics.median(each.longest for each in turns) for turns in (none, beside, inside)]
    took = [statistics.median(each.held_after for each in turns) for turns in (beside, inside)]
    print(
        f"{len(listed)} names, {len(parties)} parties, {len(items)} batches, {none[0].verdicts} verdicts a turn"
    )
    print("| the list is | longest step | ratio to its own step | held after |\n|---|---|---|---|")
    print(f"| not loaded | {1e3 * longest[0]:.1f} ms | {longest[0] / longest[2]:.4f} | |")
    print(
        f"| compared beside the desk | {1e3 * longest[1]:.1f} ms | {longest[1] / longest[2]:.4f} | {took[0]:.2f} s |"
    )
    print(f"| compared in its step | {1e3 * longest[2]:.1f} ms | 1 | {took[1]:.2f} s |")


if __name__ == "__main__":
    main(sys.argv[1:])
