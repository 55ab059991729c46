"""The quality rules measured: faults of each kind put into real days by a seed, and which of them are found.

    python -m benchmarks.quality [DATA] [--seed 7] [--seeds 3] [--faults 100] [--half tuning|held-out] [--quick]

`DATA` holds `equity_ticks`, `fx_quotes` and `crypto_ws_l2`; without it (or with --quick) a simulated day is measured,
and the table says so. Each rule has a run of its own: the clean day with one kind of fault, through the stages of the
desk. Recall is the share of faults with an alarm of the rule at the fault; precision the share of the rule's alarms
that are at a fault, those of the clean day counted against it; the last column is the alarms that the rule raises on
the clean day, per 10,000 rows. Stretches in which a clean day's own quotes stand crossed for more than a second, found
by a plain scan, are no false alarms: they are counted under the table, and left out of it.

The rules' numbers are chosen on the tuning half alone: the first day of several, or the first half of a day. The other
half is held out. Every number of faults is over `--seeds` seeds from `--seed` on.
"""

import argparse
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import numpy as np

from benchmarks.quality_days import (
    HELD_OUT,
    TUNING,
    Day,
    crypto_days,
    halves,
    lean_days,
    own_crossings,
    simulated_days,
)
from benchmarks.quality_faults import FAULTS, Fault, Faulty, feeds
from domain.health import HealthState
from domain.market import END, MarketBatch, Quality, empty_ticks, row_count, select
from features.agreement import AGREEMENT, AgreementRules, compare_feeds
from features.quality import RULES, RowRules
from operators.best_quotes import BestQuotes, BestQuotesParams
from operators.normalise import Normalise, NormaliseParams
from operators.quality import HealthRules, QualityParams
from operators.quality import Quality as QualityStage

DATA = Path(__file__).resolve().parents[2] / "shared" / "data"
BATCH_ROWS = 65_536
REFUSED = {"price_jump": "scale", "duplicate": "duplicate", "trade_while_halted": "halted"}
HEALTH = {HealthState.GAP: "gap", HealthState.CROSSED: "crossed", HealthState.MUTE: "stale"}
FLAGS = {
    int(flag): name
    for name, flag in {
        "outlier": Quality.OUTLIER,
        "scale": Quality.SCALE,
        "spread": Quality.WIDE_SPREAD,
        "regression": Quality.REGRESSING,
        "volume": Quality.VOLUME_SPIKE,
        "tick": Quality.OFF_TICK,
    }.items()
}


class Alarm(NamedTuple):
    """A rule spoke of an instrument at an instant (ns UTC)."""

    rule: str
    instrument: str
    at: int


class Line(NamedTuple):
    """What a rule came to on a day."""

    rule: str
    day: str
    half: str
    faults: int
    found: int
    alarms: int
    right: int
    clean_alarms: int
    rows: int

    def cells(self) -> tuple[str, ...]:
        """Return the cells of the table."""
        return (
            f"{RULES[self.rule].rule_id} {self.rule}",
            self.day,
            self.half,
            f"{self.faults}",
            f"{self.found / self.faults:.1%}" if self.faults else "-",
            f"{self.right / self.alarms:.1%}" if self.alarms else "-",
            f"{self.clean_alarms}",
            f"{self.clean_alarms / self.rows * 10_000:.3f}",
        )


def alarms_of(day: Day) -> list[Alarm]:
    """Run a day through the stages, and return what the rules say."""
    count = len(day.names)
    normalise = Normalise(NormaliseParams(day.names, "test", day.tick_sizes, day.sessions))
    quotes = BestQuotes(BestQuotesParams(count, day.sessions, consolidated=day.consolidated))
    rules = HealthRules(dense=day.dense)
    params = QualityParams(
        day.names, "test", day.sessions, int(day.ticks.known_at[-1]) + 1, rules, day.tick_sizes, RowRules()
    )
    quality = QualityStage(params)
    states = normalise.fresh(), quotes.fresh(), quality.fresh()
    found: list[Alarm] = []
    for batch in _batches(day):
        for normal in normalise.step(states[0], batch):
            for quoted in quotes.step(states[1], normal):
                for watched in quality.step(states[2], quoted):
                    found += _said(watched, day)
    return found


def _batches(day: Day) -> Iterator[MarketBatch]:
    for start in range(0, row_count(day.ticks), BATCH_ROWS):
        ticks = select(day.ticks, slice(start, start + BATCH_ROWS))
        yield MarketBatch(int(ticks.known_at[-1]), ticks)
    yield MarketBatch(END, empty_ticks())


def _said(batch: MarketBatch, day: Day) -> Iterator[Alarm]:
    for health in batch.health:
        if health.state in HEALTH:
            yield Alarm(HEALTH[health.state], health.instrument, health.known_at)
    for row in batch.malformed:
        if row.reason in REFUSED:
            yield Alarm(REFUSED[row.reason], row.place.rsplit(":", 2)[0], row.known_at)
    flags = batch.ticks.flags
    if flags is None:
        return
    for flag, rule in FLAGS.items():
        for place in np.flatnonzero(flags & np.uint32(flag)):
            which, at = batch.ticks.instrument[place], batch.ticks.known_at[place]
            yield Alarm(rule, day.names[int(which)], int(at))


