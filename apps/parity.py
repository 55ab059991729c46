"""Two runs compared topic by topic and record by record: what is the same, what is not, and where it begins."""

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import polars as pl

from apps.parity_causes import Cause, Causes, Input, Made
from apps.provenance import provenance
from apps.run_folder import MANIFEST, RunFolderError
from connectors.lake.digest import counts, digests
from connectors.lake.names import files_of
from connectors.lake.schemas import DECISIONS, HEALTH, MARKET, TOTAL_ORDER
from domain.market import Int64

NAMES_THE_RUN = ("received_at", "record_id")
"""Fields that no two runs need to share: the machine's clock, and a name that follows from the rest."""
FLOW = (
    *list(MARKET)[:5],
    HEALTH,
    *list(MARKET)[5:],
    "risk.controls",
    *DECISIONS,
)
"""Topics in the order in which the desk makes them."""
TICKS = {"market.trades": "raw.trades", "market.quotes": "raw.quotes"}
RECEIVED = (
    "event_at",
    "known_at",
    "kind",
    "instrument",
    "source",
    "price",
    "size",
    "venue",
    "conditions",
    "reference",
)
RECEIVED_QUOTES = ("bid", "bid_size", "ask", "ask_size")
FIELDS_TOLD = 8
_PLACE, _LEFT, _RIGHT, _APART, _KNOWN = "__place", "__left", "__right", "__apart", "__known"
_WHOSE = "__whose"


class First(NamedTuple):
    """Where two runs part in a topic: when it was known (ns UTC), whose it is, how they differ, and in which values."""

    known_at: int
    event_at: int
    instrument: str
    what: str
    fields: dict[str, tuple[Any, Any]]


class TopicParity(NamedTuple):
    """What was found in one topic; `known_at` are the instants (ns UTC) of all differences by cause, sorted."""

    topic: str
    rows: tuple[int, int]
    equal: int
    different: int
    only: tuple[int, int]
    first: First | None
    cause: Cause | None
    known_at: dict[str, Int64]


class Parity(NamedTuple):
    """Two runs compared: topics in the order of the flow, and topics that only one of them keeps.

    `planted` is everything that is another in what they received and were made by, whether or not it came first in any
    topic: (cause, what it is).
    """

    runs: tuple[Path, Path]
    topics: tuple[TopicParity, ...]
    kept_by_one: tuple[tuple[str, str], ...]
    made: tuple[Made, Made]
    planted: tuple[tuple[str, str], ...] = ()

    @property
    def same(self) -> bool:
        """Return whether every topic that was compared holds the same."""
        return all(topic.first is None for topic in self.topics)


def compared(left: Path, right: Path) -> Parity:
    """Compare two runs' output folders (or lake folders); raises RunFolderError where one of them holds no lake."""
    lakes = _lake_of(left), _lake_of(right)
    told = digests(lakes[0]), digests(lakes[1])
    names = _ordered({*told[0], *told[1]})
    one_sided = tuple(
        (topic, "A" if topic in told[0] else "B")
        for topic in names
        if topic.startswith("raw.") and (topic in told[0]) != (topic in told[1])
    )
    made = Made.of(left, provenance(left)), Made.of(right, provenance(right))
    causes, held = Causes(made, tuple(_inputs(lakes, told))), counts(lakes[0])
    topics = tuple(
        _same(topic, held[topic])
        if told[0].get(topic) == told[1].get(topic)
        else _topic(lakes, topic, causes)
        for topic in names
        if topic not in dict(one_sided)
    )
    return Parity((left, right), topics, one_sided, made, tuple(causes.planted()))


def _lake_of(run: Path) -> Path:
    if (run / "lake").is_dir():
        return run / "lake"
    if not (run / MANIFEST).exists() and any(run.glob("*/date=*")):
        return run
    what = "holds no lake" if run.is_dir() else "does not exist"
    raise RunFolderError(
        f"{run} {what}; give the output folder of a run, made by `ita replay SOURCE --out {run}`"
    )


def _ordered(topics: set[str]) -> list[str]:
    places = {topic: place for place, topic in enumerate(FLOW)}
    return sorted(
        topics, key=lambda topic: (places.get(topic, 3.5 if topic.startswith("quarantine.") else 99), topic)
    )


def _days(lakes: tuple[Path, Path], topic: str) -> list[str]:
    return sorted({path.parent.name for lake in lakes for path in files_of(lake, topic)})


