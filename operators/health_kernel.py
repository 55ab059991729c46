"""The health of each instrument's data, row by row and by the passing of time, compiled.

A condition begins and ends at instants that follow from the instrument's own rows: a timer that is due before a row, or
before the watermark, is carried out at its own instant. So nothing here depends on how rows come in batches, on other
instruments, or on a clock.

* mute: no row within `silence_multiple` times the longest gap among the last `RECENT` to 2 `RECENT` rows, five times
  the median gap (standards.md 6.4), and `silence_min`, whichever is most; only while the regular session lasts; a
  silence that was mute itself doubles what is allowed, and no more;
* crossed: the best bid is above the best offer for longer than `crossed_max`;
* gap: a sequence number was left out within a day; over after `gap_clears` without another;
* degraded: of the last `BUCKETS` buckets of `bucket` ns, more than a share of the rows was refused, and not just a few;
* halted: by the instrument's status rows.
"""

import numpy as np
from numba import njit

from domain.health import HealthState
from domain.market import END, SECOND, Condition, Kind

RECENT = 512
BUCKETS = 30
MEDIAN_STEP = 0.02
MEDIAN_GAPS = 5.0
WARM_UP_ROWS = 64
NONE = END

HEALTH = np.dtype(
    [
        ("last_at", np.int64),
        ("rows", np.int64),
        ("longest", np.int64),
        ("longest_before", np.int64),
        ("median", np.float64),
        ("mute_at", np.int64),
        ("crossed_at", np.int64),
        ("clear_at", np.int64),
        ("bucket_at", np.int64),
        ("next_at", np.int64),
        ("sequence", np.int64, (4,)),
        ("good", np.int32, (BUCKETS,)),
        ("bad", np.int32, (BUCKETS,)),
        ("place", np.int32),
        ("conditions", np.int32),
        ("reported", np.int32),
        ("number", np.int64),
    ],
    align=True,
)
"""The memory of an instrument. The four timers (ns UTC, `NONE` where not set) say when it is mute, when it is crossed
for too long, when a gap is over, and when the present bucket ends; `next_at` is the first of them. `conditions` has bit
s set where state s holds, `reported` is what was said last, -1 before anything was, `number` counts what was said."""

NEWS = np.dtype(
    [
        ("at", np.int64),
        ("number", np.int64),
        ("measured", np.float64),
        ("limit", np.float64),
        ("instrument", np.int32),
        ("state", np.int32),
        ("cause", np.int32),
    ],
    align=True,
)
"""One change of an instrument's state at an instant (ns UTC); `cause` is the condition that began or ended."""

_STATES = list(HealthState)
FRESH, GAP, CROSSED, DEGRADED, MUTE, HALTED = (
    _STATES.index(state)
    for state in (
        HealthState.FRESH,
        HealthState.GAP,
        HealthState.CROSSED,
        HealthState.DEGRADED,
        HealthState.MUTE,
        HealthState.HALTED,
    )
)
_TRADE, _CANCEL, _QUOTE, _STATUS = (int(kind) for kind in Kind)
_CONDITION_HALTED, _CONDITION_RESUMED = int(Condition.HALTED), int(Condition.RESUMED)
_DAY_BITS = 32


@njit(cache=True, nogil=True, error_model="numpy")
def report(memory, which, at, cause, measured, limit, news, count):  # type: ignore[no-untyped-def]
    """Note the instrument's state where it is another than was said last; return how many news there are now."""
    conditions = memory["conditions"][which]
    state = 0
    while conditions > 1:
        conditions >>= 1
        state += 1
    if memory["reported"][which] == state:
        return count
    memory["reported"][which] = state
    memory["number"][which] += 1
    news["at"][count], news["number"][count] = at, memory["number"][which]
    news["measured"][count], news["limit"][count] = measured, limit
    news["instrument"][count], news["state"][count], news["cause"][count] = which, state, cause
    return count + 1


@njit(cache=True, nogil=True, error_model="numpy")
def _rewind(memory, which):  # type: ignore[no-untyped-def]
    """Set when the first timer of an instrument is due."""
    memory["next_at"][which] = min(
        memory["mute_at"][which],
        memory["crossed_at"][which],
        memory["clear_at"][which],
        memory["bucket_at"][which],
    )


