"""What a strategy is: a file with parameters, the features it reads, and a score; found by its name."""

import difflib
import importlib
import pkgutil
from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import Any, NamedTuple, Protocol, cast

import numpy as np
from numpy.typing import NDArray

import operators.strategies
from domain.market import Float64


class Opinion(NamedTuple):
    """A strategy's view of each row: score in [-1, 1] (NaN: not ready), and whether it may enter."""

    score: Float64
    gate: NDArray[np.bool_]


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
class Strategy:
    """A configured strategy.

    A flat position enters at a score of at least `enter` in size and leaves below `leave`. It trades in the
    regular session only and is flat `flat_before_close_seconds` before its end. `volatility` names the
    annualised volatility feature that sizing reads. `version` is what was approved (PT-05).
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
        """Return every feature that the strategy and its sizing read."""
        return tuple(dict.fromkeys((*strategy_file(self.kind).features(self.params), self.volatility)))

    def score(self, columns: Mapping[str, Float64]) -> Opinion:
        """Score rows by the strategy's file."""
        return strategy_file(self.kind).score(self.params, columns)


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
