"""All 46 pre-trade checks on one intent, beside the same checks as plain Python written naively, in one run.

    python -m benchmarks.checks [--intents 5000] [--rounds 3] [--quick]

The book holds 50 instruments with positions in 40 and 60 open orders; every check applies and has its input. Both sides
judge the same intents in the same state and must name the same failing checks, or the benchmark stops. Times are those
of the thread's own processor time, so that other work on the machine counts less; `wall` is the clock on the wall.
`listed` is PT-43 beside itself, with a list of 9,000 names that holds and without, one found party a name.
Garbage is collected as in the desk. `batch_per_second` is of all intents one after another without a clock between,
in intents a second of a core.
"""

import argparse
import gc
import json
import statistics
import time
from collections.abc import Callable, Sequence
from decimal import Decimal
from typing import Any

from benchmarks.plain_checks import PlainBook
from config.settings import compliance_params, read_settings
from domain.decisions import Outcome
from domain.instruments import Instrument, Universe
from domain.market import SECOND, Session
from domain.orders import Intent, OrdType, Side, TimeInForce
from operators.checks.registry import CHECKS
from operators.compliance import decide, evaluate
from operators.compliance_counters import RiskFigures
from operators.compliance_facts import facts_of
from operators.compliance_rules import ComplianceParams
from operators.compliance_state import (
    ComplianceState,
    Standing,
    hear,
    set_mark,
    set_position,
    set_risk,
    set_standing,
    set_weights,
)
from operators.compliance_view import Market, Protected, Reference, Watermarks, view_of
from operators.party_screening import Found, HeldList

NOW = 1_700_000_000 * SECOND
DAY = 19_675
NAMES = tuple(f"I{number:02}" for number in range(50))
INSTRUMENTS = {name: Instrument(name=name, issuer=f"{name} Corp") for name in NAMES}
ZERO = Decimal(0)
LISTED = 9_000


def inputs() -> dict[str, list[dict[str, Any]]]:
    """Return rows of every input, so that every check applies."""
    algorithm = {
        "version": "1",
        "instruments_max": 99,
        "venues_max": 9,
        "orders_max": 10**6,
        "position_max": 10**6,
    }
    return {
        "algorithms": [{"strategy": name, **algorithm} for name in ("trend", "reversion")],
        "instruments": [
            {
                "instrument": name,
                "adv20": 5_000_000,
                "sigma_daily_percent": "1.5",
                "beta": "1.1",
                "sector": f"sector{number % 8}",
                "country": "US",
                "shares_outstanding": 10**9,
                "spread_median": "0.02",
                "factors": "value:0.3 size:-0.2",
            }
            for number, name in enumerate(NAMES)
        ],
        "margin_rates": [{"tier": "liquid", "rate_percent": 25}],
        "mandates": [{"account": "main"}],
        "locates": [{"locate_id": f"E{n}", "instrument": n, "kind": "easy_to_borrow"} for n in NAMES],
        "bands": [{"instrument": name, "lower": 90, "upper": 110} for name in NAMES],
        **{
            n: []
            for n in (
                "sanctions",
                "pre_borrow",
                "short_sale_restrictions",
                "breakers",
                "client_orders",
                "credit",
            )
        },
    }


def rules(*, every_input: bool = True) -> ComplianceParams:
    """Return the project's limits and rights, with every input given or as the project has them."""
    made = compliance_params(read_settings(), Universe(tuple(INSTRUMENTS.values())))
    return made.replaced(facts=facts_of(inputs()), not_applicable={}) if every_input else made


def intent_of(number: int, at: int, quantity: int, price: Decimal, side: Side) -> Intent:
    """Return an intent on one of the instruments."""
    return Intent(
        event_at=at,
        known_at=at,
        received_at=at,
        source="strategy:trend",
        sequence=number,
        record_id=f"R{number}",
        cl_ord_id=f"C{number}",
        account="main",
        desk="equities",
        trader="desk.trader",
        strategy="trend",
        symbol=NAMES[number % len(NAMES)],
        side=side,
        order_qty=quantity,
        ord_type=OrdType.LIMIT,
        time_in_force=TimeInForce.DAY,
        transact_time=at,
        ex_destination="XSIM",
        price=price,
        signal_id=f"S{number}",
        signal_at=at,
        position_before=0,
        target_position=quantity,
    )


