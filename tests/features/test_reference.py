"""Features by name and version: how they are written, and what is said of one that is not there."""

import pytest

from features.catalogue import CATALOGUE, columns, default_families
from features.reference import (
    Reference,
    UnknownFeature,
    check_versions,
    families_with,
    line_of,
    reference,
)

OWN = tuple(line.name for line in CATALOGUE)


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("ema_12", Reference("ema_12", 1)),
        ("ema_12@1", Reference("ema_12", 1)),
        (" ema_12 @2", Reference("ema_12", 2)),
        ("RSI(14)", Reference("RSI(14)", 1, "RSI(14)")),
        ("rsi", Reference("RSI(14)", 1, "RSI(14)")),
        ("rsi( 9 )@3", Reference("RSI(9)", 3, "RSI(9)")),
        ("MACD(12,26,9).signal", Reference("MACD(12,26,9).signal", 1, "MACD(12,26,9)")),
        ("macd.histogram@1", Reference("MACD(12,26,9).histogram", 1, "MACD(12,26,9)")),
    ],
)
def test_a_feature_is_read_by_name_and_version_which_is_the_first_where_none_is_said(text, found):
    assert reference(text) == found


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("ema_13", "no feature is named 'ema_13'; the nearest are ema_1"),
        ("RSY(14)", r"no feature is named 'RSY\(14\)'; the nearest are "),
        ("MACD(12,26,9)", r"has the columns MACD\(12,26,9\).macd, .*; 'MACD\(12,26,9\)' was given"),
        ("MACD.sgnal", r"has the columns MACD\(12,26,9\).macd"),
        ("RSI(0)", "RSI: bars is a whole number of at least 1; '0' was given"),
        ("RSI(14)@0", "NAME or NAME@VERSION, a whole number from 1 on; 'RSI\\(14\\)@0' was given"),
        ("ema_12@new", "NAME or NAME@VERSION"),
    ],
)
def test_what_nothing_makes_is_refused_with_the_nearest(text, words):
    with pytest.raises(UnknownFeature, match=words):
        reference(text)


def test_indicators_stand_behind_the_desks_own_columns_each_once_in_the_order_of_asking():
    families = families_with(["ema_12", "macd.signal", "RSI(14)"], ["ATR(14)", "rsi"])

    assert columns(families) == (
        *OWN,
        "ATR(14)",
        "RSI(14)",
        "MACD(12,26,9).macd",
        "MACD(12,26,9).signal",
        "MACD(12,26,9).histogram",
    )


def test_without_indicators_the_families_are_the_desks_own():
    assert columns(families_with(["ema_12"])) == columns(default_families())


def test_a_line_tells_meaning_unit_and_warm_up_of_an_indicator_too():
    assert [line_of(name)[:5] for name in ("rsi_14", "RSI(14)")] == [
        next(line[:5] for line in CATALOGUE if line.name == "rsi_14"),
        ("RSI(14)", "relative strength index", "index", 15, 1),
    ]


def test_another_version_than_is_made_is_refused_and_the_one_that_is_made_passes():
    made = [line_of("ema_12"), line_of("RSI(14)")._replace(version=2)]

    check_versions([Reference("ema_12", 1), Reference("RSI(14)", 2), Reference("sma_20", 7)], made)
    with pytest.raises(UnknownFeature, match=r"'RSI\(14\)' is made in version 2; version 1 was asked for"):
        check_versions([Reference("RSI(14)", 1)], made)