@njit(cache=True, nogil=True, error_model="numpy")
def _end_bucket(memory, which, at, rules, news, count):  # type: ignore[no-untyped-def]
    """Weigh the rows of the last buckets against those refused, and begin the next bucket."""
    good, bad = memory["good"][which], memory["bad"][which]
    refused = 0
    whole = 0
    for place in range(BUCKETS):
        refused += bad[place]
        whole += bad[place] + good[place]
    degraded = refused >= rules.refused_min and refused > rules.refused_share * whole
    if degraded != ((memory["conditions"][which] >> DEGRADED) & 1):
        memory["conditions"][which] ^= 1 << DEGRADED
        share = refused / max(whole, 1)
        count = report(memory, which, at, DEGRADED, share, rules.refused_share, news, count)
    place = (memory["place"][which] + 1) % BUCKETS
    memory["place"][which] = place
    good[place] = bad[place] = 0
    memory["bucket_at"][which] = at + rules.bucket if whole > 0 else NONE
    return count


@njit(cache=True, nogil=True, error_model="numpy")
def pass_time(memory, which, until, rules, news, count):  # type: ignore[no-untyped-def]
    """Carry out the timers of an instrument that are due before `until` (ns UTC), in order of their instants."""
    while memory["next_at"][which] < until:
        at = memory["next_at"][which]
        if at == memory["bucket_at"][which]:
            count = _end_bucket(memory, which, at, rules, news, count)
        elif at == memory["clear_at"][which]:
            memory["clear_at"][which] = NONE
            memory["conditions"][which] &= ~(1 << GAP)
            count = report(memory, which, at, GAP, 0.0, 0.0, news, count)
        elif at == memory["crossed_at"][which]:
            memory["crossed_at"][which] = NONE
            memory["conditions"][which] |= 1 << CROSSED
            limit = rules.crossed_max / SECOND
            count = report(memory, which, at, CROSSED, limit, limit, news, count)
        else:
            memory["mute_at"][which] = NONE
            memory["conditions"][which] |= 1 << MUTE
            silence = (at - memory["last_at"][which]) / SECOND
            count = report(memory, which, at, MUTE, silence, silence, news, count)
        _rewind(memory, which)
    return count


@njit(cache=True, nogil=True, error_model="numpy")
def begin_session(memory, begins_at, ends_at, open_now, rules):  # type: ignore[no-untyped-def]
    """Set the timer of every instrument for a part of the day from `begins_at` to before `ends_at` (ns UTC).

    Silence counts from its beginning on, and only while it is `open_now`; what is mute stays so until it speaks.
    """
    for which in range(len(memory)):
        memory["mute_at"][which] = NONE
        if open_now and not (memory["conditions"][which] >> MUTE) & 1:
            _set_silence(memory, which, max(begins_at, memory["last_at"][which]), ends_at, rules)
        _rewind(memory, which)


@njit(cache=True, nogil=True, error_model="numpy")
def _set_silence(memory, which, since, ends_at, rules):  # type: ignore[no-untyped-def]
    """Set the timer at which an instrument that goes on being silent is mute; none before it has a rhythm."""
    memory["mute_at"][which] = NONE
    if memory["rows"][which] < WARM_UP_ROWS:
        return
    due_at = since + _allowed(memory, which, rules)
    if due_at < ends_at:
        memory["mute_at"][which] = due_at


@njit(cache=True, nogil=True, error_model="numpy")
def _allowed(memory, which, rules):  # type: ignore[no-untyped-def]
    """Return for how long an instrument may be silent (ns)."""
    longest = max(memory["longest"][which], memory["longest_before"][which])
    allowed = max(rules.silence_multiple * longest, MEDIAN_GAPS * memory["median"][which])
    return max(np.int64(allowed), rules.silence_min)


