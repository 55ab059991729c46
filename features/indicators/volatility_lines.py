"""The lines of volatility."""

from functools import partial

from features.indicators import activity
from features.indicators.line import Indicator, Parameter
from features.indicators.shapes import close, deviation, over, true_range, variance
from features.series import apply

BARS = Parameter("bars", 14)
TWO = Parameter("bars", 5, 2)
FIRST = Parameter("first", "skip", words=("skip", "count"))

_line = partial(Indicator, family="volatility")


VOLATILITY: tuple[Indicator, ...] = (
    _line(
        "TRANGE",
        "true range",
        "max(h, c_1) - min(l, c_1)",
        "TA-Lib TRANGE; Wilder 1978",
        "price",
        (),
        lambda: (true_range(),),
    ),
    _line(
        "ATR",
        "average true range",
        "a + (tr - a)/n; first=count takes h - l of the first bar in (ta)",
        "TA-Lib ATR; Skender; ta",
        "price",
        (BARS, FIRST),
        lambda n, first: (activity.average_range(n, first),),
    ),
    _line(
        "NATR",
        "average true range of the close",
        "100 atr/c",
        "TA-Lib NATR",
        "percent",
        (BARS,),
        lambda n: (100.0 * over(activity.average_range(n, "skip"), close()),),
    ),
    _line(
        "STDDEV",
        "standard deviation",
        "f sqrt(mean (c - mean)^2)",
        "TA-Lib STDDEV",
        "price",
        (TWO, Parameter("factor", 1.0, 0.0)),
        lambda n, factor: (factor * deviation(close(), n),),
    ),
    _line(
        "VAR",
        "variance",
        "mean (c - mean)^2",
        "TA-Lib VAR",
        "variance",
        (TWO,),
        lambda n: (variance(close(), n),),
    ),
    _line(
        "AVGDEV",
        "average deviation",
        "mean |c - mean|",
        "TA-Lib AVGDEV",
        "price",
        (BARS,),
        lambda n: (apply("mean_deviation", close(), params=(n,)),),
    ),
    _line(
        "ULCER",
        "ulcer index",
        "sqrt(mean of squared falls from the highest close)",
        "Martin 1987; ta",
        "percent",
        (BARS,),
        activity.ulcer,
    ),
    _line(
        "CHOP",
        "choppiness",
        "100 log(sum tr/(true high - true low))/log n",
        "Dreiss; Skender",
        "index",
        (Parameter("bars", 14, 2),),
        activity.choppiness,
    ),
    _line(
        "HV",
        "realised volatility",
        "100 sqrt(periods) sd of ln(c/c_1)",
        "standards 6.5",
        "percent",
        (Parameter("bars", 20, 2), Parameter("periods", 252.0, 1.0)),
        activity.realised,
    ),
)
