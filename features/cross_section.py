"""Measures across the universe at one instant: rank, z-score, and what is left of them within a sector.

Every function takes `values`, float64 of shape (instants, instruments), one row an instant, and answers in that shape;
sectors are int32 of shape (instruments,), below 0 where an instrument has none. A missing value (NaN) stays missing and
counts for no other; so does an infinite one, which is no measure. A row answers from its own values alone, so that rows
may be split over calls in any way, and it is summed in order of instruments, never of arrival.

Source: standards 6.5; ranks with the mean of equals as in statistics (Spearman), z-scores with the sample deviation.
"""

import numpy as np
from numba import njit
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Sectors = NDArray[np.int32]

compiled = njit(cache=True, nogil=True, error_model="numpy")


def rank(values: Floats) -> Floats:
    """Return the percentile rank in each row, from 0 (lowest) to 1 (highest); equals share the mean of their ranks.

    r = (below + (equal - 1)/2)/(n - 1) over the n values that are there; missing where there is only one.
    """
    return rank_in_sector(values, _together(values))


def z_score(values: Floats) -> Floats:
    """Return (x - mean)/sd of each row, sd with n - 1; 0 where all are equal, missing where there is only one."""
    return z_score_in_sector(values, _together(values))


def rank_in_sector(values: Floats, sectors: Sectors) -> Floats:
    """Return the percentile rank among the instruments of a sector; missing for one that has no sector."""
    _check(values, sectors)
    out = np.full(values.shape, np.nan)
    _ranks(np.ascontiguousarray(values), sectors, out)
    return out


def z_score_in_sector(values: Floats, sectors: Sectors) -> Floats:
    """Return (x - mean)/sd among the instruments of a sector; missing for one that has no sector."""
    _check(values, sectors)
    out = np.full(values.shape, np.nan)
    _deviations(np.ascontiguousarray(values), sectors, True, out)
    return out


def sector_neutral(values: Floats, sectors: Sectors) -> Floats:
    """Return x less the mean of its sector, in units of x; 0 where it is the only one, missing without a sector."""
    _check(values, sectors)
    out = np.full(values.shape, np.nan)
    _deviations(np.ascontiguousarray(values), sectors, False, out)
    return out


def _together(values: Floats) -> Sectors:
    """Return sectors that put all instruments into one."""
    return np.zeros(values.shape[-1] if values.ndim else 0, np.int32)


def _check(values: Floats, sectors: Sectors) -> None:
    """Raise ValueError where the shapes do not go together."""
    if values.ndim != 2 or sectors.shape != (values.shape[1],):
        raise ValueError(
            f"a cross-section has values of shape (instants, instruments) and a sector for each instrument; "
            f"{values.shape} and {sectors.shape} were given"
        )


@compiled
def _ranks(values: Floats, sectors: Sectors, out: Floats) -> None:
    """Write ranks within sectors; every run of equal values within a sector shares its mean rank."""
    instants, instruments = values.shape
    count = np.int64(0)
    for j in range(instruments):
        count = max(count, np.int64(sectors[j]) + 1)
    starts = np.empty(count + 1, np.int64)
    members = np.empty(instruments, np.int64)
    for row in range(instants):
        starts[:] = 0
        for j in range(instruments):
            if sectors[j] >= 0 and np.isfinite(values[row, j]):
                starts[sectors[j] + 1] += 1
        for sector in range(count):
            starts[sector + 1] += starts[sector]
        filled = starts.copy()
        for j in range(instruments):
            if sectors[j] >= 0 and np.isfinite(values[row, j]):
                members[filled[sectors[j]]] = j
                filled[sectors[j]] += 1
        for sector in range(count):
            mine = members[starts[sector] : starts[sector + 1]]
            if len(mine) > 1:
                _rank_of(values[row], mine, out[row])


@compiled
def _rank_of(values, mine, out):  # type: ignore[no-untyped-def]
    """Write the ranks of some instruments among themselves."""
    sizes = values[mine]
    order = np.argsort(sizes)
    last = len(mine) - 1
    first = 0
    while first <= last:
        end = first
        while end < last and sizes[order[end + 1]] == sizes[order[first]]:
            end += 1
        for k in range(first, end + 1):
            out[mine[order[k]]] = (first + end) / 2.0 / last
        first = end + 1


@compiled
def _deviations(values: Floats, sectors: Sectors, scaled: bool, out: Floats) -> None:
    """Write the distance to the mean of the sector, by its sample deviation where `scaled`."""
    instants, instruments = values.shape
    count = np.int64(0)
    for j in range(instruments):
        count = max(count, np.int64(sectors[j]) + 1)
    numbers, means, squares = np.empty(count), np.empty(count), np.empty(count)
    for row in range(instants):
        numbers[:] = 0.0
        means[:] = 0.0
        squares[:] = 0.0
        for j in range(instruments):
            if sectors[j] >= 0 and np.isfinite(values[row, j]):
                numbers[sectors[j]] += 1.0
                means[sectors[j]] += (values[row, j] - means[sectors[j]]) / numbers[sectors[j]]
        for j in range(instruments):
            if sectors[j] >= 0 and np.isfinite(values[row, j]):
                squares[sectors[j]] += (values[row, j] - means[sectors[j]]) ** 2
        for j in range(instruments):
            sector = sectors[j]
            if sector < 0 or not np.isfinite(values[row, j]):
                continue
            distance = values[row, j] - means[sector]
            if not scaled:
                out[row, j] = distance
            elif numbers[sector] > 1.0:
                spread = np.sqrt(squares[sector] / (numbers[sector] - 1.0))
                out[row, j] = distance / spread if spread > 0.0 else 0.0
