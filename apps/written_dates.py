"""Dates and times as people write them, as nanoseconds since 1970."""

import numpy as np
import polars as pl
from numpy.typing import NDArray

NO_TIME = int(np.iinfo(np.int64).min)
DAY = 86_400_000_000_000
ISO = (
    "%Y-%m-%d",
    "%Y-%m-%d %H:%M:%S%.f",
    "%Y-%m-%dT%H:%M:%S%.f",
    "%Y-%m-%d %H:%M:%S%.f%#z",
    "%Y-%m-%dT%H:%M:%S%.f%#z",
)
"""Written in one way only, and so the usual ones: read whole, before anything else is tried."""
DAYS = (
    "%Y-%m-%d",
    "%Y/%m/%d",
    "%Y.%m.%d",
    "%Y%m%d",
    "%m/%d/%Y",
    "%m/%d/%y",
    "%d/%m/%Y",
    "%d/%m/%y",
    "%d.%m.%Y",
    "%d.%m.%y",
    "%m-%d-%Y",
    "%d-%m-%Y",
    "%d-%b-%y",
    "%d-%b-%Y",
    "%d %b %Y",
    "%d %B %Y",
    "%b %d, %Y",
    "%B %d, %Y",
    "%b %d %Y",
)
"""Tried in this order; the first that reads the most rows is taken, and of equals one whose dates do not jump about."""
PARTS = (
    r"^(?<day>.*?)(?:[T ,]\s*(?<hour>\d{1,2}):(?<minute>\d{2})(?::(?<second>\d{2})(?:[.,](?<part>\d{1,9}))?)?"
    r"\s*(?:(?<half>[AaPp])\.?[Mm]\b\.?)?\s*(?<zone>Z|UTC|GMT|[+-]\d{2}(?::?\d{2})?|[A-Za-z]+/[A-Za-z_/]+)?)?$"
)
WEEKDAY = r"^(?i)(?:mon|tues?|wed(?:nes)?|thu(?:rs)?|fri|sat(?:ur)?|sun)(?:day)?\.?,?\s+"
CLOCK = r"^\s*\d{1,2}:\d{2}(?::\d{2}|$|[ .AaPpZ+-])|^\s*(?:\d{4}|\d{6})\s*$"
UNITS = {9: 10**9, 10: 10**9, 12: 10**6, 13: 10**6, 15: 10**3, 16: 10**3, 18: 1, 19: 1}
"""Nanoseconds in the unit of a number since 1970 that has so many digits before its point, from 1973 on."""
SHOWN = (
    "2024-01-31, 20240131, 01/31/2024, 31.01.2024, 31-Jan-2024, 2024-01-31T09:30:00+01:00, 01/31/2024 9:30 AM "
    "or a number since 1970"
)


def instants_of(column: pl.Series, local: bool = False) -> NDArray[np.int64]:
    """Return instants in nanoseconds since 1970 (UTC where a zone is written), the least int64 where there is none.

    With `local` they are those of the clock as it is written, whatever its zone, which say the day.

    A date may be written as in DAYS, with a clock of 24 or 12 hours and an offset, Z, or the name of a zone behind it;
    or be a number since 1970, in seconds to nanoseconds by its digits.
    """
    if column.dtype.is_temporal():
        if local and isinstance(column.dtype, pl.Datetime) and column.dtype.time_zone:
            column = column.dt.replace_time_zone(None)
        return column.cast(pl.Datetime("ns")).to_physical().fill_null(NO_TIME).to_numpy()
    if column.dtype.is_float():
        whole = column.is_finite() & (column == column.floor())
        column = pl.select(
            pl.when(whole)
            .then(column.cast(pl.Int64, strict=False).cast(pl.String))
            .otherwise(column.cast(pl.String))
        ).to_series()
    text = column.cast(pl.String).str.strip_chars("\t '\"")
    text = pl.select(pl.when(text != "").then(text)).to_series()
    sample = text.drop_nulls().head(100)
    for pattern in ISO:
        if local and "z" in pattern:
            continue
        if len(sample) and not _whole(sample, pattern).null_count():
            read = _whole(text, pattern)
            if read.null_count() == text.null_count():
                return read.fill_null(NO_TIME).to_numpy()
    return _in_parts(text, local)


def has_clock(column: pl.Series) -> bool:
    """Say whether a column holds times of the day without dates."""
    if column.dtype == pl.Time:
        return True
    return column.dtype == pl.String and bool(column.str.contains(CLOCK).any())


def on_days(days: pl.Series, clocks: pl.Series) -> pl.Series:
    """Return a column of days with the times of the day from another behind them, as text."""
    if clocks.dtype == pl.Time:
        clocks = clocks.dt.to_string("%H:%M:%S%.f")
    clocks = (
        clocks.str.strip_chars().str.replace(r"^(\d{2})(\d{2})(\d{2})?$", "$1:$2:$3").str.strip_suffix(":")
    )
    return days.cast(pl.String) + " " + clocks


def _whole(text: pl.Series, pattern: str) -> pl.Series:
    """Return what one pattern reads, in nanoseconds, null where it does not."""
    try:
        if "%H" in pattern:
            read = text.str.to_datetime(pattern, strict=False, time_unit="ns")
        else:
            read = text.str.to_date(pattern, strict=False)
            read = read.set(~read.dt.year().is_between(1678, 2261), None).cast(pl.Datetime("ns"))
    except pl.exceptions.PolarsError:
        return pl.Series(text.name, [None] * len(text), pl.Int64)
    return read.to_physical()


