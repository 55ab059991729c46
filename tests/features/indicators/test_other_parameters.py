"""Indicators with parameters that are not their usual ones, against TA-Lib with the same."""

import numpy as np
import pytest
import talib

from features.indicators.catalogue import asked_for
from tests.features.indicators.bars import random_columns, values
from tests.features.indicators.talib_oracles import COLUMNS, ORACLES

CHANGES = {
    "longer": (lambda whole: 2 * whole + 1, lambda part: 0.8 * part),
    "shorter": (lambda whole: max(2, (whole + 1) // 2), lambda part: 0.6 * part),
}


@pytest.fixture(scope="module")
def columns():
    return random_columns()


def changed(text, way):
    """Return an indicator with its numbers changed, and TA-Lib's parameters changed likewise."""
    name, _, rest = text.partition("(")
    whole, part = CHANGES[way]
    words, theirs, at = rest.removesuffix(")").split(","), list(ORACLES[text][2:]), 0
    for place, word in enumerate(words):
        if not word.replace(".", "", 1).isdigit():
            continue
        number = part(float(word)) if "." in word else whole(int(word))
        at = next(spot for spot in range(at, len(theirs)) if theirs[spot] == float(word))
        theirs[at] = type(theirs[at])(number)
        words[place], at = f"{number:.12g}", at + 1
    return f"{name}({','.join(words)})", theirs


WITH_NUMBERS = [text for text in ORACLES if "(" in text and "-" not in text]


@pytest.mark.parametrize("way", CHANGES)
@pytest.mark.parametrize("text", WITH_NUMBERS)
def test_an_indicator_of_other_parameters_equals_talib(text, way, columns):
    mine, params = changed(text, way)
    function, letters = ORACLES[text][:2]

    found = getattr(talib, function)(*(columns[COLUMNS[letter]] for letter in letters), *params)
    outputs = found if isinstance(found, tuple) else (found,)
    outputs = outputs[::-1] if function == "AROON" else outputs

    got = values(mine, columns)
    assert len(got) == len(outputs) == len(asked_for([mine])[0].columns)
    for (name, ours), theirs in zip(got.items(), outputs, strict=True):
        spoken = ~np.isnan(theirs)
        assert spoken.any()
        np.testing.assert_allclose(
            ours[spoken], theirs[spoken], rtol=1e-9, atol=1e-9, err_msg=f"{mine} {name}"
        )