def _rows(lake: Path, topic: str, day: str, columns: Sequence[str] | None = None) -> pl.DataFrame:
    files = [path for path in files_of(lake, topic) if path.parent.name == day]
    if not files:
        return pl.DataFrame()
    whole = pl.concat(
        [pl.scan_parquet(file, hive_partitioning=False) for file in files], how="diagonal_relaxed"
    )
    there = whole.collect_schema().names()
    kept = [name for name in (columns or there) if name in there]
    plain = whole.select(kept).with_columns(
        pl.col(pl.Categorical).cast(pl.String), pl.col(pl.Datetime).cast(pl.Int64)
    )
    return plain.collect()


def _same(topic: str, rows: int) -> TopicParity:
    return TopicParity(topic, (rows, rows), rows, 0, (0, 0), None, None, {})


def _topic(lakes: tuple[Path, Path], topic: str, causes: Causes) -> TopicParity:
    heights, equal, different, only = [0, 0], 0, 0, [0, 0]
    first: First | None = None
    instants, whose = [np.empty(0, np.int64)], list[str]()
    for day in _days(lakes, topic):
        pairs = _paired(_rows(lakes[0], topic, day), _rows(lakes[1], topic, day))
        heights[0] += pairs.left
        heights[1] += pairs.right
        equal += pairs.equal
        different += pairs.different
        only[0] += pairs.only[0]
        only[1] += pairs.only[1]
        instants.append(pairs.known_at)
        whose += pairs.whose
        if pairs.first is not None and (first is None or pairs.first.known_at < first.known_at):
            first = pairs.first
    cause = causes.of(topic, first.known_at, first.instrument) if first else None
    known_at = causes.counted(topic, np.concatenate(instants), whose)
    return TopicParity(
        topic, (heights[0], heights[1]), equal, different, (only[0], only[1]), first, cause, known_at
    )


class _Pairs(NamedTuple):
    left: int
    right: int
    equal: int
    different: int
    only: tuple[int, int]
    first: First | None
    known_at: Int64
    whose: list[str]


def _paired(left: pl.DataFrame, right: pl.DataFrame, ignored: Sequence[str] = ()) -> _Pairs:
    """Pair the rows of a day by what they are about, and count those whose values differ, but for the ignored ones."""
    if not left.width or not right.width:
        return _one_sided(left, right)
    shared = [name for name in left.columns if name in right.columns]
    keys = [name for name in TOTAL_ORDER if name in shared and name not in {"record_id", "sequence"}]
    values = [name for name in sorted({*left.columns, *right.columns}) if name not in {*keys, *NAMES_THE_RUN}]
    one = _placed(left, keys, values).with_columns(pl.lit(value=True).alias(_LEFT))
    other = _placed(right, keys, values).with_columns(pl.lit(value=True).alias(_RIGHT))
    joined = one.join(other, on=[*keys, _PLACE], how="full", coalesce=True, suffix=_RIGHT, nulls_equal=True)
    apart = [pl.col(name).ne_missing(pl.col(f"{name}{_RIGHT}")) for name in values if name not in ignored]
    joined = joined.with_columns(
        pl.any_horizontal(pl.col(_LEFT).is_null(), pl.col(_RIGHT).is_null(), *apart).alias(_APART),
        pl.min_horizontal("known_at", f"known_at{_RIGHT}").alias(_KNOWN),
    )
    parted = joined.filter(_APART).sort([_KNOWN, *keys], nulls_last=True, maintain_order=True)
    only = int(parted[_RIGHT].null_count()), int(parted[_LEFT].null_count())
    equal, different = joined.height - parted.height, parted.height - sum(only)
    first = (
        _first(parted.row(0, named=True), [name for name in values if name not in ignored])
        if parted.height
        else None
    )
    known_at, whose = parted[_KNOWN].to_numpy(), _all_whose(parted)
    return _Pairs(left.height, right.height, equal, different, only, first, known_at, whose)


def _one_sided(left: pl.DataFrame, right: pl.DataFrame) -> _Pairs:
    """Return the pairs of a day that only one run has."""
    side = (left if left.width else right).sort("known_at", maintain_order=True)
    first = None
    if side.height:
        row = side.row(0, named=True)
        where = "only in A" if left.width else "only in B"
        first = First(row["known_at"], row["event_at"], _whose(row), where, {})
    only = (left.height, right.height)
    known_at, whose = side["known_at"].to_numpy(), _all_whose(side)
    return _Pairs(left.height, right.height, 0, 0, only, first, known_at, whose)


