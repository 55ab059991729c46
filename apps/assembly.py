"""Puts a desk together: settings, sources and universe to the stages that the flows hang."""

from typing import NamedTuple

import numpy as np

from apps.carry_rates import carry_rates
from apps.risk_scenarios import check_measured, scenarios_of, shocks_of
from config.settings import (
    Demand,
    Settings,
    SettingsError,
    compliance_params,
    feature_demand,
    risk_limits,
    universe_of,
)
from connectors.files.new_york import day_bounds
from connectors.kept_sessions import session_table
from connectors.source import Commanded, TickSource
from domain.bar_kinds import Empty, Partial, bar_spec
from domain.instruments import Instrument, Split, Universe
from domain.market import SECOND
from domain.sessions import SessionTable
from features.catalogue import columns, lines
from features.comparison import comparison_lines
from features.family import Feature
from features.quality import RowRules
from flows.stages import Stages, UniverseStages
from operators.bars import BarParams, Bars
from operators.best_quotes import BestQuotes, BestQuotesParams
from operators.built_bars import BuiltBarParams, BuiltBars
from operators.controls import Before
from operators.cross_section import CrossSection, CrossSectionParams
from operators.decisions import Decisions
from operators.desk_state import DeskParams
from operators.feature_rows import FeatureParams, FeatureStage
from operators.normalise import Normalise, NormaliseParams
from operators.quality import HealthRules, Quality, QualityParams
from operators.quote_bars import QuoteBarParams, QuoteBars
from operators.sequence import Sequence
from operators.signals import SignalParams, Signals
from operators.stage import UNOBSERVED, Observer
from operators.universe_signals import UniverseSignals
from operators.venue_stage import VenueStage


class Assembly(NamedTuple):
    """A desk that is ready to run: its universe, sessions, features, and stages."""

    universe: Universe
    sessions: SessionTable
    lines: tuple[Feature, ...]
    stages: Stages
    comparisons: tuple[Feature, ...] = ()

    @property
    def features(self) -> tuple[str, ...]:
        """Return the names of the feature columns, in their order."""
        return tuple(line.name for line in self.lines)


def assemble(
    settings: Settings, source: TickSource, shards: tuple[str, ...], observer: Observer = UNOBSERVED
) -> Assembly:
    """Put the desk together for a source; raises SettingsError where what it holds may not be traded."""
    universe = universe_of(settings, source.instruments(), source.reference())
    segments = source.segments()
    sessions = session_table(calendar_of(settings, source), segments[0], segments[-1])
    demand = feature_demand(settings)
    families = demand.families
    base, names = settings.base, columns(families)
    lateness = base.bars.lateness_milliseconds * 1_000_000
    count = len(universe)
    known = [split for split in source.splits() if split.instrument in universe]
    splits = tuple(sorted(known, key=lambda split: (split.effective_at, split.instrument)))
    desk = _desk_params(settings, universe, sessions, splits)
    stages = Stages(
        Normalise(
            NormaliseParams(
                universe.names,
                source.name,
                np.array(universe.tick_sizes()),
                sessions,
                splits,
                base.quality.jump_max,
                base.quality.jump_confirmations,
            )
        ),
        BestQuotes(_best_quotes(settings, source, universe, sessions, splits)),
        _quality(settings, source, universe, sessions, splits),
        Bars(
            BarParams(
                count,
                sessions,
                universe.names,
                source.name,
                base.bars.intervals_seconds,
                lateness,
                base.bars.revision_horizon_seconds,
                keep_marks=bool(base.bars.built),
            )
        ),
        QuoteBars(QuoteBarParams(count, base.features.interval_seconds, lateness, universe.names, splits)),
        FeatureStage(
            FeatureParams(
                count,
                universe.names,
                families,
                sessions,
                splits,
                base.features.interval_seconds,
                base.features.revisable_seconds,
            )
        ),
        Signals(SignalParams(count, names, settings.strategies, sessions, _alone(settings, demand))),
        Sequence(shards, compares=bool(demand.comparisons)),
        Decisions(desk, before=Before(source.controls() if isinstance(source, Commanded) else ())),
        VenueStage(desk),
        _universe_stages(settings, demand, universe, sessions, splits),
        observer,
        built=_built_bars(settings, source, universe, sessions, splits),
    )
    return Assembly(universe, sessions, lines(families), stages, comparison_lines(demand.comparisons))


def _best_quotes(
    settings: Settings,
    source: TickSource,
    universe: Universe,
    sessions: SessionTable,
    splits: tuple[Split, ...],
) -> BestQuotesParams:
    """Return what best quotes are of; the national best is told of the sources that configuration names."""
    names, base = set(source.name.split("+")), settings.base
    return BestQuotesParams(
        len(universe),
        sessions,
        names=universe.names,
        splits=splits,
        national=not names.isdisjoint(base.lake.national_best_of),
        consolidated=not names.isdisjoint(base.quality.consolidated_quotes_of),
    )


