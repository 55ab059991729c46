"""The worked examples of the rule book, their numbers read from its text (standards.md 1.4)."""

import re
from decimal import Decimal
from pathlib import Path

import msgspec
import pytest

from domain.controls import Command, ControlKind, ControlsRead
from domain.decisions import Outcome, VerdictKind
from domain.orders import OrdStatus, Side
from operators.checks.registry import REDUCTIONS_PASS
from operators.checks.short_sales import rule_201_triggered
from operators.compliance import count_message
from operators.compliance_rules import Tolerances
from operators.compliance_state import set_position, settle
from operators.compliance_view import Handling, Protected, Reference
from operators.decisions import Decisions
from tests.operators import decision_case

CATALOGUE = Path(__file__).parents[4] / "shared" / "standards" / "standards.md"
pytestmark = pytest.mark.skipif(
    not CATALOGUE.is_file(), reason="the rule book is not at ../shared/standards/standards.md"
)
Band = tuple[Decimal, Decimal]


def example(begins: str) -> str:
    """Return the one example of section 1.4 that begins so."""
    section = CATALOGUE.read_text().split("### 1.4 ", 1)[1].split("\n### ", 1)[0]
    (line,) = [line[2:] for line in section.splitlines() if line.startswith(f"* {begins}")]
    return line


def numbers(pattern: str, text: str) -> list[Decimal]:
    """Return the numbers that a pattern finds in an example; an example that reads otherwise fails here."""
    found = re.search(pattern, text)
    assert found is not None, text
    return [Decimal(each.rstrip(".")) for each in found.groups()]


def luld_bands() -> dict[str, Band]:
    """Return the bands of the example by their words, the doubled ones in the order in which they stand."""
    plain, _, doubled = example("LULD").partition("doubled: ")
    pairs = re.findall(r"([^,;:]+?) -> ([0-9.]+)/([0-9.]+)", plain.partition("LULD: ")[2])
    bands = {words.strip(): (Decimal(low), Decimal(high)) for words, low, high in pairs}
    for number, (low, high) in enumerate(re.findall(r"([0-9]+(?:\.[0-9]+)?)/([0-9]+(?:\.[0-9]+)?)", doubled)):
        bands[f"doubled {number + 1}"] = (Decimal(low), Decimal(high))
    return bands


BANDS = luld_bands() if CATALOGUE.is_file() else {}


def failing(assessment):
    """Return check, outcome, code, measured, limit, scope and reason of what does not pass."""
    return [
        (c.check, c.outcome.value, c.code, c.measured, c.limit, c.scope, c.ord_rej_reason)
        for c in assessment.checks
        if c.outcome is not Outcome.PASS
    ]


def test_a_price_at_exactly_the_collar_passes_and_the_next_tick_is_rejected(desk):
    reference, percent, price = numbers(
        r"ref ([0-9.]+), L = ([0-9.]+)%, price ([0-9.]+) ", example("Collar at exactly the limit must pass")
    )
    assert float(price) / float(reference) - 1 > float(percent) / 100, "a division would reject"
    tick = Decimal(1).scaleb(int(price.as_tuple().exponent))
    desk.limit("price_collar", "tier", percent)
    market = desk.market(
        instrument=desk.instrument(tick_size=tick),
        reference=Reference(reference, "mid", desk.now),
        bid=reference,
        ask=reference + tick,
        protected=(Protected("XNAS", reference, reference + tick),),
    )

    at, beyond = (desk.evaluate(desk.intent(price=each), market) for each in (price, price + tick))

    assert (at.kind, at.codes, at.ord_rej_reason) == (VerdictKind.APPROVED, (), None)
    answer = next(check for check in at.checks if check.check == "PT-13")
    assert (answer.outcome, answer.measured, answer.limit) == (Outcome.PASS, float(percent), float(percent))
    measured = float((price + tick - reference) * 100 / reference)
    assert (beyond.kind, beyond.ord_rej_reason) == (VerdictKind.REFUSED, 16)
    assert failing(beyond) == [
        ("PT-13", "reject", "PRICE_COLLAR", measured, float(percent), "tier:liquid", 16)
    ]


