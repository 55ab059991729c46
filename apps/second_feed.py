"""From `--against SOURCE` to a source of ticks that a second feed is held against."""

from pathlib import Path

from apps.assembly import calendar_of
from apps.sources import sources_of
from apps.venues import is_live
from config.settings import Settings
from connectors.compared_ticks import ComparedTicks
from connectors.kept_sessions import session_table
from connectors.source import SourceError, TickSource
from domain.market import SECOND
from features.agreement import AgreementRules


def with_second(
    source: TickSource, settings: Settings, against: str | None, config: Path | None = None
) -> TickSource:
    """Return a source whose health says where a second feed disagrees, itself where none is named.

    Raises SourceError where the second one cannot be read, is a venue, or shares no instrument with the source.
    """
    if against is None:
        return source
    if is_live(against):
        raise SourceError(
            f"--against takes a source that is recorded, like csv:PATH or lake:DIR; {against} is a venue that is "
            "connected to: record it first, or leave --against out"
        )
    second = sources_of((against,), config=config)
    days = source.segments()
    quality = settings.base.quality
    rules = AgreementRules(
        share=quality.feeds_apart_share_max, span=quality.feeds_apart_milliseconds_max * SECOND // 1_000
    )
    return ComparedTicks(
        source, second, session_table(calendar_of(settings, source), days[0], days[-1]), rules
    )
