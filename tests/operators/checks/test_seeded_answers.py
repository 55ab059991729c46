"""Thousands of seeded intents on a book that lives are answered to the last bit as they always were.

The digests are those of the checks as they were first written, plainly; a check that is made faster keeps them. Whoever
means to change an answer changes them.
"""

import hashlib
import random
from decimal import Decimal

import msgspec
import pytest

from domain.market import SECOND, Session
from domain.orders import OrdStatus, OrdType, Side, TimeInForce
from operators.compliance import decide, evaluate
from operators.compliance_counters import RiskFigures
from operators.compliance_rules import KillMode, Restriction, Rights, Tolerances
from operators.compliance_state import (
    Standing,
    hear,
    set_kill,
    set_mark,
    set_position,
    set_risk,
    set_standing,
    settle,
)
from operators.compliance_view import Approval, Handling, Override, Protected, Reference, Watermarks

SYMBOLS = ("ACME", "OTHER", "COIN", "ELSE")
SCOPES = ("account:main", "account:second", "strategy:trend", "strategy:other", "desk:equities", "firm:firm")
SOFT = {
    "daily_loss": 3,
    "drawdown": 10,
    "price_drift": 1,
    "adv_share": 5,
    "impact": 40,
    "order_to_trade": 30,
    "issuer_concentration": 2,
    "days_to_liquidate": 1,
    "sector_exposure": 3,
    "country_exposure": 4,
    "currency_exposure": 2,
    "factor_exposure": 3,
    "value_at_risk": 90_000,
    "expected_shortfall": 120_000,
    "stress_loss": 400_000,
}
HARD = {
    "price_collar": 3,
    "order_quantity": 900,
    "order_notional": 80_000,
    "window_notional": 300_000,
    "window_quantity": 3_000,
    "message_rate": 40,
    "position_long": 3_000,
    "position_short": 2_500,
    "open_notional": 400_000,
    "gross_exposure": 500_000,
    "net_exposure": 300_000,
    "beta_exposure": 350_000,
    "credit": 450_000,
    "margin_buffer": 1_900_000,
    "dynamic_collar": 25,
    "spread": 3,
    "adv_share_warn": 2,
    "repeat_executions": 6,
    "consecutive_rejects": 4,
    "consecutive_losses": 5,
    "ownership": 4,
}

TIGHT = {
    "window_notional": 20_000,
    "window_quantity": 300,
    "message_rate": 3,
    "position_long": 300,
    "position_short": 250,
    "open_notional": 40_000,
    "gross_exposure": 50_000,
    "net_exposure": 30_000,
    "beta_exposure": 20_000,
    "credit": 60_000,
    "margin_buffer": 9_860_000,
    "issuer_concentration": Decimal("0.4"),
    "days_to_liquidate": Decimal("0.1"),
    "ownership": Decimal("0.5"),
    "sector_exposure": Decimal("0.6"),
    "country_exposure": Decimal("0.7"),
    "currency_exposure": Decimal("0.2"),
    "factor_exposure": Decimal("0.3"),
    "order_to_trade": 4,
}
"""What the even seeds are bounded by, so that a book of a few orders reaches it."""


