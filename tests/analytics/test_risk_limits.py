"""Limits of risk: just under, at and just over; warned, breached and cured once each, whatever the path between."""

import pickle
import re
from functools import partial

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from analytics.risk_limit_rows import RISK_MEASURES, RiskLimits
from analytics.risk_limits import QUIET_NANOSECONDS, Level, LimitWatch, watch
from tests.risk_limit_rows import limit_row

MINUTE = 60_000_000_000


row = partial(limit_row, scope_type="account", scope_id="main", soft=80.0)


def walk(limits, values, state=None, scope="account:main", measure="gross", *, active=False, days=None):
    """Return the events of a path of values, a minute apart."""
    state, events = state or LimitWatch(), []
    for number, value in enumerate(values):
        day = 0 if days is None else days[number]
        events += watch(
            state, limits, {(scope, measure): value}, (number + 1) * MINUTE, day, is_active=active
        )
    return events


def named(events):
    return [
        (event.event.removeprefix("RiskLimit"), event.measured, event.level.name.lower(), event.action)
        for event in events
        if event.event not in {"RiskLimitUtilisation", "RiskLimitEscalated"}
    ]


def test_a_limit_is_silent_under_holds_at_soft_and_breaches_at_hard():
    for value, level in ((79.999, None), (80.0, "soft"), (99.999, "soft"), (100.0, "hard"), (110.0, "hard")):
        events = named(walk(RiskLimits([row()]), [value]))
        assert [event[2] for event in events] == ([level] if level else [])
    assert named(walk(RiskLimits([row()]), [110.001])) == [("Breached", 110.001, "severe", "cancel_all")]


def test_a_breach_is_cured_below_the_threshold_less_five_points():
    values = [70, 85, 101, 96, 95, 94.9, 101, 81, 76, 75, 74.9, 85]

    events = named(walk(RiskLimits([row()]), values))

    assert events == [
        ("Breached", 85, "soft", "hold"),
        ("Breached", 101, "hard", "reduce_only"),
        ("Cured", 94.9, "hard", "hold"),
        ("Breached", 101, "severe", "cancel_all"),
        ("Cured", 81, "severe", "hold"),
        ("Cured", 74.9, "soft", "none"),
        ("Breached", 85, "soft", "hold"),
    ]


def test_the_second_hard_breach_of_a_day_is_severe_and_the_first_of_the_next_is_not():
    values = [101, 50, 101, 50, 101]

    events = named(walk(RiskLimits([row()]), values, days=[0, 0, 0, 1, 1]))

    assert [event[2] for event in events if event[0] == "Breached"] == ["hard", "severe", "hard"]


def test_a_loss_is_severe_at_hard_and_a_severe_one_of_the_firm_kills():
    loss = row(measure="daily_loss", unit="percent", soft=2.0, hard=3.0)
    firm = row(measure="daily_loss", unit="percent", soft=2.0, hard=3.0, scope_type="firm", scope_id="firm")

    assert named(walk(RiskLimits([loss]), [2.0, 3.0], measure="daily_loss")) == [
        ("Breached", 2.0, "soft", "hold"),
        ("Breached", 3.0, "severe", "cancel_all"),
    ]
    assert named(walk(RiskLimits([firm]), [3.0], scope="firm:firm", measure="daily_loss")) == [
        ("Breached", 3.0, "firm", "kill")
    ]


def test_steps_of_utilisation_are_told_once_and_again_only_after_five_points_back():
    values = [49.9, 50, 74, 75, 60, 76, 69, 76, 90, 100]

    events = walk(RiskLimits([row(soft=None)]), values)

    told = [(event.measured, event.step) for event in events if event.event == "RiskLimitUtilisation"]
    assert told == [(50, 0.5), (75, 0.75), (76, 0.75), (76, 0.75), (90, 0.9), (100, 1.0)]


def test_steps_are_told_at_most_once_a_minute_but_a_full_limit_at_once():
    state, limits = LimitWatch(), RiskLimits([row(soft=None)])

    told = []
    for at, value in ((1, 55.0), (2, 76.0), (3, 100.0), (3 + QUIET_NANOSECONDS, 100.0)):
        told += watch(state, limits, {("account:main", "gross"): value}, at, 0, is_active=False)

    assert [(event.event, event.at, event.step) for event in told] == [
        ("RiskLimitUtilisation", 1, 0.5),
        ("RiskLimitUtilisation", 3, 1.0),
        ("RiskLimitBreached", 3, 1.0),
    ]


