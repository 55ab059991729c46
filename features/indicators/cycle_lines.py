"""The lines of the dominant cycle."""

from features.indicators import cycles
from features.indicators.line import Indicator, Make, Parameter

EHLERS = "Ehlers 2001"


def _line(
    name: str,
    meaning: str,
    formula: str,
    source: str,
    unit: str,
    parameters: tuple[Parameter, ...],
    make: Make,
    outputs: tuple[str, ...] = ("",),
) -> Indicator:
    return Indicator(name, meaning, formula, f"{source}; {EHLERS}", unit, parameters, make, outputs, "cycle")


CYCLES: tuple[Indicator, ...] = (
    _line(
        "HT_DCPERIOD",
        "period of the dominant cycle, in bars",
        "360 by the turn of the phase a bar, smoothed, 6 to 50",
        "TA-Lib HT_DCPERIOD",
        "score",
        (),
        cycles.dominant_period,
    ),
    _line(
        "HT_DCPHASE",
        "phase of the dominant cycle, in degrees",
        "arctan of the Fourier sums over one period",
        "TA-Lib HT_DCPHASE",
        "score",
        (),
        cycles.dominant_phase,
    ),
    _line(
        "HT_PHASOR",
        "parts of the price in phase and in quadrature",
        "Hilbert transform of the detrended smooth price",
        "TA-Lib HT_PHASOR",
        "price",
        (),
        cycles.phasor,
        ("inphase", "quadrature"),
    ),
    _line(
        "HT_SINE",
        "sine of the phase, and 45 degrees ahead",
        "sin(phase), sin(phase + 45)",
        "TA-Lib HT_SINE",
        "ratio",
        (),
        cycles.sine,
        ("sine", "lead"),
    ),
    _line(
        "HT_TRENDMODE",
        "1 in a trend, 0 in a cycle",
        "by the crossings of sine and lead, the turn of the phase, and 1.5 % off the trend line",
        "TA-Lib HT_TRENDMODE",
        "score",
        (),
        cycles.trend_mode,
    ),
    _line(
        "HT_TRENDLINE",
        "instantaneous trend line",
        "weighted mean of four means over one period",
        "TA-Lib HT_TRENDLINE",
        "price",
        (),
        cycles.trend_line,
    ),
    _line(
        "MAMA",
        "MESA adaptive average",
        "m + a (c - m), a = fast by the turn of the phase; seed=zero begins at 0 (TA-Lib), price at the close",
        "TA-Lib MAMA",
        "price",
        (
            Parameter("fast", 0.5, 0.01),
            Parameter("slow", 0.05, 0.01),
            Parameter("seed", "zero", words=("zero", "price")),
        ),
        cycles.mesa,
        ("mama", "fama"),
    ),
)
