"""The desk's stages as a flow is given them, and what leaves them for the doors."""

from collections.abc import Iterable, Mapping, Sequence
from operator import itemgetter
from typing import Any, NamedTuple

import msgspec
import numpy as np

from connectors.audit.sink import END_OF_AUDIT, AuditItem
from connectors.feast.codec import END_OF_FEATURES, FeatureItem, rows_of
from connectors.kafka.batches import KafkaItem, Scored
from connectors.kafka.codec import Damaged
from connectors.lake.codec import END_OF_INPUT, MarketCodec, Rows, quarantined
from connectors.lake.lanes import LakeItem, Raw, Records, Refused, TopicEnd
from connectors.lake.schemas import ACTIONS, HEALTH
from connectors.topics.sink import END_OF_TOPIC, EndOfTopic
from domain.envelope import Record
from domain.market import END, FeatureRows, Malformed, MarketBatch, Ordered, row_count
from domain.orders import Progress, Promise
from operators.bars import Bars
from operators.best_quotes import BestQuotes
from operators.built_bars import BuiltBars
from operators.cross_section import CrossSection
from operators.decision_records import Decided
from operators.decisions import Decisions
from operators.feature_rows import FeatureStage
from operators.normalise import Normalise
from operators.paged_state import Pages
from operators.quality import Quality
from operators.quote_bars import QuoteBars
from operators.sequence import Sequence as SequenceStage
from operators.signals import Signals
from operators.stage import UNOBSERVED, Observer
from operators.universe_signals import UniverseSignals
from operators.venue_stage import Answered, VenueStage

BOOK = "book"
UNIVERSE = "universe"
"""The lake's shard of what is said of the universe as a whole."""
JOURNAL = "journal"
AUDIT = "decisions"
"""The writer of the audit log that holds what was decided."""
NOT_AUDITED = frozenset({"positions", "risk.snapshots", "risk.exposures"})
"""What follows from executions and marks, and can be worked out again from them."""
FEATURES = "features"
EXECUTIONS = "oms.executions"
RESTATEMENTS = "oms.restatements"
EXPOSURES = "risk.exposures"
PROGRESS = "execution.progress"
PROMISES = "execution.promises"
BESIDE_JOURNAL = frozenset({HEALTH, ACTIONS, RESTATEMENTS, EXPOSURES})
"""Kept in the lake alone: the journal has no table for them; of exposures there is a row of each scope each minute."""
OF_A_LYING_VENUE = ("oms.requests", "oms.reports", "oms.refusals", "oms.drop_copy")
"""Topics on which only a venue inside the desk that may lie has anything to say."""
UNREADABLE = "quarantine.kafka"
"""The quarantine of messages that the decisions worker could not read."""
NOTES: dict[str, type[msgspec.Struct]] = {PROGRESS: Progress, PROMISES: Promise}
"""Record types of the topics on which desk and venue tell each other how far they are."""


class LineBroken(RuntimeError):
    """Desk or venue said something that the other cannot read."""


class Stages(NamedTuple):
    """Every stage of the desk with its parameters, an observer, and where large states are stored in pages.

    `built` makes bars of named kinds, where configuration names some.
    """

    normalise: Normalise
    best_quotes: BestQuotes
    quality: Quality
    bars: Bars
    quote_bars: QuoteBars
    features: FeatureStage
    signals: Signals
    sequence: SequenceStage
    decisions: Decisions
    venue: VenueStage
    universe: "UniverseStages | None" = None
    observer: Observer = UNOBSERVED
    pages: Pages | None = None
    built: BuiltBars | None = None


class UniverseStages(NamedTuple):
    """The stages that compare instruments, and the feature columns of a batch that they need."""

    shared: tuple[int, ...]
    cross_section: CrossSection
    signals: UniverseSignals


def to_book(item: tuple[str, MarketBatch]) -> tuple[str, tuple[str, MarketBatch]]:
    """Send a shard's batch to the one book."""
    return BOOK, item


def raw_rows(item: tuple[str, MarketBatch]) -> list[tuple[str, LakeItem]]:
    """Return what was received, for the raw topics."""
    shard, batch = item
    return [(shard, Raw(batch.ticks))] if row_count(batch.ticks) else []


def market_rows(item: tuple[str, MarketBatch]) -> list[tuple[str, LakeItem]]:
    """Return what the market stages made of a batch, for the lake."""
    shard, batch = item
    made: list[tuple[str, LakeItem]] = [(shard, batch)]
    if batch.malformed:
        made.append((shard, Refused("market_data", batch.malformed)))
    if batch.health:
        made.append((shard, Records(HEALTH, batch.health)))
    if batch.actions:
        made.append((shard, Records(ACTIONS, batch.actions)))
    if batch.watermark == END:
        made.append((shard, END_OF_INPUT))
    return made


def feature_rows(item: tuple[str, MarketBatch]) -> list[tuple[str, FeatureItem]]:
    """Return a batch's feature rows, and their end, for the feature store."""
    shard, batch = item
    made: list[tuple[str, FeatureItem]] = []
    if batch.features is not None and len(batch.features.bars):
        made.append((shard, batch.features))
    if batch.watermark == END:
        made.append((shard, END_OF_FEATURES))
    return made


