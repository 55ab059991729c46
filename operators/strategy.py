"""What a strategy is: a file with parameters, the features it reads, and a score; found by its name."""

import difflib
import importlib
import math
import pkgutil
from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import Any, NamedTuple, Protocol, cast

import numpy as np
from numpy.typing import NDArray

import operators.strategies
from domain.market import Float64
from operators.sizing import SizingParams


class Opinion(NamedTuple):
    """A strategy's view of each row: score in [-1, 1] (NaN: not ready), and whether it may enter.

    `weight` above 0 scales the position of a row, for strategies whose legs are of different size; None is 1.
    """

    score: Float64
    gate: NDArray[np.bool_]
    weight: Float64 | None = None


class StrategyFile(Protocol):
    """The face of a file in `operators/strategies`."""

    Params: type[Any]

    def features(self, params: Any) -> tuple[str, ...]:
        """Return the names of the features that the score reads."""
        ...

    def score(self, params: Any, columns: Mapping[str, Float64]) -> Opinion:
        """Score rows by nothing but their features."""
        ...


class UnknownStrategy(ValueError):
    """No file in `operators/strategies` has the name."""


@dataclass(frozen=True)
class Filter:
    """A gate before a strategy: it may enter while `feature` is from `min` to `max`.

    With `over` it is the ratio of the two features that counts: short volatility over long one says which regime it is.
    """

    feature: str
    min: float = -math.inf
    max: float = math.inf
    over: str = ""

    def __post_init__(self) -> None:
        """Refuse a filter that never opens or never closes."""
        if not self.min < self.max or (self.min, self.max) == (-math.inf, math.inf):
            raise ValueError(
                f"a filter of {self.feature} needs min below max, one of them at least; {self.min} and {self.max} "
                "were given"
            )

    def is_open(self, columns: Mapping[str, Float64]) -> NDArray[np.bool_]:
        """Say for each row whether a strategy may enter; not where a feature is missing."""
        values = columns[self.feature]
        if self.over:
            with np.errstate(divide="ignore", invalid="ignore"):
                values = values / columns[self.over]
        return (values >= self.min) & (values <= self.max)


@dataclass(frozen=True)
class Strategy:
    """A configured strategy.

    A flat position enters at a score of at least `enter` in size and leaves below `leave`. It trades in the
    regular session only and is flat `flat_before_close_seconds` before its end. `volatility` names the
    annualised volatility feature that sizing reads. `version` is what was approved (PT-05). It enters only while all
    `filters` are open, and is sized by `sizing`, by the desk's rule where that is None.
    """

    name: str
    kind: str
    params: Any
    enter: float = 0.5
    leave: float = 0.1
    flat_before_close_seconds: int = 300
    volatility: str = "volatility_ewma"
    account: str = "main"
    version: str = "1"
    filters: tuple[Filter, ...] = ()
    sizing: SizingParams | None = None

    def __post_init__(self) -> None:
        """Refuse thresholds between which a strategy could not stand."""
        if not 0 <= self.leave < self.enter <= 1:
            raise ValueError(
                f"{self.name} needs 0 <= leave < enter <= 1; leave {self.leave} and enter {self.enter} were given"
            )
        if self.flat_before_close_seconds < 0:
            raise ValueError(
                f"{self.name} needs flat_before_close_seconds of at least 0; {self.flat_before_close_seconds} was given"
            )

    def features(self) -> tuple[str, ...]:
        """Return every feature that the strategy, its filters and its sizing read."""
        filtered = [name for each in self.filters for name in (each.feature, each.over) if name]
        own = strategy_file(self.kind).features(self.params)
        return tuple(dict.fromkeys((*own, *filtered, self.volatility)))

    def score(self, columns: Mapping[str, Float64]) -> Opinion:
        """Score rows by the strategy's file, its gate shut while a filter is."""
        opinion = strategy_file(self.kind).score(self.params, columns)
        gate = opinion.gate
        for each in self.filters:
            gate = gate & each.is_open(columns)
        return opinion._replace(gate=gate)


def kinds() -> tuple[str, ...]:
    """Return the kinds of strategy there are: the file names in `operators/strategies`."""
    return tuple(sorted(module.name for module in pkgutil.iter_modules(operators.strategies.__path__)))


def strategy_file(kind: str) -> StrategyFile:
    """Return a strategy's file; raises UnknownStrategy with the nearest known name."""
    if kind not in kinds():
        near = difflib.get_close_matches(kind, kinds(), 1, 0.0)
        raise UnknownStrategy(
            f"unknown strategy {kind!r}; the nearest known is {near[0]!r} of {', '.join(kinds())}"
        )
    return cast(StrategyFile, importlib.import_module(f"operators.strategies.{kind}"))


def params_of(kind: str, given: Mapping[str, Any]) -> Any:
    """Build a strategy's parameters; raises ValueError where a name or type is not of that strategy."""
    made = strategy_file(kind).Params
    known = {field.name: field for field in fields(made)}
    for name, value in given.items():
        if name not in known:
            near = difflib.get_close_matches(name, known, 1, 0.0)[0]
            raise ValueError(
                f"strategy {kind} has no parameter {name!r}; the nearest is {near!r} of {', '.join(known)}"
            )
        wanted = type(known[name].default)
        if isinstance(value, bool) or not isinstance(value, (int, float) if wanted is float else wanted):
            raise ValueError(
                f"parameter {name!r} of strategy {kind} is a {wanted.__name__}; {value!r} was given"
            )
    return made(**given)