class Walk:
    """A book with two accounts and strategies that is asked, filled, marked, killed and split by a seed."""

    def __init__(self, desk, seed):
        self.desk, self.chance, self.now, self.number = desk, random.Random(seed), desk.now, 0
        self.open, self.answers, self.careful = [], [], True
        self._rules(seed)
        self.params, self.state = desk.params, desk.state
        self._figures()
        for scope in SCOPES:
            self._stand(scope)

    def _rules(self, seed):
        desk, chance = self.desk, self.chance
        for key in list(desk.rows):
            measure, scope_type, _, window = key
            wider = chance.choice((1, 2, 5)) * (1 + window // 10) * (2 if scope_type == "firm" else 1)
            soft = SOFT.get(measure)
            hard = HARD[measure] * wider if soft is None else soft * wider * 2
            if seed % 2 == 0 and measure in TIGHT:
                hard = TIGHT[measure] * wider
                soft = None if soft is None else Decimal(hard) / wider / 2
            desk.limit(measure, scope_type, hard, None if soft is None else soft * wider, window=window)
        for measure, scope_type in (
            ("gross_exposure", "strategy"),
            ("position_long", "firm"),
            ("position_short", "strategy"),
            ("consecutive_losses", "account"),
            ("expected_shortfall", "firm"),
            ("adv_share_warn", "tier"),
            ("message_rate", "tier"),
            ("days_to_liquidate", "account"),
        ):
            soft = SOFT.get(measure)
            desk.limit(measure, scope_type, HARD[measure] if soft is None else soft * 3, soft)
        desk.limit("order_quantity", "instrument", 700, instrument="OTHER")
        desk.rows = {
            key: row | ({"scope_id": "*"} if row["scope_type"] in ("strategy", "account", "tier") else {})
            for key, row in desk.rows.items()
        }
        rights = desk.rights
        rights.accounts["second"] = Rights(instruments=frozenset({"ACME", "OTHER", "COIN"}))
        rights.strategies["other"] = Rights(signal_ttl_seconds=3.0, venues=frozenset({"XNAS"}))
        desk.listed = (Restriction(entry_id="1", kind="watch", instrument="OTHER"),) if seed % 2 else ()
        desk.tolerances = Tolerances(
            band_action=chance.choice(("reject", "clip")),
            protected_action=chance.choice(("reject", "clip")),
            self_trade_instruction=chance.choice((1, 2, 3)),
            self_trade_group=chance.choice(("account", "firm")),
            aggregation_unit=chance.choice(("strategy", "account", "firm")),
            loss_kill_mode=KillMode.REDUCE_ONLY,
        )
        desk.approvers = {"head": {"checks": ["*"], "notional_max": 50_000}}
        self._inputs(seed)

    def _inputs(self, seed):
        inputs, chance = self.desk.inputs, self.chance
        algorithm = inputs["algorithms"][0] | {"position_max": 2_000, "instruments_max": 3}
        inputs["algorithms"] = [
            algorithm,
            algorithm | {"strategy": "other", "version": "*", "orders_max": 40},
        ]
        known = inputs["instruments"][0] | {"adv20": 30_000, "shares_outstanding": 60_000}
        inputs["instruments"] = [
            known
            | {"instrument": name, "sector": chance.choice(("tech", "tech", "energy", "")), "beta": beta}
            for name, beta in zip(SYMBOLS[:3], ("1.2", "-0.7", "0.333333333333"), strict=True)
        ]
        inputs["mandates"] = [
            {"account": "main"},
            {"account": "second", "sectors_forbidden": "energy", "short_allowed": seed % 2 == 0},
        ]
        inputs["locates"] = [
            {"locate_id": "ETB", "instrument": "ACME", "kind": "easy_to_borrow"},
            {"locate_id": "L1", "instrument": "OTHER", "quantity": 1_500},
        ]
        inputs["bands"] = [{"instrument": n, "lower": "97.5", "upper": "102.5"} for n in SYMBOLS]
        inputs["credit"] = [{"scope": "account:main", "used": "12345.67"}]
        inputs["client_orders"] = [
            {"order_id": "K", "instrument": "OTHER", "side": "1", "quantity": 10, "price": "100.20"}
        ]
        inputs["short_sale_restrictions"] = [
            {"instrument": "ACME", "valid_from": self.now + 40 * SECOND, "valid_to": self.now + 80 * SECOND}
        ]

    def _figures(self):
        small = {name: Decimal(number) / 70 for number, name in enumerate(SYMBOLS[:3], start=-1)}
        figures = RiskFigures(
            self.now,
            Decimal("88000.1234567"),
            Decimal(119_000),
            small,
            small,
            {"1987": Decimal(390_000), "2008": Decimal(395_000)},
            {"1987": small, "2008": small},
        )
        set_risk(self.state, "firm:firm", figures)
        for venue in ("XNAS", "XTWO"):
            hear(self.state, venue, self.now, 3600 * SECOND)

    def _stand(self, scope):
        chance = self.chance
        equity = chance.choice((Decimal(10_000_000), Decimal("9876543.21"), Decimal(12_345_678)))
        if chance.random() < 0.02:
            equity = chance.choice((Decimal("NaN"), Decimal(0), Decimal(-5)))
        worst = 330_000 if chance.random() < 0.1 else 250_000
        loss, drawdown = Decimal(chance.randrange(-worst, 100_000)), Decimal(chance.randrange(95)) / 1000
        set_standing(self.state, scope, Standing(equity, loss, drawdown, chance.randrange(4)))

    def instrument(self, name):
        unit = Decimal("0.001") if name == "COIN" else Decimal(1)
        currency, tier = ("EUR", "odd") if name == "COIN" else ("USD", "liquid")
        issuer = "" if name == "ELSE" else "Acme Corp"
        return self.desk.instrument(
            name=name, issuer=issuer, unit=unit, currency=currency, tier=tier, lot_size=1 + (name == "OTHER")
        )

    def ask(self):
        chance = self.chance
        self.number += 1
        self.careful = chance.random() < 0.75
        symbol = chance.choice(SYMBOLS[: 1 if self.careful and chance.random() < 0.5 else 3])
        side = chance.choice((Side.BUY, Side.BUY, Side.SELL_SHORT, Side.SELL, Side.SELL_SHORT_EXEMPT))
        at_market = chance.random() < 0.1
        near = 20 if self.careful else 200
        price = None if at_market else Decimal(chance.randrange(10_000 - near, 10_000 + near)) / 100
        changes = {
            "cl_ord_id": f"C{self.number if chance.random() < 0.97 else 1}",
            "account": chance.choice(("main", "main", "main", "second")),
            "strategy": chance.choice(("trend", "trend", "other")),
            "symbol": symbol,
            "side": side,
            "order_qty": chance.choice((10, 20, 50, 100, 102) if self.careful else (101, 200, 333, 900)),
            "price": price,
            "ord_type": OrdType.MARKET if at_market else OrdType.LIMIT,
            "time_in_force": chance.choice(
                (TimeInForce.DAY, TimeInForce.DAY, TimeInForce.IMMEDIATE_OR_CANCEL)
            ),
            "transact_time": self.now - (0 if self.careful else chance.choice((0, SECOND, 3 * SECOND))),
            "signal_at": self.now - (0 if self.careful else chance.choice((0, SECOND, 4 * SECOND))),
            "signal_id": f"s{self.number // 5}",
            "currency": self.instrument(symbol).currency,
            "ex_destination": chance.choice(("XNAS", "XNAS", "XNAS", "XTWO")),
        }
        if chance.random() < 0.03:
            changes |= chance.choice(
                (
                    {"order_qty": 0},
                    {"order_qty": 10.0},
                    {"price": Decimal("NaN")},
                    {"price": 100.0},
                    {"account": ""},
                    {"symbol": 7},
                    {"trader": "nobody"},
                    {"side": "1"},
                    {"currency": "GBP"},
                )
            )
        intent, market = self.desk.intent(**changes), self.market(symbol)
        if chance.random() < 0.2:
            self.note(evaluate(self.state, self.params, intent, market))
        assessment = decide(self.state, self.params, intent, market)
        self.note(assessment)
        if assessment.order_qty:
            self.open.append((intent, assessment.order_qty))

    def market(self, symbol):
        chance, now = self.chance, self.now
        named = symbol if self.careful or chance.random() < 0.9 else "ELSE"
        spread = 10 if self.careful else 50
        near = Decimal(chance.randrange(10_000 - spread, 10_000 + spread)) / 100
        bid, ask = near - Decimal("0.02"), near + Decimal("0.02")
        late = now - (0 if self.careful else chance.choice((0, 0, 1, 3, 9)) * SECOND)
        replaces = chance.choice(self.open)[0].cl_ord_id if self.open and chance.random() < 0.2 else ""
        handling = Handling(
            replaces,
            chance.random() < 0.3,
            chance.choice(("", "L1")),
            chance.choice((None, 2)),
            chance.random() < 0.5,
            chance.choice((None, None, 10)),
            None if self.careful else chance.choice((None, 2000)),
        )
        again = chance.random()
        checks = frozenset({"PT-14", "PT-21", "PT-33", "PT-34"})
        return self.desk.market(
            now_at=now,
            instrument=self.instrument(named) if chance.random() < 0.99 else None,
            session=Session.REGULAR if self.careful else chance.choice((Session.REGULAR, Session.PRE)),
            halted=chance.random() < 0.02,
            reference=Reference(near if chance.random() < 0.98 else None, "mid", late),
            watermarks=Watermarks(now, now, late, now, now),
            fx=Decimal("1.0837") if named == "COIN" else Decimal(1),
            bid=bid if chance.random() < 0.95 else None,
            ask=ask,
            sigma=chance.choice((Decimal("0.001"), Decimal("0.0004"), Decimal("0.0002"), None)),
            handling=handling,
            protected=(Protected("XNAS", bid, ask), Protected("XTWO", bid - 1, ask + Decimal("0.01"))),
            approval=Approval("maker", "head", now + SECOND, checks) if again < 0.05 else None,
            overrides=(Override("PT-19", now + SECOND, "a", "head", "why"),) if again > 0.95 else (),
            splits=((now - SECOND, Decimal("1.5")),) if chance.random() < 0.05 else (),
        )

    def fill(self):
        if not self.open:
            return
        intent, quantity = self.open.pop(self.chance.randrange(len(self.open)))
        ended = self.chance.random() < 0.3
        status = OrdStatus.CANCELED if ended else OrdStatus.FILLED
        filled = self.chance.randrange(quantity) if ended else quantity
        self.note(settle(self.state, self.desk.execution(intent, filled, status, known_at=self.now)))

    def step(self):
        chance = self.chance
        self.now += chance.choice((0, 0, SECOND // 10, SECOND, 9 * SECOND))
        what = chance.random()
        if what < 0.7:
            self.ask()
        elif what < 0.88:
            self.fill()
        elif what < 0.93:
            self._stand(chance.choice(SCOPES))
            self._figures()
        elif what < 0.96:
            set_mark(self.state, chance.choice(SYMBOLS), Decimal(chance.randrange(9_000, 11_000)) / 100)
        elif what < 0.98:
            scope, mode = (
                chance.choice((*SCOPES, "venue:XTWO")),
                chance.choice((*KillMode, KillMode.REDUCE_ONLY)),
            )
            set_kill(self.state, scope, mode, self.now, "a test")
        else:
            set_position(self.state, "main", "trend", "equities", "ACME", chance.randrange(-500, 500))
        if chance.random() < 0.2:
            self.state.kills.clear()

    def note(self, answer):
        self.answers.append(answer)

    def digest(self):
        state = self.state
        left = [state.holdings, state.exposures, state.groups, state.reservations, state.buckets]
        told = [repr(self.answers), *(repr(sorted(each.items(), key=repr)) for each in left[:-1])]
        sums = sorted((key, each.notional, each.quantity) for key, each in state.windows.items())
        spent = sorted((name, each.at, each.spent) for name, each in state.buckets.items())
        return hashlib.sha256(msgspec.json.encode([told, repr(sums), repr(spent)])).hexdigest()[:16]


@pytest.mark.parametrize(
    ("seed", "digest"),
    [(1, "6cb4c7b232d30a4d"), (2, "b98276b1236aa196"), (3, "cc2e7b9c63709a13"), (4, "8f965e121360d71c")],
)
def test_seeded_intents_are_answered_as_ever(fresh_desk, seed, digest):
    walk = Walk(fresh_desk(), seed)

    for _ in range(600):
        walk.step()

    assert walk.digest() == digest
