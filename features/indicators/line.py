"""A line of the indicator catalogue, and how an indicator is asked for: `NAME(parameters)`."""

import difflib
import re
from collections.abc import Callable, Mapping
from typing import NamedTuple

from features.series import Series

ASKED = re.compile(r"\s*([A-Za-z][A-Za-z0-9_]*)\s*(?:\(([^()]*)\))?\s*")


Make = Callable[..., tuple[Series, ...]]


class UnknownIndicator(ValueError):
    """An indicator was asked for that the catalogue does not have, or with parameters that it does not take."""


class Parameter(NamedTuple):
    """What an indicator may be told: its default, the least that is allowed, or the words that are.

    A default that is an int stands for a whole number, of bars as a rule.
    """

    name: str
    default: float | str
    least: float = 1
    words: tuple[str, ...] = ()


class Indicator(NamedTuple):
    """One line: `make(*parameters)` returns a series for each output, in the order of `outputs`.

    `unit` is that of the outputs. An output has the name of the indicator, or `.` and its own behind it.
    """

    name: str
    meaning: str
    formula: str
    source: str
    unit: str
    parameters: tuple[Parameter, ...]
    make: Make
    outputs: tuple[str, ...] = ("",)
    family: str = ""
    version: int = 1


class Asked(NamedTuple):
    """An indicator with its parameters: `title` is how it is written, `columns` the names of its outputs."""

    indicator: Indicator
    values: tuple[float | str, ...]
    title: str
    columns: tuple[str, ...]
    series: tuple[Series, ...]


def asked(text: str, catalogue: Mapping[str, Indicator]) -> Asked:
    """Return the indicator that a text asks for: `RSI`, `rsi(14)`, `MACD(12,26,9)`, `MACD(12, 26, seed=own)`.

    Raises UnknownIndicator with what is allowed, and the nearest name.
    """
    found = ASKED.fullmatch(text)
    if found is None:
        raise UnknownIndicator(f"an indicator is written NAME or NAME(parameters); {text!r} was given")
    name = found[1].upper()
    if name not in catalogue:
        near = ", ".join(_nearest(name, catalogue))
        raise UnknownIndicator(
            f"no indicator is named {found[1]!r}; the nearest are {near}; see ita indicators list"
        )
    indicator = catalogue[name]
    values = _values(indicator, [each.strip() for each in (found[2] or "").split(",")])
    written = [
        each if parameter.words else _number(each)
        for parameter, each in zip(indicator.parameters, values, strict=True)
        if not (parameter.words and each == parameter.default)
    ]
    title = f"{name}({','.join(map(str, written))})" if written else name
    columns = tuple(f"{title}.{output}" if output else title for output in indicator.outputs)
    try:
        series = indicator.make(*values)
    except ValueError as error:
        raise UnknownIndicator(f"{title}: {error}") from error
    return Asked(indicator, values, title, columns, series)


def _nearest(name: str, catalogue: Mapping[str, Indicator]) -> list[str]:
    """Return three names: those that are written alike, and before those of little likeness those that mean it."""
    words: dict[str, list[str]] = {}
    for line in catalogue.values():
        for word in re.findall(r"[A-Za-z]{4,}", line.meaning):
            words.setdefault(word.upper(), []).append(line.name)
    meant = [each for word in difflib.get_close_matches(name, words, 3, 0.75) for each in words[word]]
    written = difflib.get_close_matches(name, catalogue, 3, 0.0)
    close = difflib.get_close_matches(name, catalogue, 3, 0.75)
    return list(dict.fromkeys([*close, *meant, *written]))[:3]


def usage(indicator: Indicator) -> str:
    """Return how an indicator is written, with its defaults."""
    if not indicator.parameters:
        return indicator.name
    return f"{indicator.name}({', '.join(f'{each.name}={each.default}' for each in indicator.parameters)})"


def _values(indicator: Indicator, given: list[str]) -> tuple[float | str, ...]:
    parameters = {parameter.name: parameter for parameter in indicator.parameters}
    values: dict[str, float | str] = {}
    names = list(parameters)
    for place, each in enumerate(given):
        if not each:
            continue
        name, equals, text = each.partition("=")
        if not equals:
            if place >= len(names):
                raise UnknownIndicator(
                    f"{usage(indicator)} takes no {place + 1} parameters; {each!r} was given"
                )
            name, text = names[place], each
        name = name.strip().lower()
        if name not in parameters or name in values:
            raise UnknownIndicator(
                f"{usage(indicator)} takes each of its parameters once; {each!r} was given"
            )
        values[name] = _value(indicator, parameters[name], text.strip())
    return tuple(values.get(name, parameter.default) for name, parameter in parameters.items())


def _value(indicator: Indicator, parameter: Parameter, text: str) -> float | str:
    if parameter.words:
        if text.lower() not in parameter.words:
            allowed = ", ".join(parameter.words)
            raise UnknownIndicator(
                f"{indicator.name}: {parameter.name} is one of {allowed}; {text!r} was given"
            )
        return text.lower()
    whole = isinstance(parameter.default, int)
    try:
        value = float(text)
    except ValueError:
        value = float("nan")
    if not parameter.least <= value < 1e6 or (whole and value != int(value)):
        kind = "a whole number" if whole else "a number"
        raise UnknownIndicator(
            f"{indicator.name}: {parameter.name} is {kind} of at least {parameter.least:g}; {text!r} was given"
        )
    return int(value) if whole else value


def _number(value: float | str) -> str:
    """Return how a parameter is written: short, and never as another number's."""
    if isinstance(value, str):
        return value
    return f"{value:g}" if float(f"{value:g}") == value else repr(value)