def market_of(symbol: str, at: int) -> Market:
    """Return an open market at 100."""
    bid, ask = Decimal("99.99"), Decimal("100.01")
    return Market(
        now_at=at,
        trading_day=DAY,
        instrument=INSTRUMENTS[symbol],
        session=Session.REGULAR,
        halted=False,
        reference=Reference(Decimal(100), "mid", at),
        watermarks=Watermarks(at, at, at, at, at),
        bid=bid,
        ask=ask,
        sigma=Decimal("0.0008"),
        protected=(Protected("XSIM", bid, ask), Protected("XTWO", bid, ask)),
    )


def book(params: ComplianceParams) -> tuple[ComplianceState, list[tuple[Intent, Market]]]:
    """Return a book with positions, and the intents that were allowed in it and are open."""
    state = ComplianceState()
    for scope in ("account:main", "firm:firm"):
        set_standing(state, scope, Standing(Decimal(10_000_000), Decimal(-5_000), Decimal("0.01")))
    flat = dict.fromkeys(NAMES, Decimal("0.01"))
    set_risk(
        state,
        "firm:firm",
        RiskFigures(
            NOW - 61 * SECOND,
            Decimal(90_000),
            Decimal(120_000),
            flat,
            flat,
            {"2008": Decimal(400_000)},
            {"2008": flat},
        ),
    )
    hear(state, "XSIM", NOW - 61 * SECOND, 3600 * SECOND)
    for number, name in enumerate(NAMES[:40]):
        set_mark(state, name, Decimal(100))
        set_weights(state, name, params.weights_of(INSTRUMENTS[name], NOW))
        set_position(state, "main", "trend", "equities", name, 300 if number % 2 else -300)
    opened = []
    for number in range(60):
        at = NOW - (60 - number) * SECOND
        side = Side.BUY if number % 3 else Side.SELL_SHORT
        price = Decimal("99.50") if side is Side.BUY else Decimal("100.50")
        asked = intent_of(10_000 + number, at, 50 + number, price, side)
        market = market_of(asked.symbol, at)
        if decide(state, params, asked, market).order_qty:
            opened.append((asked, market))
    return state, opened


def asked(count: int) -> list[tuple[Intent, Market]]:
    """Return intents: nine in ten would pass, one is too large or too far away."""
    made = []
    for number in range(count):
        quantity, price = 100 + number % 7, Decimal("100.02") if number % 2 else Decimal("99.98")
        if number % 20 == 7:
            quantity = 30_000
        if number % 20 == 13:
            price = Decimal("106.00")
        side = Side.BUY if number % 2 else Side.SELL_SHORT
        intent = intent_of(number, NOW, quantity, price, side)
        made.append((intent, market_of(intent.symbol, NOW)))
    return made


def timed(
    judge: Callable[[Intent, Any], Any], intents: Sequence[tuple[Intent, Any]]
) -> tuple[list[int], float]:
    """Return the processor time (ns) of each judgement, and the seconds that all of them took on the wall."""
    clock, times = time.thread_time_ns, []
    began = time.perf_counter()
    for intent, market in intents:
        at = clock()
        judge(intent, market)
        times.append(clock() - at)
    return times, time.perf_counter() - began


def batch_per_second(
    judge: Callable[[Intent, Market], Any], intents: Sequence[tuple[Intent, Market]]
) -> float:
    """Return how many intents a second of processor time are judged in one batch."""
    began = time.thread_time_ns()
    for intent, market in intents:
        judge(intent, market)
    return len(intents) * 1e9 / (time.thread_time_ns() - began)


