"""The lines of volume."""

from functools import partial

from features.indicators import activity
from features.indicators.line import Indicator, Parameter
from features.indicators.shapes import close, over, running, total, volume

BARS = Parameter("bars", 14)

_line = partial(Indicator, family="volume")


VOLUME: tuple[Indicator, ...] = (
    _line(
        "AD",
        "accumulation and distribution",
        "sum of v (2 c - h - l)/(h - l)",
        "TA-Lib AD; ta; Chaikin",
        "signed volume",
        (),
        lambda: (running(activity.money()),),
    ),
    _line(
        "ADOSC",
        "Chaikin oscillator",
        "e(ad, fast) - e(ad, slow), from the first value on",
        "TA-Lib ADOSC",
        "signed volume",
        (Parameter("fast", 3), Parameter("slow", 10)),
        activity.oscillator,
    ),
    _line(
        "OBV",
        "on-balance volume",
        "sum of sign(change) v, the first bar's volume counts",
        "TA-Lib OBV; Granville",
        "signed volume",
        (),
        activity.balance,
    ),
    _line(
        "CMF",
        "Chaikin money flow",
        "sum of v (2 c - h - l)/(h - l) by sum of v",
        "Chaikin; ta; Skender",
        "ratio",
        (Parameter("bars", 20),),
        lambda n: (over(total(activity.money(), n), total(volume(), n)),),
    ),
    _line(
        "FI",
        "force index",
        "e((c - c_1) v), from the first change on",
        "Elder 1993; ta",
        "signed volume",
        (Parameter("bars", 13),),
        activity.force,
    ),
    _line(
        "EOM",
        "ease of movement",
        "1e8 change of (h + l)/2 (h - l)/v, its mean",
        "Arms; ta",
        "score",
        (BARS,),
        activity.ease,
        ("raw", "mean"),
    ),
    _line(
        "VPT", "volume price trend", "sum of v (c/c_1 - 1)", "ta", "signed volume", (), activity.price_volume
    ),
    _line(
        "NVI",
        "negative volume index",
        "1,000 (1 + c/c_1 - 1) on bars of less volume",
        "Dysart; ta",
        "index",
        (),
        lambda: activity.on_volume(False),
    ),
    _line(
        "PVI",
        "positive volume index",
        "1,000 (1 + c/c_1 - 1) on bars of more volume",
        "Dysart",
        "index",
        (),
        lambda: activity.on_volume(True),
    ),
    _line(
        "SUM",
        "sum of the closes",
        "sum(c, n)",
        "TA-Lib SUM",
        "price",
        (Parameter("bars", 30),),
        lambda n: (total(close(), n),),
    ),
)
