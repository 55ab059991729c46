"""Risk beside the decisions: NAV is told twice and agrees, parts add up, and crossed limits do what they say."""

import pickle
from dataclasses import replace
from decimal import Decimal
from functools import partial

import numpy as np
import pytest

from analytics.attribution import Leg
from analytics.loss_scenarios import Scenarios
from analytics.risk_limit_rows import RiskLimits
from domain.instruments import Instrument, Universe
from domain.market import END, MINUTE
from operators.compliance_rules import KillMode
from operators.compliance_state import set_kill
from operators.decision_records import nothing_decided
from operators.decisions import Decisions
from operators.desk_state import DeskState, fresh_desk
from operators.positions import valuation
from operators.risk import pairs_of, seed, take_rates
from operators.risk_standing import RiskParams, RiskState, ScenarioParams
from operators.risk_watch import RiskWatch
from tests.operators.decision_case import OPEN, desk_params, items, streams
from tests.risk_limit_rows import limit_row

ROWS = 2_000


limit = partial(limit_row, hard=100_000.0)


def run(*limits, rows=ROWS, batch=250):
    """Return the state after a run, and what it said batch by batch."""
    stage = Decisions(replace(desk_params(), risk_limits=RiskLimits(limits)))
    state = stage.fresh()
    answers = [decided for item in items(rows, batch, None) for decided in stage.step(state, item)]
    return stage, state, answers


@pytest.fixture(scope="module")
def plain():
    _, state, answers = run()
    return state, streams(answers)


def test_nav_by_the_ledger_is_the_equity_of_the_account_at_every_snapshot(plain):
    state, told = plain
    equity = {row.known_at: row.equity for row in told["risk.snapshots"]}

    nav = {row.known_at: row.nav for row in told["risk.exposures"] if row.scope == "account:main"}

    assert nav == equity
    assert len(nav) > 5
    assert valuation(state.positions).equity == nav[max(nav)]


def test_parts_add_up_to_the_change_of_nav_and_strategies_to_their_account(plain):
    _, told = plain
    by_instant = {}
    for row in told["risk.exposures"]:
        assert row.price_pnl + row.carry_pnl + row.fees + row.currency_pnl == row.pnl
        assert row.nav - Decimal(10_000_000) == row.pnl
        by_instant.setdefault(row.known_at, {})[row.scope] = row

    for scopes in by_instant.values():
        account = scopes["account:main"]
        own = [row for scope, row in scopes.items() if scope.startswith("strategy:")]
        assert sum(row.pnl for row in own) == account.pnl
        assert sum(row.net for row in own) == pytest.approx(account.net)
        same = ("nav", "gross", "drawdown", "currency_net")
        for scope in ("desk:equities", "firm:firm"):
            assert [getattr(scopes[scope], name) for name in same] == [
                getattr(account, name) for name in same
            ]


def test_exposures_are_those_of_the_holdings(plain):
    state, told = plain
    last = told["risk.exposures"][-1].known_at
    net = {}
    for (_, symbol), held in state.positions.holdings.items():
        net[symbol] = net.get(symbol, 0) + held.quantity * state.positions.marks[symbol]

    firm = next(row for row in told["risk.exposures"] if row.scope == "firm:firm" and row.known_at == last)

    assert firm.net == pytest.approx(float(sum(net.values())))
    assert firm.gross == pytest.approx(float(sum(map(abs, net.values()))))
    assert (firm.long - firm.short, firm.leverage_gross) == pytest.approx(
        (firm.net, firm.gross / float(firm.nav))
    )


def test_a_breach_leaves_in_the_batch_of_its_cause():
    _, _, answers = run(limit(hard=1_000_000.0, soft=50_000.0), limit(measure="net", hard=60_000.0))
    told = streams(answers)

    breached = [row for row in told["risk.breaches"] if row.event == "RiskLimitBreached"]

    assert {"active", "passive"} >= {row.cause for row in breached}
    assert breached[0].cause == "active"
    for decided in answers:
        fills = {row.known_at for row in decided.executions if row.last_qty}
        minutes = {row.known_at for row in decided.snapshots}
        assert {row.known_at for row in decided.breaches} <= fills | minutes
    assert breached[0].drivers[0].count("=") == 1
    assert all(row.utilisation == pytest.approx(row.measured / row.limit) for row in breached)


