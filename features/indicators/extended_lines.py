"""The lines of indicators that take an average of one's choice, or read several others together."""

from features.indicators import extended
from features.indicators.line import Indicator, Make, Parameter

FAST, SLOW, SIGNAL = Parameter("fast", 12), Parameter("slow", 26), Parameter("signal", 9)
STEPS = tuple(
    Parameter(f"{name}_{side}", default, 0.0)
    for side in ("long", "short")
    for name, default in (("first", 0.02), ("step", 0.02), ("limit", 0.2))
)


def _kind(name: str) -> Parameter:
    return Parameter(name, "simple", words=extended.AVERAGES)


def _line(
    name: str,
    meaning: str,
    formula: str,
    source: str,
    unit_and_family: tuple[str, str],
    parameters: tuple[Parameter, ...],
    make: Make,
    outputs: tuple[str, ...] = ("",),
) -> Indicator:
    unit, family = unit_and_family
    return Indicator(name, meaning, formula, source, unit, parameters, make, outputs, family)


EXTENDED: tuple[Indicator, ...] = (
    _line(
        "MACDEXT",
        "MACD of averages of one's choice",
        "average(fast) - average(slow), its average, the difference; both begin together",
        "TA-Lib MACDEXT",
        ("price", "momentum"),
        (FAST, _kind("fast_average"), SLOW, _kind("slow_average"), SIGNAL, _kind("signal_average")),
        extended.convergence,
        ("macd", "signal", "histogram"),
    ),
    _line(
        "SAREXT",
        "parabolic stop with a step of each direction, negative while short",
        "s + a (extreme - s)",
        "TA-Lib SAREXT; Wilder 1978",
        ("price", "trend"),
        (Parameter("start", 0.0, -1e6), Parameter("offset", 0.0, 0.0), *STEPS),
        extended.parabolic,
    ),
    _line(
        "AC",
        "accelerator oscillator",
        "ao - mean(ao)",
        "TA-Lib AC; Williams",
        ("price", "momentum"),
        (Parameter("fast", 5), Parameter("slow", 34), Parameter("signal", 5)),
        extended.acceleration,
    ),
    _line(
        "CMOU",
        "Chande momentum oscillator of plain sums",
        "100 (g - l)/(g + l), sums of n changes",
        "TA-Lib CMOU; Chande 1994",
        ("index", "momentum"),
        (Parameter("bars", 14),),
        extended.chande_plain,
    ),
    _line(
        "ER",
        "efficiency ratio",
        "|c - c_n|/sum |c - c_1|",
        "TA-Lib ER; Kaufman 1995",
        ("ratio", "momentum"),
        (Parameter("bars", 10),),
        extended.kaufman_ratio,
    ),
    _line(
        "ERI",
        "Elder ray",
        "h - e, l - e",
        "TA-Lib ERI; Elder 1993",
        ("price", "momentum"),
        (Parameter("bars", 13),),
        extended.elder_ray,
        ("bull", "bear"),
    ),
    _line(
        "FOSC",
        "forecast oscillator",
        "100 (c - line a bar ahead of the bar before)/c",
        "TA-Lib FOSC; Chande",
        ("percent", "momentum"),
        (Parameter("bars", 5, 2),),
        extended.forecast,
    ),
    _line(
        "QSTICK",
        "Qstick",
        "mean(c - o)",
        "TA-Lib QSTICK; Chande",
        ("price", "momentum"),
        (Parameter("bars", 10),),
        extended.open_to_close,
    ),
    _line(
        "SMI",
        "stochastic momentum index",
        "100 e(e(c - middle))/(e(e(range))/2), its average",
        "TA-Lib SMI; Blau 1993",
        ("index", "momentum"),
        (Parameter("bars", 13), Parameter("fast", 2), Parameter("slow", 25), SIGNAL),
        extended.momentum_index,
        ("smi", "signal"),
    ),
    _line(
        "VHF",
        "vertical horizontal filter",
        "(max c - min c)/sum |c - c_1|",
        "TA-Lib VHF; White 1991",
        ("ratio", "momentum"),
        (Parameter("bars", 28, 2),),
        extended.vertical,
    ),
    _line(
        "WAD",
        "accumulation and distribution of Williams",
        "sum of c less the true low when up, the true high when down",
        "TA-Lib WAD; Williams",
        ("price", "momentum"),
        (),
        extended.williams_accumulation,
    ),
    _line(
        "KDJ",
        "stochastic with a third line",
        "k, d by Wilder's averages, 3 k - 2 d",
        "TA-Lib KDJ",
        ("index", "momentum"),
        (Parameter("bars", 9), Parameter("k", 3), Parameter("d", 3)),
        extended.three_lines,
        ("k", "d", "j"),
    ),
    _line(
        "ADR",
        "average range of the bar",
        "mean(h - l)",
        "TA-Lib ADR",
        ("price", "volatility"),
        (Parameter("bars", 14),),
        extended.day_range,
    ),
    _line(
        "CVI",
        "Chaikin's volatility",
        "100 change of e(h - l)",
        "TA-Lib CVI; Chaikin",
        ("percent", "volatility"),
        (Parameter("bars", 10), Parameter("rate", 10)),
        extended.range_change,
    ),
    _line(
        "RVI",
        "relative volatility index",
        "100 up/(up + down), Wilder's averages of the deviation",
        "TA-Lib RVI; Dorsey 1993",
        ("index", "volatility"),
        (Parameter("bars", 14), Parameter("deviation_bars", 10, 2)),
        extended.volatility_strength,
    ),
    _line(
        "MARKETFI",
        "market facilitation index",
        "(h - l)/v, 0 without volume",
        "TA-Lib MARKETFI; Williams",
        ("price", "volume"),
        (),
        extended.range_by_volume,
    ),
    _line(
        "RVOL",
        "relative volume",
        "v/mean of the n before",
        "TA-Lib RVOL",
        ("ratio", "volume"),
        (Parameter("bars", 20),),
        extended.volume_ratio,
    ),
)
