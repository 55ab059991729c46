"""The venue's section of base.yaml: all its faults are off, and each can be set; what cannot be is refused."""

from decimal import Decimal

import pytest

from config.settings import SettingsError, read_settings
from operators.venue_params import FeeTier, Latency, LatencyKind, LineParams, VenueParams


def venue_of(folder, text):
    (folder / "base.yaml").write_text(f"venue: {text}\n")
    return read_settings(folder).base.venue.made()


def test_the_projects_own_venue_does_not_lie():
    assert read_settings().base.venue.made() == VenueParams()


def test_what_the_file_says_is_what_the_venue_does(tmp_path):
    made = venue_of(
        tmp_path,
        "{queue: true, seed: 3, latency: {distribution: empirical, samples_microseconds: [3, 1]}, "
        'fees: [{volume_from: 0, maker_per_unit: "-0.001", taker_per_unit: "0.003"}], '
        "line: {duplicates: 0.1, late_fills: 0.2, late_milliseconds: 7, disconnect_every_seconds: 60}}",
    )

    assert made == VenueParams(
        seed=3,
        queue=True,
        latency=Latency(LatencyKind.EMPIRICAL, samples=(3000, 1000)),
        fees=(FeeTier(0, Decimal("-0.001"), Decimal("0.003")),),
        line=LineParams(
            duplicates=0.1, late_fills=0.2, late_nanoseconds=7_000_000, disconnect_every=60_000_000_000
        ),
    )


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("{line: {duplicate: 0.1}}", "'duplicates'"),
        ("{line: {duplicates: 1.1}}", "less than or equal to 1"),
        ("{line: {disconnect_every_seconds: 1}}", "below the 1000"),
        ("{latency: {distribution: empirical}}", "needs samples_microseconds"),
        ("{latency: {distribution: normal}}", "'normal' was given"),
        ("{fees: [{volume_from: 5, maker_per_unit: 0, taker_per_unit: 0}]}", "rises from 0"),
        ("{fees: [{volume_form: 5}]}", "volume_from"),
    ],
)
def test_a_venue_that_cannot_be_is_refused_with_what_is_wrong(tmp_path, text, words):
    with pytest.raises(SettingsError, match=words):
        venue_of(tmp_path, text)