def test_a_severe_breach_stops_its_scope_cancels_its_orders_and_stays_until_a_person_releases_it():
    _, state, answers = run(limit(hard=20_000.0))
    told = streams(answers)

    first = next(row for row in told["risk.breaches"] if row.action in ("cancel_all", "kill"))
    after = [row for row in told["oms.orders"] if row.known_at > first.known_at]

    assert (first.scope, first.remaining) == ("firm:firm", "firm")
    assert after == []
    assert state.compliance.kills["firm:firm"].mode is KillMode.CANCEL_ALL
    assert state.compliance.kills["firm:firm"].reason == "risk limit gross-firm"


def test_a_hard_breach_lets_only_reducing_orders_through_until_it_is_cured_and_a_second_one_stops():
    row = limit(hard=1_000.0, scope_type="strategy", scope_id="trend")
    params = replace(desk_params(), risk_limits=RiskLimits([row]))
    state, decided = fresh_desk(params), nothing_decided(0)
    watched = RiskWatch(params, state, decided)
    ledger = state.risk.ledger
    ledger.fill("trend", "A", 10, Decimal(99), Decimal(0), Leg(0, Decimal(99), 1, "USD", OPEN))
    said = []

    for minute, price in enumerate((99, 100, 96, 94, 100, 50), 1):
        ledger.mark("A", Decimal(price), OPEN + minute * MINUTE)
        stopped = watched.judge(OPEN + minute * MINUTE, is_active=False)
        kill = state.compliance.kills.get("strategy:trend")
        said.append((price, None if kill is None else kill.mode, stopped))

    assert said == [
        (99, None, []),
        (100, KillMode.REDUCE_ONLY, []),
        (96, KillMode.REDUCE_ONLY, []),
        (94, None, []),
        (100, KillMode.CANCEL_ALL, ["strategy:trend"]),
        (50, KillMode.CANCEL_ALL, []),
    ]
    crossed = [row for row in decided.breaches if row.event != "RiskLimitUtilisation"]
    assert [(row.event, row.level, row.remaining, row.drivers) for row in crossed] == [
        ("RiskLimitBreached", "hard", "hard", ("A=1000.00",)),
        ("RiskLimitCured", "hard", "none", ("A=940.00",)),
        ("RiskLimitBreached", "severe", "severe", ("A=1000.00",)),
        ("RiskLimitCured", "severe", "none", ("A=500.00",)),
    ]
    assert [row.sequence for row in decided.breaches] == list(range(1, len(decided.breaches) + 1))


def test_a_kill_switch_that_a_person_has_set_is_not_touched():
    params = replace(
        desk_params(), risk_limits=RiskLimits([limit(hard=1_000.0, scope_type="account", scope_id="main")])
    )
    state = fresh_desk(params)
    set_kill(state.compliance, "account:main", KillMode.BLOCK_NEW, OPEN, "by hand")
    watched = RiskWatch(params, state, nothing_decided(0))
    state.risk.ledger.fill("trend", "A", 10, Decimal(100), Decimal(0), Leg(0, Decimal(100), 1, "USD", OPEN))

    watched.judge(OPEN + MINUTE, is_active=True)

    assert state.compliance.kills["account:main"].reason == "by hand"


