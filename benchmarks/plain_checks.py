"""The 46 checks as plain Python, written as one would first: lists that are searched and added up at every question.

It knows the book of `benchmarks/checks.py` and answers with a dictionary for each check, as ours answers with a record.
"""

from collections.abc import Iterator, Sequence
from decimal import Decimal
from typing import Any

from domain.market import SECOND
from domain.orders import Intent, Side
from operators.compliance_rules import ComplianceParams
from operators.compliance_state import ComplianceState
from operators.compliance_view import Market

Answer = tuple[str, bool, Any, Any]


class PlainBook:
    """A book as lists: limit rows, facts, positions, and open orders with when they were sent."""

    def __init__(
        self, params: ComplianceParams, state: ComplianceState, opened: Sequence[tuple[Intent, Market]]
    ) -> None:
        self.params, self.state = params, state
        self.rows = list(params.limits.rows)
        self.facts = {name: list(rows) for name, rows in params.facts.rows.items()}
        self.positions = [(leaf.symbol, quantity) for leaf, quantity in state.positions.items()]
        self.opened = [intent for intent, _ in opened]

    def judge(self, intent: Intent, market: Market) -> list[dict[str, Any]]:
        """Return every check's answer."""
        return [
            {
                "check": name,
                "outcome": "pass" if good else "fail",
                "measured": float(m) if isinstance(m, Decimal) else m,
                "limit": str(limit),
            }
            for name, good, m, limit in self.answers(intent, market)
        ]

    def failing(self, intent: Intent, market: Market) -> set[str]:
        """Return the checks that an intent fails, warnings too."""
        return {name for name, good, _, _ in self.answers(intent, market) if not good}

    def answers(self, intent: Intent, market: Market) -> Iterator[Answer]:
        """Yield every check in the order of the catalogue."""
        yield from self._doors(intent, market)
        yield from self._regulatory(intent, market)
        yield from self._prices(intent, market)
        yield from self._sizes(intent, market)
        yield from self._positions(intent, market)
        yield from self._portfolio(intent, market)

    def _limits(self, measure: str, at: int, window: int = 0) -> list[Any]:
        return [
            row
            for row in self.rows
            if row.measure == measure
            and row.window_seconds == window
            and row.valid_from <= at < row.ends_at
            and (row.scope_type not in ("tier", "instrument") or row.scope_id in ("liquid", "*"))
        ]

    def _fact(self, name: str, **wanted: str) -> list[Any]:
        return [row for row in self.facts[name] if all(getattr(row, k) == v for k, v in wanted.items())]

    def _doors(self, intent: Intent, market: Market) -> Iterator[Answer]:
        now, params = market.now_at, self.params
        kills = [kill for kill in self.state.kills if kill]
        yield "PT-01", not kills, kills, "none"
        yield "PT-02", market.ready and all(now - at <= 2 * SECOND for at in market.watermarks), 0, 2
        yield (
            "PT-03",
            all(self._limits(m, now) for m in ("price_collar", "order_quantity", "order_notional")),
            0,
            0,
        )
        known = [params.rights.accounts, params.rights.traders, params.rights.strategies]
        names = [intent.account, intent.trader, intent.strategy]
        yield (
            "PT-04",
            all(n in t and t[n].active for n, t in zip(names, known, strict=True)),
            names,
            "entitled",
        )
        algorithm = self._fact("algorithms", strategy=intent.strategy)[0]
        sent = [each for each in self.opened if each.strategy == intent.strategy]
        instruments = {each.symbol for each in sent} | {intent.symbol}
        good = len(sent) < algorithm.orders_max and len(instruments) <= algorithm.instruments_max
        yield "PT-05", good, len(sent) + 1, algorithm.orders_max
        yield (
            "PT-06",
            intent.cl_ord_id not in [each.cl_ord_id for each in self.opened],
            intent.cl_ord_id,
            "new",
        )
        yield "PT-07", intent.order_qty > 0 and intent.price is not None and intent.price.is_finite(), 0, 0
        yield (
            "PT-08",
            market.instrument is not None and market.instrument.tradable and not market.halted,
            0,
            0,
        )
        yield (
            "PT-09",
            0 <= now - intent.transact_time <= 2 * SECOND and now - intent.signal_at <= 5 * SECOND,
            0,
            2,
        )
        yield "PT-10", intent.price is not None and intent.price % Decimal("0.01") == 0, intent.price, "0.01"
        same = [
            each
            for each in self.opened
            if (each.symbol, each.side, each.order_qty, each.price)
            == (intent.symbol, intent.side, intent.order_qty, intent.price)
            and now - each.transact_time <= SECOND
        ]
        yield "PT-11", len(same) < 1, len(same) + 1, 1

    def _regulatory(self, intent: Intent, market: Market) -> Iterator[Answer]:
        short = intent.side is Side.SELL_SHORT
        listed = [e for e in self.params.listed if e.instrument == intent.symbol]
        yield "PT-36", not listed, len(listed), 0
        held = sum(q for s, q in self.positions if s == intent.symbol)
        open_sells = sum(
            e.order_qty for e in self.opened if e.symbol == intent.symbol and e.side is not Side.BUY
        )
        yield "PT-37", intent.side is Side.BUY or short or intent.order_qty <= held - open_sells, held, 0
        yield "PT-38", not short or bool(self._fact("locates", instrument=intent.symbol)), 0, "a locate"
        yield "PT-39", not short or not self._fact("short_sale_restrictions", instrument=intent.symbol), 0, 0
        yield "PT-40", not short or not self._fact("pre_borrow", instrument=intent.symbol), 0, 0
        sign, price = intent.side.sign, intent.price or Decimal(0)
        crossing = [
            e
            for e in self.opened
            if e.symbol == intent.symbol and e.side.sign != sign and (price - (e.price or price)) * sign >= 0
        ]
        yield "PT-41", not crossing, len(crossing), 0
        yield "PT-42", not self._fact("client_orders", instrument=intent.symbol), 0, 0
        mandates = self._fact("mandates", account=intent.account)
        issuer = market.instrument.issuer if market.instrument else ""
        yield "PT-43", bool(mandates) and not self._fact("sanctions", issuer=issuer), 0, 0

    def _prices(self, intent: Intent, market: Market) -> Iterator[Answer]:
        reference, price, now = (
            market.reference.price or Decimal(0),
            intent.price or Decimal(0),
            market.now_at,
        )
        yield "PT-12", reference > 0 and now - market.reference.at <= 5 * SECOND, now - market.reference.at, 5
        away = abs(price - reference) / reference * 100
        collar = min(row.hard for row in self._limits("price_collar", now) if row.scope_id == "liquid")
        yield "PT-13", away <= collar, away, collar
        sigmas = min(row.hard for row in self._limits("dynamic_collar", now))
        sigma = max(market.sigma or Decimal(0), Decimal("0.001"))
        yield "PT-14", away / 100 / sigma <= sigmas, away / 100 / sigma, sigmas
        own = [e for e in self.opened if e.symbol == intent.symbol and now - e.transact_time < 60 * SECOND]
        first = min(own, key=lambda e: e.transact_time).price if own else price
        drift = abs(price - (first or price)) / (first or price) * 100
        soft = min(row.soft for row in self._limits("price_drift", now))
        yield "PT-15", drift <= soft, drift, soft
        band = self._fact("bands", instrument=intent.symbol)[-1]
        inside = price <= band.upper if intent.side is Side.BUY else price >= band.lower
        yield "PT-16", inside and not self.facts["breakers"], price, band.upper
        yield "PT-17", intent.price is not None, "limit order", 3
        others = [
            q.ask if intent.side is Side.BUY else q.bid for q in market.protected or () if q.venue != "XSIM"
        ]
        here = next(
            q.ask if intent.side is Side.BUY else q.bid for q in market.protected or () if q.venue == "XSIM"
        )
        sign, best, own_side = intent.side.sign, others[0] or price, here or price
        reaches = (own_side - price) * sign <= 0
        through = reaches and (own_side - best) * sign > 0
        yield "PT-18", not through and (reaches or (price - best) * sign < 0), price, best

    def _sizes(self, intent: Intent, market: Market) -> Iterator[Answer]:
        now, reference, quantity = market.now_at, market.reference.price or Decimal(0), intent.order_qty
        price = intent.price or Decimal(0)
        notional = quantity * (price if intent.side is Side.BUY else max(price, reference))
        most = min(row.hard for row in self._limits("order_quantity", now) if row.scope_id in ("liquid", "*"))
        yield "PT-19", quantity <= most, quantity, most
        value = min(
            row.hard for row in self._limits("order_notional", now) if row.scope_id in ("liquid", "*")
        )
        yield "PT-20", notional <= value, notional, value
        known = self._fact("instruments", instrument=intent.symbol)[0]
        share = Decimal(quantity) / known.adv20 * 100
        impact = float(known.sigma_daily_percent) * 100 * float(Decimal(quantity) / known.adv20) ** 0.5
        soft = min(row.soft for row in self._limits("impact", now))
        yield "PT-21", share <= self._limits("adv_share_warn", now)[0].hard and impact <= soft, share, 1
        good = True
        for window in (1, 10, 60):
            for row in self._limits("window_notional", now, window) + self._limits(
                "window_quantity", now, window
            ):
                sent = [
                    e
                    for e in self.opened
                    if now - e.transact_time < window * SECOND
                    and (row.scope_type == "firm" or e.symbol == intent.symbol)
                ]
                if row.measure == "window_notional":
                    total = notional + sum(e.order_qty * (e.price or price) for e in sent)
                else:
                    total = Decimal(quantity + sum(e.order_qty for e in sent))
                good = good and total <= row.hard
        yield "PT-22", good, notional, 0
        for row in self._limits("message_rate", now):
            sent = [e for e in self.opened if now - e.transact_time < SECOND]
            good = len(sent) + 1 <= row.hard
        yield "PT-23", good or len(sent) < 40, len(sent) + 1, 50
        yield "PT-24", True, 0, self._limits("repeat_executions", now)[0].hard
        messages = sum(1 for e in self.opened if e.symbol == intent.symbol) + 1
        yield "PT-25", messages <= self._limits("order_to_trade", now)[0].soft, messages, 100
        yield "PT-26", self.state.counters.rejects.get(intent.strategy, 0) <= 5, 0, 5

    def _after(self, intent: Intent) -> list[tuple[str, int, int]]:
        """Return each instrument with its position once all buys or all sells are filled, the order among them."""
        asked = [*self.opened, intent]
        made = []
        for name in {s for s, _ in self.positions} | {e.symbol for e in asked}:
            held = sum(q for s, q in self.positions if s == name)
            buys = sum(e.order_qty for e in asked if e.symbol == name and e.side is Side.BUY)
            sells = sum(e.order_qty for e in asked if e.symbol == name and e.side is not Side.BUY)
            made.append((name, held + buys, held - sells))
        return made

    def _positions(self, intent: Intent, market: Market) -> Iterator[Answer]:
        now = market.now_at
        unit: Any = market.reference.price or Decimal(0)
        after = self._after(intent)
        high, low = next((h, lo) for name, h, lo in after if name == intent.symbol)
        longest = min(row.hard for row in self._limits("position_long", now))
        yield "PT-27", high <= longest and -low <= longest, high, longest
        working = sum(e.order_qty * (e.price or unit) for e in [*self.opened, intent])
        most = min(row.hard for row in self._limits("open_notional", now))
        yield "PT-28", working <= most, working, most
        gross = sum(max(abs(h), abs(lo)) * unit for _, h, lo in after)
        net: Any = max(abs(sum([h * unit for _, h, _ in after])), abs(sum([lo * unit for _, _, lo in after])))
        betas: dict[str, Any] = {
            name: self._fact("instruments", instrument=name)[0].beta for name, _, _ in after
        }
        beta: Any = max(
            abs(sum(betas[n] * h * unit for n, h, _ in after)),
            abs(sum(betas[n] * lo * unit for n, _, lo in after)),
        )
        limits = [
            min(r.hard for r in self._limits(m, now))
            for m in ("gross_exposure", "net_exposure", "beta_exposure")
        ]
        yield "PT-29", gross <= limits[0] and net <= limits[1] and beta <= limits[2], gross, limits[0]
        yield "PT-30", gross <= min(row.hard for row in self._limits("credit", now)), gross, 0
        equity = self.state.equities["firm:firm"]
        rate = self._fact("margin_rates", tier="liquid")[0].rate_percent / 100
        buffer = max(row.hard for row in self._limits("margin_buffer", now))
        yield "PT-31", equity - gross * rate >= buffer, equity - gross * rate, buffer
        known = self._fact("instruments", instrument=intent.symbol)[0]
        issuer = max(abs(high), abs(low)) * unit / equity * 100
        days = Decimal(max(abs(high), abs(low))) / (known.adv20 / 5)
        owned = Decimal(max(0, high)) / known.shares_outstanding * 100
        good = (
            issuer <= min(row.soft for row in self._limits("issuer_concentration", now))
            and days <= min(row.soft for row in self._limits("days_to_liquidate", now))
            and owned <= min(row.hard for row in self._limits("ownership", now))
        )
        yield "PT-32", good, issuer, 5
        yield "PT-33", self._groups(after, known, unit, equity, now), 0, 0

    def _groups(
        self, after: list[tuple[str, int, int]], known: Any, unit: Decimal, equity: Decimal, now: int
    ) -> bool:
        good = True
        for field in ("sector", "country"):
            value = sum(
                max(abs(h), abs(lo)) * unit
                for name, h, lo in after
                if getattr(self._fact("instruments", instrument=name)[0], field) == getattr(known, field)
            )
            good = good and value / equity * 100 <= self._limits(f"{field}_exposure", now)[0].soft
        for factor in ("value", "size"):
            loading = {
                name: Decimal(
                    dict(p.split(":") for p in self._fact("instruments", instrument=name)[0].factors.split())[
                        factor
                    ]
                )
                for name, _, _ in after
            }
            ends: list[Any] = [
                sum(loading[n] * (h if up else lo) * unit for n, h, lo in after) for up in (True, False)
            ]
            good = good and max(map(abs, ends)) / equity * 100 <= self._limits("factor_exposure", now)[0].soft
        return good

    def _portfolio(self, intent: Intent, market: Market) -> Iterator[Answer]:
        now, figures = market.now_at, self.state.counters.risk["firm:firm"]
        value = intent.order_qty * (market.reference.price or Decimal(0)) * intent.side.sign
        var = figures.value_at_risk + figures.marginal_value_at_risk[intent.symbol] * value
        stress = figures.stress["2008"] + figures.marginal_stress["2008"][intent.symbol] * value
        soft = [self._limits(m, now)[0].soft for m in ("value_at_risk", "stress_loss")]
        yield "PT-34", var <= soft[0] and stress <= soft[1], var, soft[0]
        losses = self.state.losses["firm:firm"]
        daily, drawdown = losses.daily_loss, losses.drawdown
        good = daily is not None and drawdown is not None and daily.measured < 2 and drawdown.measured < 8
        yield "PT-35", good, 0, 2
        yield "PT-44", market.approval is None, "not held", None
        yield "PT-45", not market.overrides, "none", None
        link = self.state.counters.links[intent.ex_destination]
        yield "PT-46", (now - link.heard_at) // link.interval <= 3, 0, 3
