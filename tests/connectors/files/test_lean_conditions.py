"""The vendor's condition bits against the vendor's own bars, with a bar builder that shares nothing with ours."""

import io
import zipfile
from pathlib import Path

import numpy as np
import polars as pl
import pytest
from numpy.typing import NDArray

from connectors.files.lean_conditions import EXCLUDED, INCLUDED, OFFICIAL, VendorCondition, eligibility
from domain.market import ELIGIBLE, Condition

TICKS = Path(__file__).parents[4] / "shared" / "data" / "equity_ticks"
LISTING_VENUE = {"aig": "N", "bac": "N", "ibm": "N", "spy": "P"}
DAYS = (
    *((name, day) for name in ("aig", "bac", "ibm") for day in ("20131007", "20131008")),
    ("spy", "20131007"),
)
SECOND, MINUTE, DAY = 1_000, 60_000, 86_400_000
OPEN, CLOSE = 34_200_000, 57_600_000
CLOSING_WAIT = {"second": SECOND, "minute": DAY}
PRICES = ("open", "high", "low", "close")

real_data = pytest.mark.skipif(not TICKS.is_dir(), reason=f"the vendor's ticks and bars are not at {TICKS}")


def rows(kind: str, name: str, day: str, columns: dict[str, type[pl.DataType]]) -> pl.DataFrame:
    with zipfile.ZipFile(TICKS / kind / name / f"{day}_trade.zip") as archive:
        content = archive.read(archive.namelist()[0])
    return pl.read_csv(io.BytesIO(content), has_header=False, schema=columns)


def vendor_bars(kind: str, name: str, day: str) -> pl.DataFrame:
    names = ("start", *PRICES, "volume")
    return rows(kind, name, day, dict.fromkeys(names, pl.Int64))


def trades(name: str, day: str, *, with_listing: bool) -> pl.DataFrame:
    columns = {
        "at": pl.Int64,
        "price": pl.Int64,
        "size": pl.Int64,
        "venue": pl.String,
        "bits": pl.String,
        "doubt": pl.UInt8,
    }
    raw = rows("tick", name, day, columns).with_columns(
        pl.col("bits").str.to_integer(base=16, dtype=pl.UInt32)
    )
    listing = (raw["venue"] == LISTING_VENUE[name]).to_numpy() if with_listing else None
    return raw.with_columns(flags=eligibility(raw["bits"].to_numpy(), raw["doubt"].to_numpy(), listing))


def has(flag: Condition) -> pl.Expr:
    return (pl.col("flags") & int(flag)) != 0


def plain_bars(ticks: pl.DataFrame, step: int) -> pl.DataFrame:
    """Build bars from flags and times alone; a bar without a price is left out."""
    price, moves_ends = pl.col("price"), has(Condition.MOVES_OPEN_CLOSE)
    bars = ticks.group_by(start=pl.col("at") // step * step, maintain_order=True).agg(
        open=price.filter(moves_ends).first(),
        high=price.filter(has(Condition.MOVES_HIGH_LOW)).max(),
        low=price.filter(has(Condition.MOVES_HIGH_LOW)).min(),
        close=price.filter(moves_ends).last(),
        volume=pl.col("size").filter(has(Condition.COUNTS_VOLUME)).sum(),
    )
    return bars.filter(pl.col("open").is_not_null())