def _found(at: int) -> tuple[Found, ...]:
    party, name = f"issuer:Other {at}", f"Other {at}"
    entry = str(at)
    return (
        Found(party=party, name=name, listed=name, entry_id=entry, kind="primary", how="fuzzy", score=0.9),
    )


def listed(state: ComplianceState, params: ComplianceParams, intents: Sequence[Any]) -> dict[str, float]:
    """Return the median processor time (microseconds) of PT-43 without a list of names and with one of 9,000.

    Every name is taken to have been found for a party of its own, so that the list is as large as it can be.
    """
    check = dict(CHECKS)["PT-43"]
    views = [(intent, view_of(state, params, intent, market)) for intent, market in intents]
    found = {f"issuer:Other {at}": _found(at) for at in range(LISTED)}
    medians = []
    for lists in ({}, {"SDN": HeldList("1", "d", LISTED, 0, found)}):
        state.name_lists = lists
        medians.append(statistics.median(timed(check, views)[0]) / 1e3)
    state.name_lists = {}
    without, held = medians
    return {
        "without_us": round(without, 2),
        "held_us": round(held, 2),
        "ratio": round(held / without, 2),
    }


def told(times: list[list[int]], walls: list[float]) -> dict[str, float]:
    """Return the median over the rounds of what is told of one side, microseconds and intents a second."""
    ranked = [sorted(each) for each in times]
    share = [
        (*(each[int(len(each) * part)] / 1e3 for part in (0.5, 0.99, 0.999)), sum(each) / len(each) / 1e3)
        for each in ranked
    ]
    p50, p99, p999, mean = (statistics.median(column) for column in zip(*share, strict=True))
    return {
        "p50_us": round(p50, 1),
        "p99_us": round(p99, 1),
        "p999_us": round(p999, 1),
        "per_second": round(1e6 / mean),
        "wall_per_second": round(statistics.median(len(e) / w for e, w in zip(times, walls, strict=True))),
    }


def main() -> None:
    """Measure, and print one JSON object."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--intents", type=int, default=5_000)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--quick", action="store_true", help="200 intents, once")
    options = parser.parse_args()
    if options.quick:
        options.intents, options.rounds = 200, 1
    params = rules()
    state, opened = book(params)
    plain = PlainBook(params, state, opened)
    intents = asked(options.intents)
    for intent, market in intents[:100]:
        ours = {
            check.check
            for check in evaluate(state, params, intent, market).checks
            if check.outcome is not Outcome.PASS
        }
        theirs = plain.failing(intent, market)
        if ours != theirs:
            raise SystemExit(f"{intent.cl_ord_id}: {sorted(ours)} here, {sorted(theirs)} in plain Python")
    gc.collect()
    gc.freeze()
    own = rules(every_input=False)
    mine, project, naive, batches = [], [], [], []
    fewer = intents[: max(100, len(intents) // 10)]
    for _ in range(options.rounds):
        mine.append(timed(lambda intent, market: evaluate(state, params, intent, market), intents))
        project.append(timed(lambda intent, market: evaluate(state, own, intent, market), intents))
        naive.append(timed(plain.judge, fewer))
        here = batch_per_second(lambda intent, market: evaluate(state, params, intent, market), intents)
        batches.append((here, batch_per_second(plain.judge, fewer)))
    fast, slow = (statistics.median(side) for side in zip(*batches, strict=True))
    fastest, there, as_shipped = (
        told([t for t, _ in side], [w for _, w in side]) for side in (mine, naive, project)
    )
    print(
        json.dumps(
            {
                "checks": len(CHECKS),
                "intents": len(intents),
                "open_orders": len(opened),
                "ours": fastest,
                "ours_with_the_project_configuration": as_shipped,
                "plain_python": there,
                "listed": listed(state, params, intents),
                "batch_per_second": round(fast),
                "plain_python_batch_per_second": round(slow),
                "ratio_batch": round(fast / slow, 2),
                "ratio_p50": round(there["p50_us"] / fastest["p50_us"], 2),
            }
        )
    )


if __name__ == "__main__":
    main()