@njit(cache=True, nogil=True, error_model="numpy")
def _learn(memory, which, gap, was_mute, rules):  # type: ignore[no-untyped-def]
    """Take a gap between two rows into the rhythm of an instrument.

    A silence that was called mute counts for no more than doubles what is allowed: it may be a fault, or the rhythm
    may have slowed.
    """
    if was_mute:
        gap = min(gap, 2 * _allowed(memory, which, rules) // rules.silence_multiple)
    if memory["rows"][which] % RECENT == 0:
        memory["longest_before"][which] = memory["longest"][which]
        memory["longest"][which] = 0
    memory["longest"][which] = max(memory["longest"][which], gap)
    median = memory["median"][which]
    if median == 0.0:
        memory["median"][which] = gap
    else:
        memory["median"][which] = median * (1.0 + MEDIAN_STEP if gap > median else 1.0 - MEDIAN_STEP)


@njit(cache=True, nogil=True, error_model="numpy")
def _refuse(memory, which, at, rules, news, count):  # type: ignore[no-untyped-def]
    """Count a refused row, known at an instant (ns UTC); a bucket ends at a multiple of its length."""
    if memory["next_at"][which] < at:
        count = pass_time(memory, which, at, rules, news, count)
    memory["bad"][which, memory["place"][which]] += 1
    if memory["bucket_at"][which] == NONE:
        memory["bucket_at"][which] = (at // rules.bucket + 1) * rules.bucket
        _rewind(memory, which)
    return count


@njit(cache=True, nogil=True, error_model="numpy")
def pass_all(memory, until, rules, news, count):  # type: ignore[no-untyped-def]
    """Carry out the timers of all instruments that are due before `until` (ns UTC)."""
    next_at = memory["next_at"]
    for which in range(len(memory)):
        if next_at[which] < until:
            count = pass_time(memory, which, until, rules, news, count)
    return count


@njit(cache=True, nogil=True, error_model="numpy")
def _cross(memory, which, at, crossed, conditions, rules):  # type: ignore[no-untyped-def]
    """Set the timer of a market that has begun to be crossed; return the conditions after one that is so no longer."""
    if crossed:
        if memory["crossed_at"][which] == NONE and not (conditions >> CROSSED) & 1:
            memory["crossed_at"][which] = at + rules.crossed_max
        return conditions
    memory["crossed_at"][which] = NONE
    return conditions & ~(1 << CROSSED)


@njit(cache=True, nogil=True, error_model="numpy")
def _missed(memory, which, kind, sequence):  # type: ignore[no-untyped-def]
    """Return how many numbers are missing before a row, within its day; remember its own."""
    last = memory["sequence"][which, kind]
    memory["sequence"][which, kind] = sequence
    if last > 0 and sequence > last + 1 and sequence >> _DAY_BITS == last >> _DAY_BITS:
        return sequence - last - 1
    return 0


@njit(cache=True, nogil=True, error_model="numpy")
def watch(  # type: ignore[no-untyped-def]
    known_at,
    instrument,
    kind,
    conditions,
    sequence,
    best_bid,
    best_ask,
    refused_at,
    refused_of,
    begins_at,
    ends_at,
    open_now,
    rules,
    memory,
    news,
    count,
):
    """Take rows of one part of the day, and those refused in it, into the health of their instruments.

    Returns how many news there are now.
    """
    refused = 0
    for row in range(len(known_at)):
        which, what, at = np.int64(instrument[row]), kind[row], known_at[row]
        while refused < len(refused_at) and refused_at[refused] <= at:
            count = _refuse(memory, refused_of[refused], refused_at[refused], rules, news, count)
            refused += 1
        if memory["next_at"][which] < at:
            count = pass_time(memory, which, at, rules, news, count)
        before = memory["conditions"][which]
        now, cause, measured = before & ~(1 << MUTE), MUTE, 0.0
        if what == _STATUS:
            if conditions[row] & (_CONDITION_HALTED | _CONDITION_RESUMED):
                halted = conditions[row] & _CONDITION_HALTED != 0
                now, cause = (now | 1 << HALTED if halted else now & ~(1 << HALTED)), HALTED
        elif what == _QUOTE:
            crossed = _cross(memory, which, at, best_bid[row] > best_ask[row], now, rules)
            if crossed != now:
                now, cause = crossed, CROSSED
        if rules.dense:
            measured = np.float64(_missed(memory, which, what, sequence[row]))
            if measured > 0:
                now, cause = now | 1 << GAP, GAP
                memory["clear_at"][which] = at + rules.gap_clears
        if memory["rows"][which] > 0 and open_now and memory["last_at"][which] >= begins_at:
            was_mute = (before >> MUTE) & 1 != 0
            _learn(memory, which, at - memory["last_at"][which], was_mute, rules)
        memory["rows"][which] += 1
        memory["last_at"][which] = at
        memory["good"][which, memory["place"][which]] += 1
        if memory["bucket_at"][which] == NONE:
            memory["bucket_at"][which] = (at // rules.bucket + 1) * rules.bucket
        if open_now:
            _set_silence(memory, which, at, ends_at, rules)
        _rewind(memory, which)
        if memory["reported"][which] < 0 and now == 0:
            cause = FRESH
        if now != before or memory["reported"][which] < 0:
            memory["conditions"][which] = now
            count = report(memory, which, at, cause, measured, 0.0, news, count)
    while refused < len(refused_at):
        count = _refuse(memory, refused_of[refused], refused_at[refused], rules, news, count)
        refused += 1
    return count
