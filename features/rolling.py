"""Windows that neither drift nor cost more as they grow: sums, highest and lowest values, and spread about the mean.

A running sum that adds what enters and subtracts what leaves keeps the rounding of every value it ever held. Here
nothing is subtracted: time is cut into blocks as long as the window; the finished block is kept as sums from each place
to its end, the running one as the sum of its values so far, and a window is one of each. Every value is added twice,
each window holds the rounding of its own values only, and the place of a block depends on how many values came before,
never on how rows were split over calls. Highest and lowest work the same way.

A state that uses this has three fields: `ring` float64 (sum of the widths), `head` float64 (windows) and `place` int32
(windows); window k of instrument i is `ring[i, start : start + width]`, `head[i, k]`, `place[i, k]`. All zero is empty.
`slide_spread` has its own fields, see `spread_fields`. What a window answers before it is full is the caller's to hide.

The functions are compiled into the steps that call them, and numba's cache of a step looks at the step's own file only:
after a change here, delete the cached steps (`features/__pycache__/*.nbi`).
"""

import numpy as np
from numba import njit
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Places = NDArray[np.int32]
Counts = NDArray[np.int64]


@njit(cache=True, nogil=True, error_model="numpy", inline="always")
def slide_sum(
    ring: Floats, head: Floats, place: Places, i: int, k: int, start: int, width: int, value: float
) -> float:
    """Put a value into window k of instrument i and return the sum of its last `width` values."""
    at = place[i, k]
    running: float = head[i, k] + value
    total: float = running
    if at + 1 < width:
        total += ring[i, start + at + 1]
        ring[i, start + at] = value
        head[i, k] = running
        place[i, k] = at + 1
        return total
    tail = value
    ring[i, start + at] = value
    for j in range(width - 2, -1, -1):
        tail += ring[i, start + j]
        ring[i, start + j] = tail
    head[i, k] = 0.0
    place[i, k] = 0
    return total


@njit(cache=True, nogil=True, error_model="numpy", inline="always")
def slide_highest(
    ring: Floats, head: Floats, place: Places, i: int, k: int, start: int, width: int, value: float
) -> float:
    """Put a value into window k of instrument i and return the highest of its last `width` values."""
    at = place[i, k]
    running: float = value if at == 0 else max(head[i, k], value)
    highest: float = running
    if at + 1 < width:
        highest = max(running, ring[i, start + at + 1])
        ring[i, start + at] = value
        head[i, k] = running
        place[i, k] = at + 1
        return highest
    tail = value
    ring[i, start + at] = value
    for j in range(width - 2, -1, -1):
        tail = max(tail, ring[i, start + j])
        ring[i, start + j] = tail
    place[i, k] = 0
    return highest


@njit(cache=True, nogil=True, error_model="numpy", inline="always")
def slide_lowest(
    ring: Floats, head: Floats, place: Places, i: int, k: int, start: int, width: int, value: float
) -> float:
    """Put a value into window k of instrument i and return the lowest of its last `width` values."""
    highest: float = slide_highest(ring, head, place, i, k, start, width, -value)
    return -highest


@njit(cache=True, nogil=True, error_model="numpy", inline="always")
def slide_spread(
    means: Floats,
    squares: Floats,
    mean: Floats,
    square: Floats,
    place: Counts,
    i: int,
    width: int,
    value: float,
) -> tuple[float, float]:
    """Put a value into the window of instrument i; return mean and population deviation of its last `width` values.

    Each part of the window is held as mean and sum of squared deviations from it (Welford 1962), parts are joined as by
    Chan, Golub and LeVeque (1979): sums of terms that are not negative, so nothing cancels, and exactly 0 where all
    values are equal. `means` and `squares` are (instruments, width), the others one number an instrument.
    """
    at = place[i]
    count = at + 1
    gap = value - mean[i] if at else 0.0
    running = mean[i] + gap / count if at else value
    deviations = square[i] + gap * (value - running) if at else 0.0
    if count < width:
        rest = width - count
        apart = means[i, count] - running
        share = apart * rest / width
        total = squares[i, count] + deviations + share * apart * count
        means[i, at] = value
        mean[i] = running
        square[i] = deviations
        place[i] = count
        return running + share, np.sqrt(total / width)
    place[i] = 0
    tail = value
    tail_square = 0.0
    means[i, at] = value
    squares[i, at] = 0.0
    for j in range(width - 2, -1, -1):
        gap = means[i, j] - tail
        tail += gap * (1.0 / (width - j))
        tail_square += gap * (means[i, j] - tail)
        means[i, j] = tail
        squares[i, j] = tail_square
    return running, np.sqrt(deviations / width)


def spread_fields(width: int) -> list[tuple[str, object] | tuple[str, object, tuple[int]]]:
    """Return the fields of a state that `slide_spread` works on, and `seen`, how many values came."""
    return [
        ("seen", np.int64),
        ("place", np.int64),
        ("mean", np.float64),
        ("square", np.float64),
        ("means", np.float64, (width,)),
        ("squares", np.float64, (width,)),
    ]


@njit(cache=True, nogil=True, error_model="numpy", inline="always")
def mean_distance(ring: Floats, i: int, width: int, centre: float) -> float:
    """Return the mean absolute distance of `ring[i, :width]` from `centre`, added in four parts that do not wait."""
    part_0 = part_1 = part_2 = part_3 = 0.0
    whole = width - width % 4
    for j in range(0, whole, 4):
        part_0 += abs(ring[i, j] - centre)
        part_1 += abs(ring[i, j + 1] - centre)
        part_2 += abs(ring[i, j + 2] - centre)
        part_3 += abs(ring[i, j + 3] - centre)
    for j in range(whole, width):
        part_0 += abs(ring[i, j] - centre)
    return ((part_0 + part_1) + (part_2 + part_3)) / width


def window_fields(*widths: int, prefix: str = "") -> list[tuple[str, object, tuple[int]]]:
    """Return the fields of a state that holds one sliding sum, highest or lowest per width, names after `prefix`."""
    return [
        (f"{prefix}head", np.float64, (len(widths),)),
        (f"{prefix}ring", np.float64, (sum(widths),)),
        (f"{prefix}place", np.int32, (len(widths),)),
    ]


def window_starts(*widths: int) -> tuple[int, ...]:
    """Return where each window begins in the `ring` of `window_fields(*widths)`."""
    return tuple(sum(widths[:k]) for k in range(len(widths)))