@pytest.mark.parametrize(("room", "fails"), [(1, False), (0, False), (-1, True)])
def test_worst_cases_are_those_of_the_position_with_every_open_order_of_a_side(desk, room, fails):
    position, buys, sells, sale, longest, shortest = map(
        int,
        numbers(
            r"pos (-?\d+), open buys (\d+), open sells (\d+), new sell (\d+) -> "
            r"worst-case long \+(\d+), worst-case short -(\d+)",
            example("pos "),
        ),
    )
    set_position(desk.state, "main", "trend", "equities", "ACME", position)
    desk.decide(desk.intent(cl_ord_id="buys", order_qty=buys, price=Decimal("99.98")))
    desk.decide(
        desk.intent(cl_ord_id="sells", order_qty=sells, side=Side.SELL_SHORT, price=Decimal("100.02"))
    )
    desk.limit("position_long", "account", longest)
    desk.limit("position_short", "account", shortest + room)

    assessment = desk.evaluate(
        desk.intent(cl_ord_id="sale", order_qty=sale, side=Side.SELL_SHORT, price=Decimal("100.03"))
    )

    answers = {
        (c.measured, c.limit, c.scope): c.code
        for c in assessment.checks
        if c.check == "PT-27" and c.scope == "account:main"
    }
    short = (float(shortest), float(shortest + room), "account:main")
    assert answers == {
        (float(longest), float(longest), "account:main"): "",
        short: "MAX_SHORT" if fails else "",
    }
    assert (assessment.kind, assessment.codes, assessment.ord_rej_reason) == (
        (VerdictKind.REFUSED, ("MAX_SHORT",), 3) if fails else (VerdictKind.APPROVED, (), None)
    )


@pytest.mark.parametrize(("ticks", "active"), [(1, False), (0, True), (-1, True)])
def test_rule_201_is_active_from_the_last_sale_of_the_example_on(desk, ticks, active):
    close, last = numbers(r"prior close ([0-9.]+) -> active at last sale <= ([0-9.]+)", example("Rule 201"))
    triggered = rule_201_triggered(close, last + ticks * Decimal("0.01"))
    desk.tolerances = Tolerances(short_sale_action="reject")
    market, sale = desk.market(short_sale_restricted=triggered), desk.intent(side=Side.SELL_SHORT)

    above, at, below = (
        desk.evaluate(msgspec.structs.replace(sale, price=market.bid + step * Decimal("0.01")), market)
        for step in (1, 0, -1)
    )

    assert triggered is active
    refusals = [[("PT-39", "reject", "SSR_PRICE_TEST", price, 99.99, "", 22)] for price in (99.99, 99.98)]
    assert [failing(each) for each in (above, at, below)] == [[], *(refusals if active else [[], []])]
    assert [each.ord_rej_reason for each in (above, at, below)] == [None, *[22 if active else None] * 2]


def test_the_example_of_luld_has_all_its_bands():
    assert list(BANDS) == [
        "ref 100 T1",
        "T2",
        "ref 2.50 prev 2.50 T2",
        "ref 0.50 prev 0.50",
        *(f"doubled {number}" for number in range(1, 5)),
    ]


@pytest.mark.parametrize("side", [Side.BUY, Side.SELL_SHORT])
@pytest.mark.parametrize("words", BANDS)
def test_a_price_goes_to_the_end_of_each_published_band_and_not_a_tick_beyond(desk, words, side):
    low, high = BANDS[words]
    desk.inputs["bands"] = [{"instrument": "ACME", "lower": low, "upper": high}]
    end, outwards = (high, Decimal("0.01")) if side is Side.BUY else (low, Decimal("-0.01"))

    answers = [
        desk.check("PT-16", desk.intent(side=side, price=end + step * outwards))[-1] for step in (-1, 0, 1)
    ]

    told = [(a.outcome, a.code, a.measured, a.limit, a.ord_rej_reason) for a in answers]
    assert told == [
        (Outcome.PASS, "", float(end - outwards), float(end), None),
        (Outcome.PASS, "", float(end), float(end), None),
        (Outcome.REJECT, "LULD_BAND", float(end + outwards), float(end), 16),
    ]