def test_a_temporary_raise_speaks_until_it_ends_and_then_the_standing_row_again():
    raised = row(hard=200.0, soft=180.0, version=2, temporary_until=4 * MINUTE)
    limits = RiskLimits([row(), raised])

    events = walk(limits, [150, 150, 150, 150])

    assert named(events) == [("Breached", 150, "severe", "cancel_all")]
    assert events[-1].at == 4 * MINUTE
    assert limits.next_change(0) == 4 * MINUTE
    assert limits.next_change(4 * MINUTE) == 2**63 - 1


def test_the_highest_version_that_has_begun_speaks_and_a_named_scope_before_any():
    limits = RiskLimits(
        [
            row(),
            row(hard=120.0, version=2, valid_from=10),
            row(scope_id="*", hard=50.0, soft=None),
        ]
    )

    found = [limits.speaking("gross", scope, at) for scope, at in (("account:main", 9), ("account:main", 10))]

    assert [each.hard for each in found] == [100.0, 120.0]
    assert limits.speaking("gross", "account:other", 10).hard == 50.0
    assert limits.speaking("gross", "desk:equities", 10) is None
    assert limits.speaking("net", "account:main", 10) is None


def test_children_may_sum_above_their_parent_which_is_judged_too():
    limits = RiskLimits([row(scope_id="*"), row(scope_type="firm", scope_id="firm", hard=150.0, soft=None)])
    values = {("account:a", "gross"): 79.0, ("account:b", "gross"): 79.0, ("firm:firm", "gross"): 158.0}

    events = watch(LimitWatch(), limits, values, MINUTE, 0, is_active=True)

    breached = [event for event in events if event.event == "RiskLimitBreached"]
    assert [(event.scope, event.level, event.is_active) for event in breached] == [
        ("firm:firm", Level.HARD, True)
    ]


def test_a_measure_whose_low_values_are_bad_breaches_from_above():
    limits = RiskLimits([row(measure="reverse_stress_distance", unit="deviations", soft=5.0, hard=4.0)])

    events = named(walk(limits, [6.0, 5.0, 4.0], measure="reverse_stress_distance"))

    assert [event[:3] for event in events] == [("Breached", 5.0, "soft"), ("Breached", 4.0, "hard")]


def test_a_soft_limit_below_the_first_step_holds_too():
    assert named(walk(RiskLimits([row(soft=20.0)]), [19.0, 20.0])) == [("Breached", 20.0, "soft", "hold")]


def test_a_value_that_is_not_known_changes_nothing():
    assert walk(RiskLimits([row()]), [float("nan")]) == []


@settings(max_examples=200, deadline=None)
@given(st.lists(st.floats(0.0, 200.0), min_size=1, max_size=40))
def test_levels_follow_each_other_without_gaps_and_survive_a_restart(values):
    limits, level = RiskLimits([row()]), Level.NONE
    state, again = LimitWatch(), LimitWatch()

    for number, value in enumerate(values):
        measured, at = {("account:main", "gross"): value}, (number + 1) * MINUTE
        events = watch(state, limits, measured, at, 0, is_active=False)
        again = pickle.loads(pickle.dumps(again))
        assert watch(again, limits, measured, at, 0, is_active=False) == events
        for event in events:
            if event.event == "RiskLimitBreached":
                assert event.level > level
            if event.event == "RiskLimitCured":
                assert (event.level, event.remaining < level) == (level, True)
            level = event.remaining
        assert value < 100.0 or level >= Level.HARD
        assert value >= 75.0 or level == Level.NONE


def test_there_are_the_measures_of_the_standard():
    assert len(RISK_MEASURES) >= 27
    assert all(
        np.isin(measure.unit, ["currency", "ratio", "percent", "days", "deviations"])
        for measure in RISK_MEASURES.values()
    )


@pytest.mark.parametrize(
    ("fields", "said"),
    [
        ({"measure": "grose"}, "unknown measure 'grose'; allowed: gross, net"),
        ({"scope_type": "planet"}, "scope_type is one of firm desk trader strategy account instrument"),
        ({"unit": "units"}, "unit of gross is currency; 'units' was given"),
        ({"hard": 0.0, "soft": None}, "hard is above 0; 0.0 was given"),
        ({"soft": 101.0}, "soft is met before hard; 101.0 was given"),
        ({"valid_from": 5, "valid_to": 5}, "a row ends after valid_from"),
        ({"maker": "a", "checker": "a"}, "maker and checker are two persons"),
    ],
)
def test_a_row_that_makes_no_sense_is_refused(fields, said):
    with pytest.raises(ValueError, match=re.escape(said)):
        row(**fields)
    with pytest.raises(ValueError, match="has version 1 twice"):
        RiskLimits([row(), row()])
