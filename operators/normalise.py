"""Normalise and first quality: is this row fit to be counted, and what must be said of it?

Key     shard
In      MarketBatch with ticks as they were received
Out     MarketBatch with the good rows, `flags` set, and each refused row in `malformed` with its reason
State   per instrument: last event time and last sequence by kind of row, last good price, price under suspicion,
        halted; corporate actions to come
Time    the row's own; a row that happened before an earlier one of its instrument and kind is flagged as regressing
Silence never: rows in = rows out + rows refused, checked for every batch
"""

from dataclasses import dataclass

import msgspec
import numpy as np
from numba import njit
from numpy.typing import NDArray

from domain.action_records import ActionRecord, step_of
from domain.instruments import Split
from domain.market import (
    Condition,
    Kind,
    Malformed,
    MarketBatch,
    Quality,
    Session,
    Ticks,
    complete_ticks,
    row_count,
    select,
)
from domain.sessions import SessionTable
from operators.agenda import PRICED, Agenda, heard, stretches
from operators.stage import Stage

LIVES = PRICED
REASONS = (
    "good",
    "not_finite",
    "not_positive",
    "known_before_it_happened",
    "duplicate",
    "price_jump",
    "trade_while_halted",
    "nothing_quoted",
)
MEMORY = np.dtype(
    [
        ("event_at", np.int64, (4,)),
        ("sequence", np.int64, (4,)),
        ("price", np.float64),
        ("suspect", np.float64),
        ("suspect_count", np.int32),
        ("halted", np.int32),
    ],
    align=True,
)
_NOT_FINITE, _NOT_POSITIVE, _BEFORE, _DUPLICATE, _JUMP, _HALTED, _NOTHING = range(1, 8)
_TRADE, _CANCEL, _QUOTE, _STATUS = (int(kind) for kind in Kind)
_FLAG_REGRESSING, _FLAG_OFF_TICK = int(Quality.REGRESSING), int(Quality.OFF_TICK)
_FLAG_OUT_OF_SESSION, _FLAG_CROSSED = int(Quality.OUT_OF_SESSION), int(Quality.CROSSED)
_FLAG_SUSPICIOUS, _FLAG_HALTED = int(Quality.SUSPICIOUS), int(Quality.HALTED)
_CONDITION_HALTED, _CONDITION_RESUMED = int(Condition.HALTED), int(Condition.RESUMED)
_MOVES = int(Condition.MOVES_OPEN_CLOSE | Condition.MOVES_HIGH_LOW)
_CLOSED = int(Session.CLOSED)


class RowsLost(RuntimeError):
    """A batch came out with another number of rows than went in: the conservation invariant is broken."""


@dataclass(frozen=True)
class NormaliseParams:
    """What is normal.

    `jump_max` is the fraction by which a trade may leave the last good price of its instrument. After
    `jump_confirmations` refused trades in a row that agree with each other within that fraction, the next one that
    agrees is believed and flagged as suspicious. `tick_sizes` in the instruments' currency, in index order.
    """

    names: tuple[str, ...]
    source: str
    tick_sizes: NDArray[np.float64]
    sessions: SessionTable | None
    splits: tuple[Split, ...] = ()
    jump_max: float = 0.25
    jump_confirmations: int = 3

    def __post_init__(self) -> None:
        """Refuse a jump that would refuse everything."""
        if not self.jump_max > 0 or self.jump_confirmations < 1:
            raise ValueError(
                f"jump_max is above 0 and jump_confirmations at least 1; {self.jump_max} and "
                f"{self.jump_confirmations} were given"
            )


@dataclass
class NormaliseState:
    """All the memory of one shard.

    In a state of a version that knew of splits alone `agenda` is None, and the first `splits_done` are over.
    """

    instruments: NDArray[np.void]
    splits_done: int = 0
    agenda: Agenda | None = None


def adjust(memory: NDArray[np.void], which: int, action: ActionRecord) -> None:
    """Bring an instrument's last good price, and the one under suspicion, over an action."""
    step = step_of(action, float(memory["price"][which]))
    for name in ("price", "suspect"):
        memory[name][which] /= step.price