def line_of(rule: str, day: Day, faulty: Faulty, clean: list[Alarm]) -> Line:
    """Return what a rule came to on a day with faults."""
    own = [Fault(*one) for one in own_crossings(day)] if rule == "crossed" else []
    raised = [
        alarm for alarm in alarms_of(day._replace(ticks=faulty.ticks, dense=day.dense)) if alarm.rule == rule
    ]
    raised = [alarm for alarm in raised if not _is_at(own, alarm) or _is_at(faulty.faults, alarm)]
    found, right = _matched(faulty.faults, raised)
    already = sum(alarm.rule == rule and not _is_at(own, alarm) for alarm in clean)
    return Line(
        rule, day.name, day.half, len(faulty.faults), found, len(raised), right, already, row_count(day.ticks)
    )


def _is_at(faults: list[Fault], alarm: Alarm) -> bool:
    return any(
        fault.instrument == alarm.instrument and fault.from_at <= alarm.at <= fault.to_at for fault in faults
    )


def _matched(faults: list[Fault], raised: list[Alarm]) -> tuple[int, int]:
    """Return how many faults have an alarm, and how many alarms are at a fault."""
    found, right = set(), 0
    by_name: dict[str, list[tuple[int, Fault]]] = {}
    for number, fault in enumerate(faults):
        by_name.setdefault(fault.instrument, []).append((number, fault))
    for alarm in raised:
        at = [
            number
            for number, fault in by_name.get(alarm.instrument, [])
            if fault.from_at <= alarm.at <= fault.to_at
        ]
        found.update(at)
        right += bool(at)
    return len(found), right


def disagreement(day: Day, seed: int, faults: int) -> Line | None:
    """Return what the comparison of two feeds came to: the day's own quotes, and the same a moment later with noise."""
    made = feeds(np.random.default_rng([seed, 9]), day, faults)
    if made is None:
        return None
    raised = []
    for columns in (made.clean, made.faulty):
        apart = np.zeros(len(columns.known_at), np.uint8)
        memory = np.zeros(1, AGREEMENT)
        compare_feeds(*columns, AgreementRules(), memory, apart)
        begins = np.flatnonzero(np.diff(apart.astype(np.int8), prepend=0) == 1)
        raised.append([Alarm("disagreement", made.instrument, int(columns.known_at[row])) for row in begins])
    found, right = _matched(made.faults, raised[1])
    rows = len(made.clean.known_at)
    return Line(
        "disagreement",
        day.name,
        day.half,
        len(made.faults),
        found,
        len(raised[1]),
        right,
        len(raised[0]),
        rows,
    )


def added(lines: list[Line]) -> list[Line]:
    """Return a line for each rule, day and half: counts of several seeds added, those of the clean day as they are."""
    made: dict[tuple[str, str, str], Line] = {}
    for line in lines:
        before = made.get(
            (line.rule, line.day, line.half), line._replace(faults=0, found=0, alarms=0, right=0)
        )
        made[line.rule, line.day, line.half] = line._replace(
            faults=before.faults + line.faults,
            found=before.found + line.found,
            alarms=before.alarms + line.alarms,
            right=before.right + line.right,
        )
    return list(made.values())


def measure(day: Day, seed: int, faults: int) -> list[Line]:
    """Return the lines of a day, one for each rule that its rows can break."""
    clean = alarms_of(day)
    lines = []
    for number, (rule, put) in enumerate(FAULTS.items()):
        faulty = put(np.random.default_rng([seed, number]), day, faults)
        if faulty is not None and faulty.faults:
            lines.append(line_of(rule, day, faulty, clean))
    compared = disagreement(day, seed, faults)
    return lines + ([compared] if compared is not None else [])


def table(lines: list[Line]) -> str:
    """Return the lines as a table in Markdown, with a last line over all rules for each day."""
    heads = (
        "rule",
        "day",
        "half",
        "faults",
        "recall",
        "precision",
        "alarms on the clean day",
        "per 10,000 rows",
    )
    rows = [heads, ("---",) * len(heads)]
    rows += [
        line.cells()
        for line in sorted(lines, key=lambda line: (RULES[line.rule].rule_id, line.day, line.half))
    ]
    return "\n".join(f"| {' | '.join(row)} |" for row in rows)


def days_of(data: Path, *, quick: bool) -> list[Day]:
    """Return the clean days."""
    if quick or not data.is_dir():
        return simulated_days()
    return [*lean_days(data), *crypto_days(data)]


def main(words: list[str]) -> int:
    """Measure, and print the table."""
    parser = argparse.ArgumentParser(prog="quality", description=__doc__.partition("\n")[0])
    parser.add_argument("data", nargs="?", type=Path, default=DATA, metavar="DATA")
    parser.add_argument("--seed", type=int, default=7)
    parser.add_argument("--faults", type=int, default=100, help="faults of each kind and day")
    parser.add_argument("--seeds", type=int, default=3, help="seeds whose faults are added up")
    parser.add_argument("--half", choices=("tuning", "held-out"), help="one half alone")
    parser.add_argument("--quick", action="store_true", help="a simulated day")
    options = parser.parse_args(words)
    if min(options.faults, options.seeds) < 1:
        parser.error(f"--faults and --seeds are at least 1; {options.faults} and {options.seeds} were given")
    wanted = {"tuning": TUNING, "held-out": HELD_OUT}.get(options.half)
    days = [half for day in days_of(options.data, quick=options.quick) for half in halves(day)]
    lines: list[Line] = []
    for day in days:
        if wanted in (None, day.half):
            for seed in range(options.seed, options.seed + (1 if options.quick else options.seeds)):
                lines += measure(day, seed, options.faults)
    print(table(added(lines)))
    for day in days:
        if (crossed := own_crossings(day)) and wanted in (None, day.half):
            print(
                f"\n{day.name}, {day.half}: its own quotes are crossed for over a second {len(crossed)} times"
            )
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
