"""PT-21 share of the day's volume, estimated impact."""

import pytest


def known(desk, **changes):
    desk.inputs["instruments"][0] |= changes


@pytest.mark.parametrize(
    ("quantity", "failure"),
    [
        (100, []),
        (101, ["warn PCT_ADV tier:liquid"]),
        (500, ["warn PCT_ADV tier:liquid"]),
        (501, ["hold PCT_ADV tier:liquid"]),
        (2000, ["hold PCT_ADV tier:liquid"]),
        (2001, ["reject PCT_ADV tier:liquid"]),
    ],
)
def test_an_order_of_1_5_and_20_per_cent_of_the_volume_warns_holds_and_rejects_above(desk, quantity, failure):
    known(desk, adv20=10_000)
    desk.limit("adv_share_warn", "tier", 1)
    desk.limit("adv_share", "tier", 20, soft=5)
    desk.limit("impact", "tier", 10**6)

    intent = desk.intent(order_qty=quantity)

    assert desk.failures("PT-21", intent) == failure
    assert desk.check("PT-21", intent)[0].measured == quantity / 100


@pytest.mark.parametrize(
    ("quantity", "failure"),
    [
        (99, []),
        (100, []),
        (101, ["warn EST_IMPACT tier:liquid"]),
        (400, ["warn EST_IMPACT tier:liquid"]),
        (401, ["hold EST_IMPACT tier:liquid"]),
    ],
)
def test_the_impact_is_sigma_times_the_root_of_the_share_of_volume(desk, quantity, failure):
    known(desk, adv20=10_000, sigma_daily_percent=2)
    desk.limit("adv_share", "tier", 50)
    desk.limit("impact", "tier", 40, soft=20)

    intent = desk.intent(order_qty=quantity)

    assert desk.failures("PT-21", intent) == failure
    assert desk.check("PT-21", intent)[1].measured == pytest.approx(200 * (quantity / 10_000) ** 0.5)


@pytest.mark.parametrize("missing", ["adv20", "sigma_daily_percent"])
def test_what_is_not_known_of_an_instrument_refuses_or_holds(desk, missing):
    del desk.inputs["instruments"][0][missing]

    failures = desk.failures("PT-21")

    refused = ["reject PCT_ADV tier:liquid"] if missing == "adv20" else []
    assert failures == [*refused, "hold EST_IMPACT tier:liquid"]


def test_a_measure_that_does_not_apply_is_left_out_and_the_other_stays(desk):
    desk.not_applicable = {"PT-21 EST_IMPACT": "no volatility is known"}

    assert [answer.check for answer in desk.check("PT-21")] == ["PT-21"]