def test_a_temporary_raise_ends_by_itself_at_its_instant():
    _, _, answers = run()
    told = streams(answers)
    fills = sorted(row.known_at for row in told["oms.executions"] if row.last_qty)
    ends = fills[len(fills) // 2] + 7
    standing = limit(hard=30_000.0)
    raised = limit(hard=10_000_000.0, version=2, temporary_until=ends)

    _, _, answers = run(standing, raised)

    breaches = [row for row in streams(answers)["risk.breaches"] if row.event == "RiskLimitBreached"]
    assert breaches[0].known_at == ends
    assert (breaches[0].limit_version, breaches[0].cause) == (1, "passive")


def test_the_same_is_said_on_any_size_of_batch():
    limits = limit(hard=400_000.0, soft=50_000.0), limit(measure="hhi", unit="ratio", hard=0.9)

    small, large = (streams(run(*limits, batch=size)[2]) for size in (17, 1_000))

    for topic in ("risk.exposures", "risk.breaches", "verdicts"):
        assert small[topic] == large[topic]
    assert small["risk.breaches"]


def test_a_state_of_a_version_that_kept_no_risk_takes_in_what_is_held():
    _, state, answers = run(rows=1_500)
    last = [row for row in streams(answers)["risk.exposures"] if row.scope == "account:main"][-1]
    scanned, rest = state.__getstate__()
    older = {name: value for name, value in pickle.loads(rest).items() if name != "risk"}

    again = DeskState.__new__(DeskState)
    again.__setstate__((scanned, pickle.dumps(older)))
    params = desk_params()
    told = RiskParams(params.universe, "main", "equities", "firm", "USD", params.starting_cash, RiskLimits())
    seed(again.risk, told, again.positions)

    assert sum(parts.total for parts in again.risk.ledger.parts.values()) == last.pnl
    for strategy, parts in again.risk.ledger.parts.items():
        assert again.risk.ledger.earned(strategy) == parts.total


def test_var_is_told_of_every_scope_by_the_scenarios_and_bounded_by_its_limit():
    returns = 0.02 * np.random.default_rng(3).standard_t(4, (5, 300))
    row = limit(measure="var", hard=1e9, soft=2_000.0)
    params = replace(
        desk_params(), risk_limits=RiskLimits([row]), risk_scenarios=ScenarioParams(returns, 0.95, 0.975)
    )
    stage = Decisions(params)
    state = stage.fresh()
    answers = [decided for item in items(ROWS, 250, None) for decided in stage.step(state, item)]
    told = streams(answers)
    last = told["risk.exposures"][-1].known_at
    values = np.zeros(5)
    for (_, symbol), held in state.positions.holdings.items():
        values["ABCDE".index(symbol)] += float(held.quantity * state.positions.marks[symbol])

    firm = next(each for each in told["risk.exposures"] if (each.scope, each.known_at) == ("firm:firm", last))

    losses = Scenarios(-(values @ returns))
    assert (firm.var, firm.es) == pytest.approx((losses.var(0.95), losses.es(0.975)), rel=1e-9)
    warned = [each for each in told["risk.breaches"] if each.event == "RiskLimitBreached"]
    assert warned[0].level == "soft"
    assert warned[0].measured >= 2_000.0


def test_pairs_of_currencies_are_rates_with_the_instant_of_their_mark():
    universe = Universe(
        tuple(
            Instrument(name=name, currency=currency)
            for name, currency in (
                ("AA", "USD"),
                ("BB", "EUR"),
                ("CC", "GBP"),
                ("EURUSD", "USD"),
                ("GBP-USD", "USD"),
            )
        )
    )
    params = RiskParams(universe, "main", "desk", "firm", "USD", Decimal(1), RiskLimits())
    state = RiskState()

    assert pairs_of(universe, "USD") == ("EURUSD", "GBP-USD")
    take_rates(state, params, [("EURUSD", Decimal("1.1"), 5), ("GBP-USD", Decimal("1.3"), 6)])
    take_rates(state, params, [("EURUSD", Decimal("1.2"), 4), ("GBP-USD", Decimal("1.4"), 9)])

    rates = {name: (rate.rate, rate.at) for name, rate in state.ledger.rates.items()}
    assert rates == {"EUR": (Decimal("1.1"), 5), "GBP": (Decimal("1.4"), 9)}
    assert max(at for _, at in rates.values()) < END
