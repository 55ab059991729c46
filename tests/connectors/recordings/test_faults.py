"""Faults of a replay venue: by chance from a seed, or a number of times on demand."""

import pytest

from connectors.recordings.faults import Fault, Faults
from connectors.source import SourceError


def hit(faults, count=10_000):
    return [place for place in range(count) if faults.hits(Fault.DROP, place)]


def test_the_same_seed_hits_the_same_places():
    assert hit(Faults(["drop=0.1"], 7)) == hit(Faults(["drop=0.1"], 7))


def test_another_seed_hits_other_places():
    assert hit(Faults(["drop=0.1"], 7)) != hit(Faults(["drop=0.1"], 8))


def test_a_chance_is_met_within_a_tenth():
    assert 900 < len(hit(Faults(["drop=0.1"], 7))) < 1100


def test_a_chance_of_one_hits_always_and_of_nought_never():
    assert (len(hit(Faults(["drop=1"]), 50)), len(hit(Faults(["drop=0"]), 50))) == (50, 0)


def test_what_is_due_happens_to_the_next_ones_and_is_counted():
    faults = Faults()
    faults.have_next("drop", 2)

    assert hit(faults, 9) == [0, 1]
    assert faults.happened == {"drop": 2}


def test_a_delay_is_read_with_its_unit():
    assert [Faults([f"delay={text}"]).delay_seconds for text in ("50ms", "1.5s", "20us", "0")] == [
        0.05,
        1.5,
        2e-5,
        0,
    ]


@pytest.mark.parametrize(
    ("setting", "said"),
    [
        ("drop", "a fault is written NAME=VALUE, as drop=0.01 or delay=50ms; 'drop' was given"),
        ("drop=often", "drop is a chance from 0 to 1; 'often' was given"),
        ("drop=1.1", "drop is a chance from 0 to 1; 1.1 was given"),
        ("delay=50", "delay is a duration as 50ms or 1s; '50' was given"),
        ("dorp=0.1", "unknown fault 'dorp'; the nearest: drop"),
    ],
)
def test_a_setting_that_is_none_is_refused_with_what_is_allowed(setting, said):
    with pytest.raises(SourceError) as refused:
        Faults([setting])

    assert str(refused.value) == said


def test_what_is_due_to_a_channel_happens_to_no_other():
    faults = Faults()
    faults.have_next("drop", 2, "book:A")

    found = [faults.hits(Fault.DROP, place, key) for place, key in enumerate(["book:B", "book:A"] * 3)]

    assert found == [False, True, False, True, False, False]
