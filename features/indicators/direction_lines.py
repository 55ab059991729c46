"""The lines of direction and of least squares."""

import math
from functools import partial

from features.indicators import direction
from features.indicators.line import Indicator, Parameter
from features.indicators.shapes import wilder_sum
from features.series import apply

BARS = Parameter("bars", 14, 2)
DEGREES = 180.0 / math.pi

_line = partial(Indicator, family="direction")


DIRECTION: tuple[Indicator, ...] = (
    _line(
        "PLUS_DM",
        "plus directional movement",
        "s - s/n + dm",
        "TA-Lib PLUS_DM; Wilder 1978",
        "price",
        (BARS,),
        lambda n: (wilder_sum(direction.movement(True), n, n - 1),),
    ),
    _line(
        "MINUS_DM",
        "minus directional movement",
        "s - s/n + dm",
        "TA-Lib MINUS_DM; Wilder 1978",
        "price",
        (BARS,),
        lambda n: (wilder_sum(direction.movement(False), n, n - 1),),
    ),
    _line(
        "PLUS_DI",
        "plus directional indicator",
        "100 +dm/tr",
        "TA-Lib PLUS_DI; Wilder 1978",
        "index",
        (BARS,),
        lambda n: (direction.directional(n, True),),
    ),
    _line(
        "MINUS_DI",
        "minus directional indicator",
        "100 -dm/tr",
        "TA-Lib MINUS_DI; Wilder 1978",
        "index",
        (BARS,),
        lambda n: (direction.directional(n, False),),
    ),
    _line(
        "DX",
        "directional index",
        "100 |+di - -di|/(+di + -di)",
        "TA-Lib DX; Wilder 1978",
        "index",
        (BARS,),
        lambda n: (direction.index(n),),
    ),
    _line(
        "ADX",
        "average directional index",
        "Wilder's average of dx",
        "TA-Lib ADX; Wilder 1978",
        "index",
        (BARS,),
        lambda n: (direction.average_index(n),),
    ),
    _line(
        "ADXR",
        "average directional index rating",
        "(adx + adx of n - 1 ago)/2",
        "TA-Lib ADXR; Wilder 1978",
        "index",
        (BARS,),
        direction.rated,
    ),
    _line(
        "AROON",
        "Aroon",
        "100 (n - bars since the extreme)/n",
        "TA-Lib AROON; Chande 1995",
        "index",
        (BARS,),
        direction.aroon,
        ("up", "down"),
    ),
    _line(
        "AROONOSC",
        "Aroon oscillator",
        "up - down",
        "TA-Lib AROONOSC",
        "index",
        (BARS,),
        lambda n: (direction.aroon(n)[0] - direction.aroon(n)[1],),
    ),
    _line(
        "VORTEX",
        "vortex",
        "sum |h - l_1|/sum tr, sum |l - h_1|/sum tr",
        "Botes and Siepman 2010; ta",
        "ratio",
        (BARS,),
        direction.vortex,
        ("plus", "minus"),
    ),
    _line(
        "MASS",
        "mass index",
        "sum of e(h - l)/e(e(h - l))",
        "Dorsey; ta",
        "index",
        (Parameter("bars", 9), Parameter("sum_bars", 25)),
        direction.mass,
        version=2,
    ),
    _line(
        "LINEARREG",
        "end of the line of least squares",
        "a + b (n - 1)",
        "TA-Lib LINEARREG",
        "price",
        (BARS,),
        lambda n: direction.line_at(n, (n - 1) / 2.0),
    ),
    _line(
        "LINEARREG_INTERCEPT",
        "begin of the line of least squares",
        "a",
        "TA-Lib LINEARREG_INTERCEPT",
        "price",
        (BARS,),
        lambda n: direction.line_at(n, -(n - 1) / 2.0),
    ),
    _line(
        "LINEARREG_SLOPE",
        "slope of the line of least squares",
        "b, a bar",
        "TA-Lib LINEARREG_SLOPE",
        "price",
        (BARS,),
        lambda n: (direction.tilt(n),),
    ),
    _line(
        "LINEARREG_ANGLE",
        "angle of the line of least squares",
        "arctan b, DEGREES",
        "TA-Lib LINEARREG_ANGLE",
        "score",
        (BARS,),
        lambda n: (DEGREES * apply("arctangent", direction.tilt(n)),),
    ),
    _line(
        "TSF",
        "line of least squares, a bar ahead",
        "a + b n",
        "TA-Lib TSF",
        "price",
        (BARS,),
        lambda n: direction.line_at(n, (n + 1) / 2.0),
    ),
    _line(
        "BETA",
        "beta of the low's changes to the high's",
        "cov(x, y)/var(x)",
        "TA-Lib BETA(high, low)",
        "ratio",
        (Parameter("bars", 5, 2),),
        direction.beta,
    ),
    _line(
        "CORREL",
        "correlation of high and low",
        "cov/(sd sd)",
        "TA-Lib CORREL(high, low)",
        "ratio",
        (Parameter("bars", 30, 2),),
        direction.correlation,
    ),
)