def refusal(agenda: Agenda, action: ActionRecord) -> str:
    """Say why an action cannot be carried out any more, in a word; empty where it can."""
    if action.known_at > action.effective_at:
        return "action_known_after_its_effect"
    if any(known.action_id == action.action_id for known in agenda.waiting):
        return "action_id_used_before"
    open_still = {known.action_id for known in agenda.waiting if known.effective_at > action.known_at}
    if action.corrects and action.corrects not in open_still:
        return "action_corrects_nothing_to_come"
    return ""


@njit(cache=True, nogil=True, error_model="numpy")
def _fault(kind, price, size, bid, ask, event_at, known_at):  # type: ignore[no-untyped-def]
    """Return what is wrong with a row by itself; 0 where nothing is."""
    if event_at > known_at:
        return _BEFORE
    if kind == _TRADE:
        if not (np.isfinite(price) and np.isfinite(size)):
            return _NOT_FINITE
        if price <= 0 or size <= 0:
            return _NOT_POSITIVE
    elif kind == _QUOTE:
        if np.isinf(bid) or np.isinf(ask):
            return _NOT_FINITE
        if bid < 0 or ask < 0:
            return _NOT_POSITIVE
        if np.isnan(bid) and np.isnan(ask):
            return _NOTHING
    return 0


@njit(cache=True, nogil=True, error_model="numpy")
def _jumps(memory, which, price, jump_max, confirmations):  # type: ignore[no-untyped-def]
    """Return 0 for a price near the last good one, 1 for one too far from it, 2 for one that its like confirmed."""
    last, suspect, counts = memory["price"], memory["suspect"], memory["suspect_count"]
    if last[which] == 0.0 or abs(price - last[which]) <= jump_max * last[which]:
        counts[which] = 0
        return 0
    if counts[which] > 0 and abs(price - suspect[which]) <= jump_max * suspect[which]:
        counts[which] += 1
    else:
        counts[which] = 1
    suspect[which] = price
    if counts[which] > confirmations:
        counts[which] = 0
        return 2
    return 1


@njit(cache=True, nogil=True, error_model="numpy")
def _off_tick(value, tick):  # type: ignore[no-untyped-def]
    """Say whether a price is no whole number of ticks, to a thousandth of one."""
    steps = value / tick
    return abs(steps - np.rint(steps)) > 1e-3


@njit(cache=True, nogil=True, error_model="numpy")
def judge(  # type: ignore[no-untyped-def]
    event_at,
    known_at,
    instrument,
    kind,
    price,
    size,
    conditions,
    sequence,
    bid,
    ask,
    incoming,
    sessions,
    ticks,
    jump_max,
    confirmations,
    memory,
    flags,
    verdicts,
):
    """Set flags and verdict (an index of REASONS) of every row; return how many are refused."""
    last_at, last_sequence, halted = memory["event_at"], memory["sequence"], memory["halted"]
    last_price = memory["price"]
    refused = 0
    for row in range(len(event_at)):
        which, what = np.int64(instrument[row]), kind[row]
        flag = incoming[row]
        fault = _fault(what, price[row], size[row], bid[row], ask[row], event_at[row], known_at[row])
        if fault == 0 and sequence[row] > 0:
            if sequence[row] <= last_sequence[which, what]:
                fault = _DUPLICATE
            else:
                last_sequence[which, what] = sequence[row]
        if fault == 0 and what == _STATUS:
            if conditions[row] & _CONDITION_HALTED:
                halted[which] = 1
            elif conditions[row] & _CONDITION_RESUMED:
                halted[which] = 0
        if fault == 0 and what == _TRADE:
            if halted[which]:
                fault = _HALTED
            elif conditions[row] & _MOVES:
                jump = _jumps(memory, which, price[row], jump_max, confirmations)
                if jump == 1:
                    fault = _JUMP
                else:
                    last_price[which] = price[row]
                    flag |= _FLAG_SUSPICIOUS if jump == 2 else 0
            if _off_tick(price[row], ticks[which]):
                flag |= _FLAG_OFF_TICK
        elif fault == 0 and what == _QUOTE:
            if bid[row] > 0 and ask[row] > 0 and bid[row] > ask[row]:
                flag |= _FLAG_CROSSED
            if halted[which]:
                flag |= _FLAG_HALTED
            if _off_tick(bid[row], ticks[which]) or _off_tick(ask[row], ticks[which]):
                flag |= _FLAG_OFF_TICK
        if fault == 0:
            if event_at[row] < last_at[which, what]:
                flag |= _FLAG_REGRESSING
            else:
                last_at[which, what] = event_at[row]
            if sessions[row] == _CLOSED:
                flag |= _FLAG_OUT_OF_SESSION
        else:
            refused += 1
        flags[row] = flag
        verdicts[row] = fault
    return refused


