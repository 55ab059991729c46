"""All indicators by name, and the program that computes several of them together."""

from collections.abc import Sequence
from functools import lru_cache

from features.indicators.cycle_lines import CYCLES
from features.indicators.direction_lines import DIRECTION
from features.indicators.extended_lines import EXTENDED
from features.indicators.line import Asked, Indicator, asked
from features.indicators.momentum_lines import MOMENTUM
from features.indicators.trend_lines import TREND
from features.indicators.volatility_lines import VOLATILITY
from features.indicators.volume_lines import VOLUME
from features.series import Program, warm_up


@lru_cache(maxsize=1)
def indicators() -> dict[str, Indicator]:
    """Return the catalogue, by name; raises ValueError where two lines have one name."""
    lines = (*TREND, *MOMENTUM, *DIRECTION, *VOLUME, *VOLATILITY, *CYCLES, *EXTENDED)
    found = {line.name: line for line in lines}
    if len(found) != len(lines):
        raise ValueError("two indicators have one name")
    return found


def asked_for(texts: Sequence[str]) -> tuple[Asked, ...]:
    """Return what texts ask for, each once, in their order; raises UnknownIndicator."""
    found = {each.title: each for each in (asked(text, indicators()) for text in texts)}
    return tuple(found.values())


def program_of(wanted: Sequence[Asked]) -> Program:
    """Return the program whose series are the outputs of the indicators, in order."""
    return Program([series for each in wanted for series in each.series])


def warm_ups(wanted: Asked) -> tuple[int, ...]:
    """Return how many whole bars each output of an indicator needs before it speaks."""
    return tuple(warm_up(series) for series in wanted.series)