class ForBook:
    """Makes of a scored batch what the book needs; `shared` are the feature columns that are compared there, if any."""

    def __init__(self, stages: Stages) -> None:
        self._shared = [] if stages.universe is None else list(stages.universe.shared)

    def slim(self, batch: MarketBatch) -> MarketBatch:
        """Return what the book needs of a batch."""
        ticks = batch.ticks._replace(received_at=None, flags=None, venue=None, reference=None)
        features = None
        if self._shared and batch.features is not None:
            features = FeatureRows(batch.features.bars, batch.features.values[self._shared])
        return MarketBatch(
            batch.watermark,
            ticks,
            features=features,
            scores=batch.scores,
            arrived=batch.arrived,
            health=batch.health,
            actions=batch.actions,
        )

    def here(self, item: tuple[str, MarketBatch]) -> tuple[str, tuple[str, MarketBatch]]:
        """Send a shard's batch to the one book in this process, with no other features than it needs."""
        shard, batch = item
        return to_book((shard, batch._replace(features=self.slim(batch).features)))

    def over_topic(self, item: tuple[str, MarketBatch]) -> list[tuple[str, MarketBatch | EndOfTopic]]:
        """Return what goes over the embedded topic between the workers, and that topic's end."""
        shard, batch = item
        needed = self.slim(batch)
        return [(shard, needed), (shard, END_OF_TOPIC)] if batch.watermark == END else [(shard, needed)]

    def over_kafka(self, item: tuple[str, MarketBatch]) -> list[tuple[str, KafkaItem]]:
        """Return what goes over the Kafka topic between the workers, and that topic's end."""
        shard, batch = item
        needed = Scored(self.slim(batch))
        return [(shard, needed), (shard, END_OF_INPUT)] if batch.watermark == END else [(shard, needed)]


def readable_batches(item: tuple[str, Any]) -> list[tuple[str, MarketBatch]]:
    """Return a scored batch that could be read."""
    shard, read = item
    return [(shard, read)] if isinstance(read, MarketBatch) else []


def damaged_rows(item: tuple[str, Any]) -> list[tuple[str, LakeItem]]:
    """Return the quarantine record of a message that could not be read: where it stands, why, and its bytes."""
    _, read = item
    if not isinstance(read, Damaged):
        return []
    place = f"{read.topic}:{read.partition}:{read.offset}"
    row = Malformed("kafka", place, read.reason, read.value.hex(), read.at)
    return [(BOOK, Records(UNREADABLE, [quarantined("kafka", row)]))]


def damaged_end(item: tuple[str, Decided]) -> list[tuple[str, LakeItem]]:
    """Return the end of the quarantine of what could not be read, when nothing more is decided."""
    return [(BOOK, END_OF_INPUT)] if item[1].watermark == END else []


def streams(decided: Decided) -> tuple[tuple[str, Sequence[Record]], ...]:
    """Return the decision records by topic."""
    return (
        ("signals", decided.signals),
        ("decision_points", decided.decision_points),
        ("intents", decided.intents),
        ("verdicts", decided.verdicts),
        ("oms.orders", decided.orders),
        ("oms.cancels", decided.cancels),
        ("oms.executions", decided.executions),
        (RESTATEMENTS, decided.restated),
        ("positions", decided.positions),
        ("risk.snapshots", decided.snapshots),
        (EXPOSURES, decided.exposures),
        ("risk.breaches", decided.breaches),
        ("risk.controls", decided.controls),
        ("oms.requests", decided.requests),
        ("oms.reports", decided.reports),
        ("oms.refusals", decided.refusals),
        ("oms.drop_copy", decided.drop_copy),
        ("oms.breaks", decided.breaks),
    )


def decision_rows(item: tuple[str, Decided]) -> list[tuple[str, LakeItem]]:
    """Return the decision records of a batch, for the lake."""
    return _decided_rows(item[1], streams(item[1]))


def sent_rows(item: tuple[str, Decided]) -> list[tuple[str, LakeItem]]:
    """Return the decision records of a batch without the executions, which a venue elsewhere writes itself."""
    sent = [(topic, records) for topic, records in streams(item[1]) if topic != EXECUTIONS]
    return _decided_rows(item[1], sent)


def _decided_rows(
    decided: Decided, kept: Iterable[tuple[str, Sequence[msgspec.Struct]]]
) -> list[tuple[str, LakeItem]]:
    made: list[tuple[str, LakeItem]] = [(BOOK, Records(topic, records)) for topic, records in kept if records]
    if decided.watermark == END:
        made.append((BOOK, END_OF_INPUT))
    return made


def progress_notes(item: tuple[str, Decided]) -> list[tuple[str, LakeItem]]:
    """Return how far the desk is, for the venue, and the end of that."""
    _, decided = item
    made: list[tuple[str, LakeItem]] = []
    if decided.progress is not None:
        made.append((BOOK, Records(PROGRESS, [decided.progress])))
    if decided.watermark == END:
        made.append((BOOK, END_OF_INPUT))
    return made