class Normalise(Stage[NormaliseState]):
    """Received rows to good rows."""

    def __init__(self, params: NormaliseParams) -> None:
        self.params = params
        self._index = {name: at for at, name in enumerate(params.names)}

    def fresh(self) -> NormaliseState:
        """Return the memory of a shard that has seen nothing."""
        return NormaliseState(np.zeros(len(self.params.names), MEMORY))

    def step(self, state: NormaliseState, item: MarketBatch) -> list[MarketBatch]:
        """Judge a batch; answer with its good rows and the refused ones."""
        item = self._gate(state, item)
        ticks, count = item.ticks, row_count(item.ticks)
        if count == 0:
            return [item]
        flags = np.empty(count, np.uint32)
        verdicts = np.empty(count, np.uint8)
        refused = 0
        assert state.agenda is not None  # noqa: S101  the gate has made it
        for start, stop, actions in stretches(state.agenda, ticks.known_at, self._index):
            for which, action in actions:
                adjust(state.instruments, which, action)
            refused += self._judge(
                state, select(ticks, slice(start, stop)), flags[start:stop], verdicts[start:stop]
            )
        ticks = ticks._replace(flags=flags)
        if not refused:
            return [item._replace(ticks=ticks)]
        good = select(ticks, verdicts == 0)
        entries = tuple(self._entry(ticks, int(row), int(verdicts[row])) for row in np.flatnonzero(verdicts))
        if row_count(good) + len(entries) != count:
            raise RowsLost(
                f"{count} rows came in, {row_count(good)} went out and {len(entries)} were refused"
            )
        return [item._replace(ticks=good, malformed=item.malformed + entries)]

    def _gate(self, state: NormaliseState, item: MarketBatch) -> MarketBatch:
        """Let the corporate actions pass that can still be carried out; the others leave as malformed.

        After this stage every action is known before it takes effect, and what it corrects has not happened.
        """
        state.agenda = heard(state.agenda, (), self.params.splits, state.splits_done)
        refused: list[Malformed] = []
        passed: list[ActionRecord] = []
        for action in item.actions:
            why = refusal(state.agenda, action)
            if why:
                place = f"{action.instrument}:action:{action.action_id}"
                raw = repr(msgspec.to_builtins(action))
                refused.append(Malformed(action.source, place, why, raw, action.known_at))
            else:
                state.agenda.take([action])
                passed.append(action)
        if not item.actions:
            return item
        return item._replace(actions=tuple(passed), malformed=item.malformed + tuple(refused))

    def _judge(
        self, state: NormaliseState, ticks: Ticks, flags: NDArray[np.uint32], verdicts: NDArray[np.uint8]
    ) -> int:
        complete = complete_ticks(
            {name: column for name, column in ticks._asdict().items() if column is not None}
        )
        table = self.params.sessions
        labels = np.ones(len(flags), np.int32) if table is None else table.session(ticks.event_at)
        return int(
            judge(
                complete.event_at,
                complete.known_at,
                complete.instrument,
                complete.kind,
                complete.price,
                complete.size,
                complete.conditions,
                complete.sequence,
                complete.bid,
                complete.ask,
                complete.flags,
                labels,
                self.params.tick_sizes,
                self.params.jump_max,
                self.params.jump_confirmations,
                state.instruments,
                flags,
                verdicts,
            )
        )

    def _entry(self, ticks: Ticks, row: int, verdict: int) -> Malformed:
        name = self.params.names[int(ticks.instrument[row])]
        values = {
            column: values[row].item()
            for column, values in ticks._asdict().items()
            if values is not None and column not in ("instrument", "flags") and not column.startswith("best_")
        }
        place = f"{name}:{values.get('kind', 0)}:{values.get('sequence', 0)}"
        return Malformed(self.params.source, place, REASONS[verdict], repr(values), int(ticks.known_at[row]))