def _placed(rows: pl.DataFrame, keys: list[str], values: list[str]) -> pl.DataFrame:
    """Return rows with values that compare, and the place of each among those of one key."""
    lacking = [pl.lit(None).alias(name) for name in values if name not in rows.columns]
    ordered = rows.with_columns(lacking).sort(
        [name for name in TOTAL_ORDER if name in rows.columns], maintain_order=True
    )
    nested = [name for name, kind in ordered.schema.items() if kind.is_nested()]
    plain = ordered.with_columns(
        [pl.col(name).map_elements(_words, return_dtype=pl.String) for name in nested if name in values]
    )
    return plain.with_columns(pl.int_range(pl.len()).over(keys).alias(_PLACE)).select(*keys, _PLACE, *values)


def _first(row: dict[str, Any], values: Sequence[str]) -> First:
    """Return what a pair that is not one, or not equal, tells."""
    if not row[_LEFT] or not row[_RIGHT]:
        return First(row[_KNOWN], row["event_at"], _whose(row), f"only in {'A' if row[_LEFT] else 'B'}", {})
    both = {name: (row[name], row[f"{name}{_RIGHT}"]) for name in values}
    fields = {name: (one, other) for name, (one, other) in both.items() if repr(one) != repr(other)}
    return First(
        row[_KNOWN], row["event_at"], _whose(row), "different", dict(list(fields.items())[:FIELDS_TOLD])
    )


def _words(nested: Any) -> str:
    """Return a list or a part of a record as text that compares."""
    return repr(nested.to_list() if isinstance(nested, pl.Series) else nested)


def _whose(row: dict[str, Any]) -> str:
    return str(row.get("instrument") or row.get("Symbol") or "")


def _all_whose(rows: pl.DataFrame) -> list[str]:
    """Return the instrument that each row is about, of either run; empty where it is about none."""
    names = ("instrument", "Symbol", f"instrument{_RIGHT}", f"Symbol{_RIGHT}")
    there = [pl.col(name).cast(pl.String) for name in names if name in rows.columns]
    return rows.with_columns(pl.coalesce(*there, pl.lit("")).alias(_WHOSE))[_WHOSE].to_list()


def _inputs(lakes: tuple[Path, Path], told: tuple[dict[str, str], dict[str, str]]) -> Iterator[Input]:
    """Yield how what was received differs: rows of one run alone, with other values, or received at another time.

    Where both runs keep what they received as it came, that is compared; else what the desk kept of it.
    """
    for topic, raw in TICKS.items():
        name = raw if raw in told[0] and raw in told[1] else topic
        if told[0].get(name) == told[1].get(name):
            continue
        columns = (*RECEIVED, *RECEIVED_QUOTES, "sequence")
        for day in _days(lakes, name):
            left, right = (_rows(lake, name, day, columns) for lake in lakes)
            yield from _received(left, right, name)
    if told[0].get("risk.controls") != told[1].get("risk.controls"):
        for day in _days(lakes, "risk.controls"):
            pairs = _paired(_rows(lakes[0], "risk.controls", day), _rows(lakes[1], "risk.controls", day))
            if pairs.first:
                yield Input(pairs.first.known_at, "", "input", f"command of risk.controls {pairs.first.what}")
    references = [lake / "reference.json" for lake in lakes]
    texts = [path.read_text() if path.exists() else "" for path in references]
    if texts[0] != texts[1]:
        yield Input(0, "", "input", "reference.json, what the sources say of their instruments")


def _received(left: pl.DataFrame, right: pl.DataFrame, topic: str) -> Iterator[Input]:
    """Yield the first difference of each instrument in what was received on a day, and the first of its times."""
    if not left.width or not right.width:
        side = left if left.width else right
        where = "A" if left.width else "B"
        for instrument, first in (
            side.group_by("instrument").agg(pl.col("known_at").min()).sort("instrument").rows()
        ):
            yield Input(
                first, instrument, "input", f"{topic} of a day only in {where}", topic.startswith("raw.")
            )
        return
    for instrument in sorted({*left["instrument"].unique(), *right["instrument"].unique()}):
        mine, theirs = (rows.filter(pl.col("instrument") == instrument) for rows in (left, right))
        content = _paired(mine, theirs, ignored=("known_at", "sequence")).first
        if content is not None:
            words = f" in {', '.join(content.fields)}" if content.fields else ""
            sure = bool(content.fields) or topic.startswith("raw.")
            yield Input(content.known_at, instrument, "input", f"{topic}: {content.what}{words}", sure)
        arrival = _paired(mine, theirs, ignored=("sequence",)).first
        if arrival is not None and (content is None or arrival.known_at < content.known_at):
            yield Input(
                arrival.known_at, instrument, "late data", f"{topic}: the same row, received at another time"
            )