def execution_rows(item: tuple[str, Answered]) -> list[tuple[str, LakeItem]]:
    """Return the reports of the venue, and their end."""
    _, answered = item
    made: list[tuple[str, LakeItem]] = []
    if answered.executions:
        made.append((BOOK, Records(EXECUTIONS, answered.executions)))
    if answered.ended:
        made.append((BOOK, END_OF_INPUT))
    return made


def promise_notes(item: tuple[str, Answered]) -> list[tuple[str, LakeItem]]:
    """Return what the venue promises, and the end of that."""
    _, answered = item
    made: list[tuple[str, LakeItem]] = []
    if answered.promise is not None:
        made.append((BOOK, Records(PROMISES, [answered.promise])))
    if answered.ended:
        made.append((BOOK, END_OF_INPUT))
    return made


def told_records(item: tuple[str, Any]) -> list[tuple[str, Any]]:
    """Return the records that were read from a topic between desk and venue, one by one.

    Raises LineBroken for one that cannot be read: those after it do not count without it.
    """
    _, read = item
    if isinstance(read, Damaged):
        raise LineBroken(
            f"{read.topic}:{read.partition}:{read.offset} cannot be read ({read.reason}), and desk and venue cannot "
            "go on without it; write it again as it was, or start both anew with topics of their own"
        )
    return [(BOOK, record) for record in read.records] if isinstance(read, Records) else []


def kept_rows(item: tuple[str, Any]) -> list[tuple[str, LakeItem]]:
    """Return what was read from a topic, for the lake."""
    shard, read = item
    return damaged_rows(item) if isinstance(read, Damaged) else [(shard, read)]


def kept_records(item: tuple[str, Any]) -> list[tuple[str, list[msgspec.Struct]]]:
    """Return the decision records that were read from a topic, for the journal."""
    kept = [read for _, read in kept_rows(item) if isinstance(read, Records) and read.records]
    return [(JOURNAL, list(read.records)) for read in kept if read.topic not in BESIDE_JOURNAL]


def kept_series(item: tuple[str, Any]) -> list[tuple[str, LakeItem]]:
    """Return what was read from a topic, for the time series store."""
    return [] if isinstance(item[1], TopicEnd) else kept_rows(item)


class UniverseRows:
    """Turns what was compared across the universe into lake rows, and with them the scores that follow from it."""

    def __init__(self, codec: MarketCodec, universe: UniverseStages) -> None:
        self._codec, self._own = codec, len(universe.shared)
        self._numbers = universe.signals.numbers

    def __call__(self, item: tuple[str, Ordered]) -> list[tuple[str, LakeItem]]:
        """Return the rows of an ordered batch, and their end."""
        _, ordered = item
        made: list[tuple[str, LakeItem]] = []
        rows = ordered.features
        if rows is not None and len(rows.bars):
            made.append((UNIVERSE, self._codec.cross_section(rows._replace(values=rows.values[self._own :]))))
        mine = ordered.scores[np.isin(ordered.scores["strategy"], self._numbers)]
        if len(mine):
            made.append((UNIVERSE, self._codec.scores(mine)))
        if ordered.watermark == END:
            made.append((UNIVERSE, END_OF_INPUT))
        return made


class KeptFeatures:
    """Turns rows of the topic `features` for the feature store; `index` maps instruments to indices."""

    def __init__(self, index: Mapping[str, int], features: Sequence[str]) -> None:
        self._index, self._features = dict(index), tuple(features)

    def __call__(self, item: tuple[str, Any]) -> list[tuple[str, FeatureItem]]:
        """Return the rows, or their end."""
        shard, read = item
        if isinstance(read, Rows) and read.topic == FEATURES:
            return [(shard, rows_of(read.table, self._index, self._features))]
        return [(shard, END_OF_FEATURES)] if read == TopicEnd(FEATURES) else []


def audit_entries(item: tuple[str, Decided]) -> list[tuple[str, AuditItem]]:
    """Return the decision records of a batch for the audit log, as they happened, and their end.

    At one instant they stand in the order of the business; where batches begin and end changes nothing.
    """
    _, decided = item
    audited = [(topic, records) for topic, records in streams(decided) if topic not in NOT_AUDITED]
    ordered = sorted(
        (
            (record.known_at, rank, topic, record)
            for rank, (topic, records) in enumerate(audited)
            for record in records
        ),
        key=itemgetter(0, 1),
    )
    made: list[tuple[str, AuditItem]] = []
    if ordered:
        made.append((AUDIT, [(topic, record) for _, _, topic, record in ordered]))
    if decided.watermark == END:
        made.append((AUDIT, END_OF_AUDIT))
    return made


def journal_entries(item: tuple[str, Decided]) -> list[tuple[str, list[msgspec.Struct]]]:
    """Return the decision records of a batch, for the journal, in the order of the business."""
    _, decided = item
    records: list[msgspec.Struct] = [
        record for topic, stream in streams(decided) for record in stream if topic not in BESIDE_JOURNAL
    ]
    return [(JOURNAL, records)] if records else []
