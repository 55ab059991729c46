"""Compiled steps that look at each of their last n values again; shape and rules are those of `series_windows`.

The values of one instrument are laid out in a line, those remembered first, and the windows are swept together: the
inner loop goes over windows, the outer one over places in a window. That adds each window from its oldest value to its
newest, however rows are split over calls, and lets the processor take several windows at a time.

Memory of a line: how many values it holds, and up to n - 1 of them, the oldest first.
"""

import numpy as np

from features.series_windows import Floats, Ids, compiled, ending


@compiled
def _lay(x, begin, end, memory, n, line, rows, out):  # type: ignore[no-untyped-def]
    """Put what is remembered and the numbers of rows begin to end in a line, and remember its end for the next call.

    Row r's number stands at `line[before + k]` where `rows[k]` is r. Returns `before` and the length of the line.
    """
    before = int(memory[0])
    for k in range(before):
        line[k] = memory[1 + k]
    length = before
    for row in range(begin, end):
        out[row] = np.nan
        value = x[row]
        if not np.isnan(value):
            line[length] = value
            rows[length - before] = row
            length += 1
    kept = min(length, n - 1)
    for k in range(kept):
        memory[1 + k] = line[length - kept + k]
    memory[0] = kept
    return before, length


@compiled
def _answer(answers, rows, first, out):  # type: ignore[no-untyped-def]
    """Write the answers of windows to their rows, the first of which is `rows[first]`."""
    for j in range(len(answers)):
        out[rows[first + j]] = answers[j]


@compiled
def _means(line, n, means):  # type: ignore[no-untyped-def]
    """Write the mean of each window of n along a line."""
    count = len(means)
    means[:] = 0.0
    for k in range(n):
        part = line[k : k + count]
        for j in range(count):
            means[j] += part[j]
    for j in range(count):
        means[j] /= n


@compiled
def _weigh(instrument, x, weights, whole, state, at, n, out):  # type: ignore[no-untyped-def]
    """Sum of the last n values times weights, the first of which is the oldest's, by a whole."""
    line, rows, sums = np.empty(len(x) + n), np.empty(len(x), np.int64), np.empty(len(x))
    begin = 0
    while begin < len(x):
        i, end = instrument[begin], ending(instrument, begin)
        before, length = _lay(x, begin, end, state[i, at : at + n], n, line, rows, out)
        count = length - n + 1
        if count > 0:
            answers = sums[:count]
            answers[:] = 0.0
            for k in range(n):
                part, weight = line[k : k + count], weights[k]
                for j in range(count):
                    answers[j] += weight * part[j]
            for j in range(count):
                answers[j] /= whole
            _answer(answers, rows, n - 1 - before, out)
        begin = end


@compiled
def weighted(instrument: Ids, x: Floats, state: Floats, at: int, n: int, out: Floats) -> None:
    """Mean of the last n values, weighted 1 (oldest) to n."""
    weights = np.arange(1, n + 1).astype(np.float64)
    _weigh(instrument, x, weights, n * (n + 1) / 2.0, state, at, n, out)


@compiled
def bell(
    instrument: Ids, x: Floats, state: Floats, at: int, n: int, offset: float, sigma: float, out: Floats
) -> None:
    """Mean of the last n values, weighted by a bell around offset (n - 1) of the width n/sigma."""
    middle, width = offset * (n - 1), n / sigma
    weights = np.exp(-((np.arange(n) - middle) ** 2) / (2.0 * width * width))
    whole = 0.0
    for weight in weights:
        whole += weight
    _weigh(instrument, x, weights, whole, state, at, n, out)


@compiled
def slope(instrument: Ids, x: Floats, state: Floats, at: int, n: int, out: Floats) -> None:
    """Slope, in units a row, of the line of least squares through the last n values."""
    weights = np.arange(n) - (n - 1) / 2.0
    _weigh(instrument, x, weights, n * (n * n - 1.0) / 12.0, state, at, n, out)


@compiled
def _spread(instrument, x, squared, state, at, n, out):  # type: ignore[no-untyped-def]
    """Mean distance, or squared distance, of the last n values from their mean."""
    line, rows = np.empty(len(x) + n), np.empty(len(x), np.int64)
    centres, sums = np.empty(len(x)), np.empty(len(x))
    begin = 0
    while begin < len(x):
        i, end = instrument[begin], ending(instrument, begin)
        before, length = _lay(x, begin, end, state[i, at : at + n], n, line, rows, out)
        count = length - n + 1
        if count > 0:
            means, answers = centres[:count], sums[:count]
            _means(line, n, means)
            answers[:] = 0.0
            for k in range(n):
                part = line[k : k + count]
                if squared:
                    for j in range(count):
                        answers[j] += (part[j] - means[j]) * (part[j] - means[j])
                else:
                    for j in range(count):
                        answers[j] += abs(part[j] - means[j])
            for j in range(count):
                answers[j] /= n
            _answer(answers, rows, n - 1 - before, out)
        begin = end