def _alone(settings: Settings, demand: Demand) -> tuple[int, ...] | None:
    """Return the strategies that look at one instrument at a time; None where all do."""
    if not demand.comparing:
        return None
    return tuple(number for number in range(len(settings.strategies)) if number not in demand.comparing)


def _universe_stages(
    settings: Settings,
    demand: Demand,
    universe: Universe,
    sessions: SessionTable,
    splits: tuple[Split, ...],
) -> UniverseStages | None:
    """Return the stages that see all instruments; None where nothing compares them.

    Raises SettingsError where a comparison names an instrument that the universe does not hold.
    """
    if not demand.comparisons:
        return None
    asked = settings.base.features
    try:
        params = CrossSectionParams(
            universe.names,
            demand.shared,
            demand.comparisons,
            universe.sectors(),
            splits,
            asked.cross_section.members_min,
            asked.cross_section.carry_seconds,
            asked.interval_seconds,
            asked.revisable_seconds,
        )
    except ValueError as error:
        raise SettingsError(f"features: {error}") from error
    held = columns(demand.families)
    read = (*demand.shared, *params.made)
    return UniverseStages(
        tuple(held.index(name) for name in demand.shared),
        CrossSection(params),
        UniverseSignals(SignalParams(len(universe), read, settings.strategies, sessions, demand.comparing)),
    )


def calendar_of(settings: Settings, source: TickSource) -> str:
    """Return the calendar that the source's instruments have of their own and agree on, else the configured one."""
    own = {instrument.calendar for instrument in source.reference()} - {Instrument(name="any").calendar}
    return own.pop() if len(own) == 1 else settings.listing.calendar


def _built_bars(
    settings: Settings,
    source: TickSource,
    universe: Universe,
    sessions: SessionTable,
    splits: tuple[Split, ...],
) -> BuiltBars | None:
    """Return what makes bars of the named kinds, None where there are none; empty ones end with the source's days."""
    bars = settings.base.bars
    if not bars.built:
        return None
    return BuiltBars(
        BuiltBarParams(
            len(universe),
            sessions,
            tuple(map(bar_spec, bars.built)),
            universe.names,
            source.name,
            bars.intervals_seconds,
            bars.lateness_milliseconds * 1_000_000,
            bars.revision_horizon_seconds,
            Empty(bars.empty),
            Partial(bars.partial),
            bars.expected_span_bars,
            bars.expected_limit,
            day_bounds(source.segments()[-1])[1],
            splits,
        )
    )


def _quality(
    settings: Settings,
    source: TickSource,
    universe: Universe,
    sessions: SessionTable,
    splits: tuple[Split, ...],
) -> Quality:
    """Return what watches the data; silence counts to the end of the source's last day in New York."""
    quality = settings.base.quality
    rules = HealthRules(
        silence_multiple=quality.silence_multiple,
        silence_min=quality.silence_seconds_min * SECOND,
        crossed_max=quality.crossed_milliseconds_max * 1_000_000,
        gap_clears=quality.gap_clears_seconds * SECOND,
        refused_min=quality.refused_rows_min,
        refused_share=quality.refused_share_max,
        dense=quality.sequences_dense,
    )
    return Quality(
        QualityParams(
            universe.names,
            source.name,
            sessions,
            day_bounds(source.segments()[-1])[1],
            rules,
            np.array(universe.tick_sizes()),
            RowRules() if quality.flags_rows else None,
            splits,
        )
    )


def _desk_params(
    settings: Settings, universe: Universe, sessions: SessionTable, splits: tuple[Split, ...]
) -> DeskParams:
    base = settings.base
    compliance = compliance_params(settings, universe)
    limits = check_measured(settings, risk_limits(settings), compliance.facts.given)
    return DeskParams(
        universe=universe,
        strategies=settings.strategies,
        compliance=compliance,
        sizing=base.sizing.params(),
        venue=base.venue.made(),
        sessions=sessions,
        splits=splits,
        account=base.desk.account,
        desk=base.desk.desk,
        trader=base.desk.trader,
        base_currency=base.desk.base_currency,
        starting_cash=base.desk.starting_cash,
        order_ttl_nanoseconds=base.venue.order_ttl_seconds * 1_000_000_000,
        limit_through_ticks=base.venue.limit_through_ticks,
        health_gates=base.quality.gates_trading,
        risk_limits=limits,
        risk_scenarios=scenarios_of(settings, universe),
        risk_shocks=shocks_of(settings, universe, limits),
        answer_nanoseconds=base.venue.answer_seconds * SECOND,
        carry=carry_rates(settings, universe),
    )