def vendor_way_bars(ticks: pl.DataFrame, kind: str) -> pl.DataFrame:
    """Build bars as the vendor does: volume without a price joins the bar before; one print opens, one closes."""
    step = MINUTE if kind == "minute" else SECOND
    prints = has(Condition.OPENING_PRINT) | has(Condition.CLOSING_PRINT)
    ordinary = ticks.filter(~prints).with_columns(start=pl.col("at") // step * step)
    priced = ordinary.filter(has(Condition.MOVES_OPEN_CLOSE)).select("start", into="start").unique("start")
    ordinary = ordinary.join_asof(priced.sort("start"), on="start").with_columns(at="into").drop_nulls("at")
    eligible = ticks.filter(has(Condition.COUNTS_VOLUME))
    opening = eligible.filter(
        has(Condition.OPENING_PRINT), pl.col("at").is_between(OPEN, OPEN + step - 1)
    ).head(1)
    closing = eligible.filter(
        has(Condition.CLOSING_PRINT), pl.col("at").is_between(CLOSE, CLOSE + CLOSING_WAIT[kind] - 1)
    ).head(1)
    parts = [
        opening.with_columns(at=pl.lit(OPEN, pl.Int64)),
        ordinary.select(ticks.columns),
        closing.with_columns(at=pl.lit(CLOSE - 1, pl.Int64)),
    ]
    return plain_bars(pl.concat(parts), step).sort("start")


def match_rates(*, with_listing: bool) -> pl.DataFrame:
    """Per instrument-day the percentage of regular minute bars in which a field equals the vendor's."""
    regular = pl.col("start").is_between(OPEN, CLOSE - 1)
    table = []
    for name, day in DAYS:
        theirs = vendor_bars("minute", name, day).filter(regular)
        ours = plain_bars(trades(name, day, with_listing=with_listing), MINUTE).filter(regular)
        both = theirs.join(ours, on="start", how="full", suffix="_ours", coalesce=True)
        equal = {
            field: (pl.col(field) == pl.col(f"{field}_ours")).fill_null(False)
            for field in (*PRICES, "volume")
        }
        equal["all_four"] = pl.all_horizontal([equal[field] for field in PRICES])
        rates = both.select(**{field: 100 * same.mean() for field, same in equal.items()})
        table.append(rates.select(pl.lit(f"{name} {day}").alias("instrument_day"), pl.all()))
    return pl.concat(table)


@real_data
@pytest.mark.parametrize("with_listing", [False, True])
def test_minute_bars_rebuilt_from_the_bits_equal_the_vendors(with_listing: bool) -> None:
    rates = match_rates(with_listing=with_listing)

    assert rates.filter(pl.col("volume") < 99).is_empty(), rates
    assert rates.filter(pl.col("all_four") < 97.5).is_empty(), rates
    assert rates["all_four"].to_numpy().mean() >= 98.5, rates


@real_data
@pytest.mark.parametrize("kind", ["minute", "second"])
@pytest.mark.parametrize(("name", "day"), DAYS)
def test_with_the_auctions_placed_as_the_vendor_does_no_bar_of_the_day_differs(
    name: str, day: str, kind: str
) -> None:
    ticks = trades(name, day, with_listing=True)

    bars = vendor_way_bars(ticks, kind)

    assert bars.equals(vendor_bars(kind, name, day))


def flags_of(*bits: VendorCondition, doubt: int = 0, listing: bool | None = None) -> Condition:
    known = None if listing is None else np.array([listing])
    bit_column: NDArray[np.uint32] = np.array([sum(bits)], np.uint32)
    return Condition(int(eligibility(bit_column, np.array([doubt], np.uint8), known)[0]))


MOVES = Condition(ELIGIBLE)
VOLUME = Condition.COUNTS_VOLUME
STAY_OUT = {
    VendorCondition.OPENING_PRINT: Condition.OPENING_PRINT,
    VendorCondition.CLOSING_PRINT: Condition.CLOSING_PRINT,
    VendorCondition.OFFICIAL_OPEN: Condition(0),
    VendorCondition.OFFICIAL_CLOSE: Condition(0),
}
VOLUME_ONLY = {
    VendorCondition.INTERMARKET_SWEEP: VOLUME | Condition.ISO,
    VendorCondition.TRADE_THROUGH_EXEMPT: VOLUME,
    VendorCondition.ODD_LOT: VOLUME | Condition.ODD_LOT,
}
MARKED = {
    VendorCondition.FORM_T: MOVES | Condition.EXTENDED_HOURS,
    VendorCondition.EXTENDED_HOURS: MOVES | Condition.EXTENDED_HOURS,
    VendorCondition.OUT_OF_SEQUENCE: MOVES | Condition.OUT_OF_SEQUENCE,
}


@pytest.mark.parametrize("bit", VendorCondition)
def test_each_bit_on_its_own_gives_the_flags_of_its_meaning(bit: VendorCondition) -> None:
    expected = {**STAY_OUT, **VOLUME_ONLY, **MARKED}.get(bit, MOVES)

    assert flags_of(bit) == expected


def test_a_trade_without_any_bit_moves_everything() -> None:
    assert flags_of() == MOVES


@pytest.mark.parametrize("keeper", [bit for bit in VendorCondition if bit & EXCLUDED])
@pytest.mark.parametrize("opener", [bit for bit in VendorCondition if bit & INCLUDED])
def test_an_included_bit_lets_prices_move_in_spite_of_an_excluded_one(
    opener: VendorCondition, keeper: VendorCondition
) -> None:
    assert flags_of(opener, keeper) & MOVES == MOVES


@pytest.mark.parametrize("bit", [bit for bit in VendorCondition if not bit & (EXCLUDED | INCLUDED)])
def test_no_other_bit_lets_a_trade_through_exempt_trade_move_prices(bit: VendorCondition) -> None:
    assert flags_of(bit, VendorCondition.TRADE_THROUGH_EXEMPT) & MOVES in (VOLUME, Condition(0))


def test_a_suspicious_trade_counts_for_volume_and_moves_no_price() -> None:
    assert flags_of(VendorCondition.REGULAR, doubt=1) == VOLUME
    assert flags_of(VendorCondition.CLOSING_PRINT, doubt=1, listing=True) == VOLUME | Condition.CLOSING_PRINT


@pytest.mark.parametrize("bit", [VendorCondition.OPENING_PRINT, VendorCondition.CLOSING_PRINT])
def test_an_auction_print_moves_everything_at_the_listing_venue_and_nothing_elsewhere(
    bit: VendorCondition,
) -> None:
    exempt_print = (bit, VendorCondition.CROSS, VendorCondition.TRADE_THROUGH_EXEMPT)

    assert flags_of(*exempt_print, listing=True) == MOVES | STAY_OUT[bit]
    assert flags_of(*exempt_print, listing=False) == STAY_OUT[bit]
    assert flags_of(*exempt_print) == STAY_OUT[bit]


@pytest.mark.parametrize("bit", [bit for bit in VendorCondition if bit & OFFICIAL])
def test_an_official_open_or_close_counts_nowhere_even_at_the_listing_venue(bit: VendorCondition) -> None:
    assert flags_of(bit, VendorCondition.REGULAR, listing=True) == Condition(0)


def test_many_rows_get_the_flags_that_each_gets_alone() -> None:
    bits = np.array([int(bit) for bit in VendorCondition], np.uint32)

    flags = eligibility(bits, np.zeros(len(bits), np.uint8))

    assert flags.dtype == np.uint32
    assert [Condition(int(flag)) for flag in flags] == [flags_of(bit) for bit in VendorCondition]