@pytest.mark.parametrize(("cents", "outcome"), [(1, "pass"), (0, "pass"), (-1, "hold")])
def test_messages_are_counted_as_rts_9_does(desk, cents, outcome):
    text = example("RTS 9 count")
    new, modified, deleted, counted = map(
        int, numbers(r"(\d+) new \+ (\d+) modify \+ (\d+) delete = (\d+) orders", text)
    )
    trades, again, *_, ratio = numbers(
        r"with (\d+) transactions ratio = (\d+)/(\d+) - (\d+) = ([0-9.]+)", text
    )
    for number in range(new - 1):
        desk.decide(desk.intent(cl_ord_id=f"N{number}", order_qty=100 + number))
    for number in range(modified):
        replace = desk.intent(cl_ord_id=f"M{number}", order_qty=50 + number)
        desk.decide(replace, desk.market(handling=Handling(replaces=f"N{number}")))
    for _ in range(deleted):
        count_message(desk.state, desk.params, desk.intent(), "liquid", desk.now)
    order = desk.intent(cl_ord_id=f"N{new - 2}", order_qty=100 + new - 2)
    for fill in range(int(trades)):
        settle(desk.state, desk.execution(order, fill + 1, OrdStatus.PARTIALLY_FILLED))
    limit = ratio + cents * Decimal("0.01")
    desk.limit("order_to_trade", "account", limit, soft=limit)

    answer = next(a for a in desk.check("PT-25", desk.intent(cl_ord_id="last")) if a.scope == "account:main")

    assert int(again) == counted == desk.state.counters.traffic["account:main", "ACME"].orders + 1
    assert (answer.outcome.value, answer.measured, answer.limit) == (outcome, float(ratio), float(limit))
    assert (answer.code, answer.ord_rej_reason) == (("OTR", 99) if outcome == "hold" else ("", None))


def test_a_replace_that_only_lowers_the_quantity_passes_every_size_and_limit(desk):
    first, last = re.search(r"passes PT-(\d+)\.\.PT-(\d+) even", example("A cancel/replace")).groups()
    desk.decide(desk.intent(cl_ord_id="old"))
    for measure in ("order_quantity", "order_notional", "open_notional", "position_long", "gross_exposure"):
        for (name, scope_type, _, window), row in list(desk.rows.items()):
            if name == measure:
                desk.limit(measure, scope_type, 1, window=window)
                assert row["hard"] > 1
    market = desk.market(handling=Handling(replaces="old"))

    lower, higher = (
        desk.evaluate(desk.intent(cl_ord_id="new", order_qty=quantity), market) for quantity in (99, 101)
    )

    assert {f"PT-{number}" for number in range(int(first), int(last) + 1)} == REDUCTIONS_PASS
    assert (lower.kind, lower.order_qty, failing(lower)) == (VerdictKind.APPROVED, 99, [])
    assert (higher.kind, higher.codes, higher.ord_rej_reason) == (
        VerdictKind.REFUSED,
        ("MAX_QTY", "MAX_NOTIONAL", "MAX_LONG", "OPEN_NOTIONAL", "GROSS_EXP"),
        26,
    )


def test_with_block_new_a_cancel_passes_and_no_order_does():
    assert "with BLOCK_NEW a cancel passes" in example("A cancel/replace")
    killed = Command(
        command_id="drill",
        kind=ControlKind.KILL,
        scope="firm:firm",
        mode="block_new",
        who="ann",
        reason="a drill",
        at=1,
    )
    items = decision_case.items(3_000, 64, None)
    records = decision_case.streams(run(items))
    sent_at = {order.order_id: order.known_at for order in records["oms.orders"]}
    order_id, number = next(
        (cancel.order_id, number)
        for cancel in records["oms.cancels"]
        for number, item in enumerate(items, start=1)
        if sent_at[cancel.order_id] < item.watermark <= cancel.known_at
    )

    after = decision_case.streams(run([*items[:number], killed, *items[number:]]))

    killed_at = items[number - 1].watermark
    assert [order for order in after["oms.orders"] if order.known_at >= killed_at] == []
    refused = [verdict for verdict in after["verdicts"] if verdict.known_at >= killed_at]
    assert {verdict.codes[0] for verdict in refused} == {"KILL_ACTIVE"}
    assert [cancel.order_id for cancel in after["oms.cancels"] if cancel.known_at >= killed_at] == [order_id]


def run(items):
    """Return what a desk decides."""
    stage = Decisions(decision_case.desk_params(), controlled=True)
    book = stage.fresh()
    return [answer for item in (ControlsRead(), *items) for answer in stage.step(book, item)]
