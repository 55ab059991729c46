"""Nothing that is known by an instant depends on what becomes known after it, to the last byte."""

import numpy as np
import pytest

from connectors.simulator.source import Simulator, settings_of
from domain.envelope import canonical_bytes
from domain.market import MINUTE, SECOND, TICK_COLUMNS, Condition, Kind, row_count
from flows.stages import OF_A_LYING_VENUE
from tests.flows.plain_desk import walk
from tests.flows.poisoned import Poisoned
from tests.operators.bits import bits

MARKET = "instruments=6,ticks=4000,days=2"
OPEN = 1_709_821_800 * SECOND  # 2024-03-07 09:30 in New York
LATENESS = 250_000_000
DAY = 24 * 3600 * SECOND
INSTANTS = {
    "before the market opens": OPEN - 3600 * SECOND,
    "at the close of a bar": OPEN + 45 * MINUTE,
    "when a bar becomes known": OPEN + 45 * MINUTE + LATENESS,
    "one nanosecond before": OPEN + 45 * MINUTE + LATENESS - 1,
    "in the middle of a bar": OPEN + 90 * MINUTE + 17 * SECOND + 123,
    "between the days": OPEN + 9 * 3600 * SECOND,
    "on the second day": OPEN + DAY + 100 * MINUTE + 31 * SECOND,
}


@pytest.fixture(scope="module")
def source():
    return Simulator(settings_of(MARKET))


@pytest.fixture(scope="module")
def walked(source):
    return walk(source)


@pytest.fixture(scope="module")
def halted_at(walked):
    """Return an instant in the middle of the first halt."""
    for _, batch in walked.scored:
        halts = np.flatnonzero(
            (batch.ticks.kind == Kind.STATUS) & (batch.ticks.conditions & Condition.HALTED != 0)
        )
        if len(halts):
            return int(batch.ticks.known_at[halts[0]]) + 90 * SECOND
    raise AssertionError("the market has no halt")


def known_by(walked, instant):
    """Return everything that was known by an instant, as bytes."""
    known = {name: [] for name in ("bars", "features", "values", "scores", *TICK_COLUMNS)}
    refused = [entry for entry in walked.refused() if entry.known_at <= instant]
    for _, batch in walked.scored:
        rows = batch.ticks.known_at <= instant
        for name in TICK_COLUMNS if row_count(batch.ticks) else ():
            known[name].append(getattr(batch.ticks, name)[rows])
        for name, rows in (("bars", batch.bars), ("scores", batch.scores)):
            if rows is not None:
                known[name].append(rows[rows["known_at"] <= instant])
        if batch.features is not None:
            early = batch.features.bars["known_at"] <= instant
            known["features"].append(batch.features.bars[early])
            known["values"].append(batch.features.values[:, early].T)
    answers = {name: bits(np.concatenate(parts)) for name, parts in known.items()}
    records = {
        topic: canonical_bytes(record for record in made if record.known_at <= instant)
        for topic, made in walked.records().items()
    }
    return {"refused": refused, **answers, **records}


@pytest.mark.slow
@pytest.mark.parametrize("place", [*INSTANTS, "during a halt"])
def test_what_is_known_by_an_instant_does_not_change_with_what_is_known_later(
    source, walked, halted_at, place
):
    instant = INSTANTS.get(place, halted_at)

    poisoned = walk(Poisoned(source, instant))

    expected, found = known_by(walked, instant), known_by(poisoned, instant)
    assert [name for name in expected if found[name] != expected[name]] == []
    assert known_by(poisoned, 2**63 - 1) != known_by(walked, 2**63 - 1)


def test_by_the_last_instant_something_of_everything_is_known(walked):
    known = known_by(walked, max(INSTANTS.values()))

    assert {name for name, content in known.items() if not content} <= {
        "oms.restatements",
        "risk.breaches",
        "risk.controls",
        "oms.breaks",
        *OF_A_LYING_VENUE,
    }


def test_poison_that_begins_a_minute_before_the_instant_is_noticed(source, walked):
    instant = INSTANTS["in the middle of a bar"]

    poisoned = walk(Poisoned(source, instant - MINUTE))

    expected, found = known_by(walked, instant), known_by(poisoned, instant)
    assert {name for name in expected if found[name] != expected[name]} >= {"price", "size", "bars"}