def _in_parts(text: pl.Series, local: bool) -> NDArray[np.int64]:
    """Read a number since 1970, or a day, a clock and a zone, each by itself."""
    best = _since_1970(text)
    if best.null_count() == text.null_count():
        return best.fill_null(NO_TIME).to_numpy()
    text = text.str.replace(WEEKDAY, "")
    even = text.str.replace(r"^(\d{8})(\d{2})(\d{2})(\d{2})?$", "$1 $2:$3:$4").str.strip_suffix(":")
    even = even.str.replace_all(r"\s+", " ").str.replace(
        r"^(\d{8})[ -](\d{2})(\d{2})(\d{2})?$", "$1 $2:$3:$4"
    )
    parts = even.str.strip_suffix(":").str.extract_groups(PARTS).struct.unnest()
    of_day, zones = _clock(parts), parts["zone"].clear(len(parts)) if local else parts["zone"]
    known = parts["day"].unique().drop_nulls().alias("day")
    for pattern in DAYS:
        read = _days(known, pattern)
        if read.null_count() == len(known):
            continue
        placed = pl.DataFrame({"day": parts["day"]}).join(
            pl.DataFrame({"day": known, "at": read}), on="day", how="left", maintain_order="left"
        )["at"]
        instants = _zoned(placed + of_day, zones)
        fewer, as_many = best.null_count() > instants.null_count(), best.null_count() == instants.null_count()
        if fewer or (as_many and best.null_count() < len(best) and _turns(instants) < _turns(best)):
            best = instants
    return best.fill_null(NO_TIME).to_numpy()


def _days(known: pl.Series, pattern: str) -> pl.Series:
    read = _whole(known, pattern)
    if pattern == "%Y%m%d":
        return read.set(~known.str.contains(r"^\d{8}$"), None)
    return read


def _clock(parts: pl.DataFrame) -> pl.Series:
    """Return nanoseconds of the day, 0 where no clock is written, null where one cannot be."""
    hour, minute, second = (parts[name].cast(pl.Int64) for name in ("hour", "minute", "second"))
    half = parts["half"].str.to_lowercase()
    of_twelve = hour % 12 + pl.select(pl.when(half == "p").then(12).otherwise(0)).to_series()
    wrong = (half.is_not_null() & ~hour.is_between(1, 12)) | (hour > 23) | (minute > 59) | (second > 59)
    hour = pl.select(pl.when(half.is_not_null()).then(of_twelve).otherwise(hour)).to_series()
    part = parts["part"].str.pad_end(9, "0").cast(pl.Int64).fill_null(0)
    seconds = (hour.fill_null(0) * 60 + minute.fill_null(0)) * 60 + second.fill_null(0)
    return (seconds * 10**9 + part).set(wrong.fill_null(value=False), None)


def _zoned(local: pl.Series, zones: pl.Series) -> pl.Series:
    """Return instants in UTC of local ones; those without a zone stay as they are."""
    if zones.null_count() == len(zones):
        return local
    for zone in zones.drop_nulls().unique():
        here = zones == zone
        local = pl.select(pl.when(here).then(_in_zone(local, str(zone))).otherwise(local)).to_series()
    return local


def _in_zone(local: pl.Series, zone: str) -> pl.Series:
    if zone in {"Z", "UTC", "GMT"}:
        return local
    if zone[0] in "+-":
        digits = zone[1:].replace(":", "").ljust(4, "0")
        ahead = (int(digits[:2]) * 60 + int(digits[2:])) * 60 * 10**9
        return local - (ahead if zone[0] == "+" else -ahead)
    try:
        named = local.cast(pl.Datetime("ns")).dt.replace_time_zone(
            zone, ambiguous="earliest", non_existent="null"
        )
    except pl.exceptions.PolarsError:
        return pl.Series(local.name, [None] * len(local), pl.Int64)
    return named.to_physical()


def _since_1970(text: pl.Series) -> pl.Series:
    """Read numbers since 1970 by their digits; those before 1973 have the unit that most others have."""
    shaped = text.str.contains(r"^-?\d+(?:\.\d*)?(?:[eE]\+?\d+)?$").fill_null(value=False)
    none = pl.Series(text.name, [None] * len(text), pl.Int64)
    if not shaped.any():
        return none
    number = pl.select(pl.when(shaped).then(text)).to_series().cast(pl.Float64, strict=False)
    digits = pl.select(pl.when(number.abs() >= 1.0).then(number.abs().log10().floor() + 1)).to_series()
    unit = digits.cast(pl.Int64).replace_strict(UNITS, default=None, return_dtype=pl.Int64)
    if unit.null_count() == len(unit):
        return none
    usual = unit.drop_nulls().mode().max()
    early = shaped & unit.is_null() & ~text.str.contains(r"^(?:19|20)\d{6}$|^(?:19|20)\d{12}$")
    unit = pl.select(pl.when(early).then(usual).otherwise(unit)).to_series()
    exact = text.str.extract(r"^(-?\d+)(?:\.\d*)?$").cast(pl.Int64, strict=False)
    rest = ((number - number.cast(pl.Int64, strict=False)) * unit).round().cast(pl.Int64, strict=False)
    whole = pl.select(
        pl.when(exact.is_null()).then(number.cast(pl.Int64, strict=False)).otherwise(exact)
    ).to_series()
    sound = (whole.cast(pl.Float64) * unit).abs() < 9.2e18
    return pl.select(pl.when(sound).then(whole * unit + rest)).to_series()


def _turns(instants: pl.Series) -> int:
    """Return how often the order of dates turns round."""
    steps = instants.drop_nulls().diff().drop_nulls().sign()
    return int((steps.diff().drop_nulls() != 0).sum())
