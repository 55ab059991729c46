"""What TA-Lib answers, output by output, for every indicator that it defines as we do."""

import talib

COLUMNS = {"o": "open", "h": "high", "l": "low", "c": "close", "v": "volume"}
ORACLES = {
    # what is asked of us: TA-Lib's function, the columns it takes, its parameters
    "SMA(30)": ("SMA", "c", 30),
    "EMA(30)": ("EMA", "c", 30),
    "WMA(30)": ("WMA", "c", 30),
    "DEMA(30)": ("DEMA", "c", 30),
    "TEMA(30)": ("TEMA", "c", 30),
    "TRIMA(30)": ("TRIMA", "c", 30),
    "TRIMA(15)": ("TRIMA", "c", 15),
    "T3(5,0.7)": ("T3", "c", 5, 0.7),
    "KAMA(30)": ("KAMA", "c", 30),
    "MIDPOINT(14)": ("MIDPOINT", "c", 14),
    "MIDPRICE(14)": ("MIDPRICE", "hl", 14),
    "BBANDS(20,2,1.5)": ("BBANDS", "c", 20, 2.0, 1.5),
    "ACCBANDS(20)": ("ACCBANDS", "hlc", 20),
    "SAR(0.02,0.2)": ("SAR", "hl", 0.02, 0.2),
    "MAX(30)": ("MAX", "c", 30),
    "MIN(30)": ("MIN", "c", 30),
    "SUM(30)": ("SUM", "c", 30),
    "AVGPRICE": ("AVGPRICE", "ohlc"),
    "MEDPRICE": ("MEDPRICE", "hl"),
    "TYPPRICE": ("TYPPRICE", "hlc"),
    "WCLPRICE": ("WCLPRICE", "hlc"),
    "RSI(14)": ("RSI", "c", 14),
    "CMO(14)": ("CMO", "c", 14),
    "STOCH(14,3,5)": ("STOCH", "hlc", 14, 3, 0, 5, 0),
    "STOCHF(5,3)": ("STOCHF", "hlc", 5, 3, 0),
    "STOCHRSI(14,5,3)": ("STOCHRSI", "c", 14, 5, 3, 0),
    "WILLR(14)": ("WILLR", "hlc", 14),
    "CCI(14)": ("CCI", "hlc", 14),
    "MACD(12,26,9)": ("MACD", "c", 12, 26, 9),
    "MACDFIX(9)": ("MACDFIX", "c", 9),
    "APO(12,26)": ("APO", "c", 12, 26, 0),
    "APO(12,26,exponential)": ("APO", "c", 12, 26, 1),
    "PPO(12,26)": ("PPO", "c", 12, 26, 0),
    "PPO(12,26,exponential)": ("PPO", "c", 12, 26, 1),
    "MOM(10)": ("MOM", "c", 10),
    "ROC(10)": ("ROC", "c", 10),
    "ROCP(10)": ("ROCP", "c", 10),
    "ROCR(10)": ("ROCR", "c", 10),
    "ROCR100(10)": ("ROCR100", "c", 10),
    "TRIX(30)": ("TRIX", "c", 30),
    "ULTOSC(7,14,28)": ("ULTOSC", "hlc", 7, 14, 28),
    "BOP": ("BOP", "ohlc"),
    "MFI(14)": ("MFI", "hlcv", 14),
    "IMI(14)": ("IMI", "oc", 14),
    "PLUS_DM(14)": ("PLUS_DM", "hl", 14),
    "MINUS_DM(14)": ("MINUS_DM", "hl", 14),
    "PLUS_DI(14)": ("PLUS_DI", "hlc", 14),
    "MINUS_DI(14)": ("MINUS_DI", "hlc", 14),
    "DX(14)": ("DX", "hlc", 14),
    "ADX(14)": ("ADX", "hlc", 14),
    "ADXR(14)": ("ADXR", "hlc", 14),
    "AROON(14)": ("AROON", "hl", 14),
    "AROONOSC(14)": ("AROONOSC", "hl", 14),
    "LINEARREG(14)": ("LINEARREG", "c", 14),
    "LINEARREG_INTERCEPT(14)": ("LINEARREG_INTERCEPT", "c", 14),
    "LINEARREG_SLOPE(14)": ("LINEARREG_SLOPE", "c", 14),
    "LINEARREG_ANGLE(14)": ("LINEARREG_ANGLE", "c", 14),
    "TSF(14)": ("TSF", "c", 14),
    "BETA(5)": ("BETA", "hl", 5),
    "CORREL(30)": ("CORREL", "hl", 30),
    "AD": ("AD", "hlcv"),
    "ADOSC(3,10)": ("ADOSC", "hlcv", 3, 10),
    "OBV": ("OBV", "cv"),
    "TRANGE": ("TRANGE", "hlc"),
    "ATR(14)": ("ATR", "hlc", 14),
    "NATR(14)": ("NATR", "hlc", 14),
    "STDDEV(5,2)": ("STDDEV", "c", 5, 2.0),
    "VAR(5)": ("VAR", "c", 5, 1.0),
    "AVGDEV(14)": ("AVGDEV", "c", 14),
}
EARLIER = {"STOCH.k": 4, "STOCHF.k": 2, "STOCHRSI.k": 2, "MACD.macd": 8, "MACDFIX.macd": 8}
"""Outputs that speak so many bars before TA-Lib's, which holds them back until the slowest of its outputs speaks."""


def oracle(text, columns):
    """Return TA-Lib's outputs, as a tuple in our order."""
    function, letters, *params = ORACLES[text]
    found = getattr(talib, function)(*(columns[COLUMNS[letter]] for letter in letters), *params)
    outputs = found if isinstance(found, tuple) else (found,)
    return outputs[::-1] if function == "AROON" else outputs