@compiled
def variance(instrument: Ids, x: Floats, state: Floats, at: int, n: int, out: Floats) -> None:
    """Mean squared distance of the last n values from their mean (divided by n)."""
    _spread(instrument, x, True, state, at, n, out)


@compiled
def mean_deviation(instrument: Ids, x: Floats, state: Floats, at: int, n: int, out: Floats) -> None:
    """Mean distance of the last n values from their mean."""
    _spread(instrument, x, False, state, at, n, out)


@compiled
def _age(instrument, x, sign, state, at, n, out):  # type: ignore[no-untyped-def]
    """How many rows ago the highest of the last n values times a sign was, the latest of equals."""
    line, rows = np.empty(len(x) + n), np.empty(len(x), np.int64)
    extremes, sums = np.empty(len(x)), np.empty(len(x))
    begin = 0
    while begin < len(x):
        i, end = instrument[begin], ending(instrument, begin)
        before, length = _lay(x, begin, end, state[i, at : at + n], n, line, rows, out)
        count = length - n + 1
        if count > 0:
            best, answers = extremes[:count], sums[:count]
            best[:] = -np.inf
            answers[:] = 0.0
            for k in range(n):
                part, age = line[k : k + count], n - 1.0 - k
                for j in range(count):
                    value = part[j] * sign
                    later = value >= best[j]
                    answers[j] = age if later else answers[j]
                    best[j] = value if later else best[j]
            _answer(answers, rows, n - 1 - before, out)
        begin = end


@compiled
def age_of_highest(instrument: Ids, x: Floats, state: Floats, at: int, n: int, out: Floats) -> None:
    """How many rows ago the highest of the last n values was, the latest of equals."""
    _age(instrument, x, 1.0, state, at, n, out)


@compiled
def age_of_lowest(instrument: Ids, x: Floats, state: Floats, at: int, n: int, out: Floats) -> None:
    """How many rows ago the lowest of the last n values was, the latest of equals."""
    _age(instrument, x, -1.0, state, at, n, out)


@compiled
def percent_rank(instrument: Ids, x: Floats, state: Floats, at: int, n: int, out: Floats) -> None:
    """How many percent of the n values before are below this one."""
    line, rows, sums = np.empty(len(x) + n + 1), np.empty(len(x), np.int64), np.empty(len(x))
    begin = 0
    while begin < len(x):
        i, end = instrument[begin], ending(instrument, begin)
        before, length = _lay(x, begin, end, state[i, at : at + n + 1], n + 1, line, rows, out)
        count = length - n
        if count > 0:
            answers, here = sums[:count], line[n : n + count]
            answers[:] = 0.0
            for k in range(n):
                part = line[k : k + count]
                for j in range(count):
                    answers[j] += 1.0 if part[j] < here[j] else 0.0
            for j in range(count):
                answers[j] = 100.0 * answers[j] / n
            _answer(answers, rows, n - before, out)
        begin = end


@compiled
def covariance(instrument: Ids, x: Floats, y: Floats, state: Floats, at: int, n: int, out: Floats) -> None:
    """Mean product of the distances of the last n pairs from their means. Memory: a line of each."""
    first, second, rows = np.empty(len(x) + n), np.empty(len(x) + n), np.empty(len(x), np.int64)
    centres, others, sums = np.empty(len(x)), np.empty(len(x)), np.empty(len(x))
    one = np.where(np.isnan(y), np.nan, x)
    other = np.where(np.isnan(x), np.nan, y)
    begin = 0
    while begin < len(x):
        i, end = instrument[begin], ending(instrument, begin)
        _lay(other, begin, end, state[i, at + n : at + 2 * n], n, second, rows, out)
        before, length = _lay(one, begin, end, state[i, at : at + n], n, first, rows, out)
        count = length - n + 1
        if count > 0:
            means, middles, answers = centres[:count], others[:count], sums[:count]
            _means(first, n, means)
            _means(second, n, middles)
            answers[:] = 0.0
            for k in range(n):
                part, pair = first[k : k + count], second[k : k + count]
                for j in range(count):
                    answers[j] += (part[j] - means[j]) * (pair[j] - middles[j])
            for j in range(count):
                answers[j] /= n
            _answer(answers, rows, n - 1 - before, out)
        begin = end
