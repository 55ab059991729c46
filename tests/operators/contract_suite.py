"""What every stage promises, as one suite: `CASES` names the stages, `test_contract_suite.py` holds them to it.

To register a stage, add a `Case` under the name of its class: how it is made, the items of a seeded run, what left by
which stream, and how many rows came in and went out. Streams are a dictionary of arrays or tuples that are joined over
all answers, so that they do not depend on how the rows came in batches.
"""

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

from domain.market import BAR
from operators.best_quotes import BestQuotes, BestQuotesParams
from operators.quote_bars import QuoteBarParams, QuoteBars
from operators.sequence import Sequence as SequenceStage
from operators.stage import Stage
from tests.operators import decision_case, universe_case, venue_case
from tests.operators.market_case import (
    BUILT,
    LATENESS,
    NAMES,
    REVISABLE_SECONDS,
    SHORT,
    TABLE,
    Streams,
    bar_doors,
    bar_items,
    bar_stage,
    barred,
    built_doors,
    built_stage,
    feature_doors,
    feature_stage,
    featured,
    marked,
    market_key,
    market_streams,
    normal,
    normalise_doors,
    normalise_items,
    normalise_stage,
    passed,
    quality_stage,
    quote_bar_doors,
    quoted,
    sequence_doors,
    sequence_items,
    sequence_streams,
    short_stage,
    signal_doors,
    signal_stage,
    universe_items,
)


class Case(NamedTuple):
    """A stage under the suite.

    * `stage()` makes it;
    * `items(rows, batch_rows, only)` are the items of a seeded run of that many rows, cut at that many; with `only`, of
      one key's rows and no others (the same ones as in the run of all keys);
    * `streams(answers)` is what left, joined; `of_key(streams, key)` the part of it that is one key's;
    * `doors(items, streams)` counts rows in and rows out, each row once;
    * `state_bytes_max` is the bound of the stored state where it is not that of a run of a tenth of the length.
    """

    stage: Callable[[], Stage[Any]]
    items: Callable[[int, int, int | None], list[Any]]
    streams: Callable[[Sequence[Any]], Streams]
    doors: Callable[[Sequence[Any], Streams], tuple[int, int]]
    of_key: Callable[[Streams, int], Streams]
    state_bytes_max: int | None = None


CHUNK_BYTES = 8192 * 40
# Up to a session is kept twice over while its room grows; of the sequence, a batch of 256 rows of each shard.
SESSION_MINUTES_BYTES = 2 * 960 * 5 * BAR.itemsize

# Decisions keep the ClOrdIDs and closed reservations of a day, which is what PT-06 and late fills need.
IDENTIFIERS_BYTES = 250_000

CASES: dict[str, Case] = {
    "Normalise": Case(normalise_stage, normalise_items, market_streams, normalise_doors, market_key),
    "Bars": Case(
        lambda: bar_stage(REVISABLE_SECONDS),
        bar_items,
        market_streams,
        bar_doors,
        market_key,
        3 * CHUNK_BYTES + SESSION_MINUTES_BYTES + 20_000,
    ),
    "BuiltBars": Case(
        built_stage,
        marked,
        market_streams,
        lambda _, made: built_doors(BUILT[0], made),
        market_key,
        25 * CHUNK_BYTES,
    ),
    "BestQuotes": Case(
        lambda: BestQuotes(BestQuotesParams(5, TABLE, names=NAMES, national=True)),
        bar_items,
        market_streams,
        passed,
        market_key,
    ),
    "Quality": Case(quality_stage, normal, market_streams, passed, market_key),
    "QuoteBars": Case(
        lambda: QuoteBars(QuoteBarParams(5, lateness_nanoseconds=LATENESS, names=NAMES)),
        quoted,
        market_streams,
        quote_bar_doors,
        market_key,
    ),
    "FeatureStage": Case(feature_stage, barred, market_streams, feature_doors, market_key),
    "Signals": Case(signal_stage, featured, market_streams, signal_doors, market_key),
    "Sequence": Case(
        lambda: SequenceStage(("even", "odd")),
        sequence_items,
        sequence_streams,
        sequence_doors,
        market_key,
        2 * 256 * 200,
    ),
    "CrossSection": Case(
        lambda: universe_case.cross_section(NAMES, 2 * REVISABLE_SECONDS),
        universe_items,
        universe_case.streams,
        universe_case.row_doors,
        universe_case.of_key,
    ),
    "UniverseSignals": Case(
        lambda: universe_case.universe_signals(NAMES, TABLE),
        lambda *cut: universe_case.compared(universe_items(*cut), NAMES, 2 * REVISABLE_SECONDS),
        universe_case.streams,
        universe_case.score_doors,
        universe_case.of_key,
    ),
    "Decisions": Case(
        decision_case.stage,
        decision_case.items,
        decision_case.streams,
        decision_case.doors,
        decision_case.of_key,
        IDENTIFIERS_BYTES,
    ),
    "VenueStage": Case(
        venue_case.stage,
        venue_case.items,
        venue_case.streams,
        venue_case.doors,
        venue_case.of_key,
    ),
}

CONFIGURED: dict[str, Case] = {
    "BuiltBars of parts of a second": Case(
        short_stage,
        marked,
        market_streams,
        lambda _, made: built_doors(SHORT[0], made),
        market_key,
        8 * CHUNK_BYTES,
    ),
}
"""Further cases of stages whose configuration changes what they keep."""
