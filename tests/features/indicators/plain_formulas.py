"""Indicators that TA-Lib does not have, written once more as plainly as can be: pandas over the whole series."""

import numpy as np
import pandas as pd


def _true_range(p, first=False):
    before = p.close.shift()
    reach = np.maximum(p.high, before) - np.minimum(p.low, before)
    return reach.where(before.notna(), p.high - p.low if first else np.nan)


def _wilder(x, n):
    """Return Wilder's average from the mean of the first n values on."""
    out, average, seen = [], 0.0, 0
    for value in x:
        if np.isnan(value):
            out.append(np.nan)
            continue
        seen += 1
        average = (
            average + value
            if seen < n
            else (average + value) / n
            if seen == n
            else average + (value - average) / n
        )
        out.append(average if seen >= n else np.nan)
    return pd.Series(out)


def _ema(x, n, seed="mean"):
    out, average, seen, seeds = [], 0.0, 0, n if seed == "mean" else 1
    for value in x:
        if np.isnan(value):
            out.append(np.nan)
            continue
        seen += 1
        if seen <= seeds:
            average += value
            average = average / seeds if seen == seeds else average
        else:
            average += 2 / (n + 1) * (value - average)
        out.append(average if seen >= seeds else np.nan)
    return pd.Series(out)


def _wma(x, n):
    weights = np.arange(1, n + 1)
    return x.rolling(n).apply(lambda w: (w * weights).sum() / weights.sum(), raw=True)


def _rsi(x, n):
    step = x.diff()
    gain, loss = _wilder(step.clip(lower=0), n), _wilder((-step).clip(lower=0), n)
    return 100 * (gain / (gain + loss)).where(gain + loss != 0, 0.5).where(gain.notna())


def _typical(p):
    return (p.high + p.low + p.close) / 3


def hma(p):
    return (_wma(2 * _wma(p.close, 10) - _wma(p.close, 20), 4),)


def zlema(p):
    return (_ema(2 * p.close - p.close.shift(9), 20),)


def alma(p):
    weights = np.exp(-((np.arange(9) - 0.85 * 8) ** 2) / (2 * (9 / 6) ** 2))
    return (p.close.rolling(9).apply(lambda w: (w * weights).sum() / weights.sum(), raw=True),)


def vwma(p):
    return ((p.close * p.volume).rolling(20).sum() / p.volume.rolling(20).sum(),)


def vwap(p):
    return ((_typical(p) * p.volume).rolling(14).sum() / p.volume.rolling(14).sum(),)


def smma(p):
    return (_wilder(p.close, 30),)


def keltner(p):
    line, reach = _ema(p.close, 20), 2 * _wilder(_true_range(p), 10)
    return line + reach, line, line - reach


def keltner_tp(p):
    return tuple(
        x.rolling(10).mean()
        for x in (
            (4 * p.high - 2 * p.low + p.close) / 3,
            _typical(p),
            (-2 * p.high + 4 * p.low + p.close) / 3,
        )
    )


def donchian(p):
    top, bottom = p.high.rolling(20).max(), p.low.rolling(20).min()
    return top, (top + bottom) / 2, bottom


def ichimoku(p):
    lines = [(p.high.rolling(n).max() + p.low.rolling(n).min()) / 2 for n in (9, 26, 52)]
    return lines[0], lines[1], (lines[0] + lines[1]) / 2, lines[2]


def supertrend(p):
    reach = 3 * _wilder(_true_range(p), 10)
    middle = (p.high + p.low) / 2
    up, down, line, follows = None, None, [], None
    for k in range(len(p)):
        top, bottom = middle[k] + reach[k], middle[k] - reach[k]
        if np.isnan(top):
            line.append(np.nan)
            continue
        if up is None:
            follows = p.close[k] > middle[k]
        else:
            top = top if top < up or p.close[k - 1] > up else up
            bottom = bottom if bottom > down or p.close[k - 1] < down else down
            follows = p.close[k] >= bottom if follows else p.close[k] > top
        up, down = top, bottom
        line.append(bottom if follows else top)
    return (pd.Series(line),)


def chandelier(p):
    reach = 3 * _wilder(_true_range(p), 22)
    return p.high.rolling(22).max() - reach, p.low.rolling(22).min() + reach


def heikin_ashi(p):
    close = (p.open + p.high + p.low + p.close) / 4
    opened = [(p.open[0] + p.close[0]) / 2]
    for k in range(1, len(p)):
        opened.append((opened[-1] + close[k - 1]) / 2)
    opened = pd.Series(opened)
    return (
        opened,
        np.maximum(p.high, np.maximum(opened, close)),
        np.minimum(p.low, np.minimum(opened, close)),
        close,
    )


def crsi(p):
    runs = [0.0]
    for k in range(1, len(p)):
        step = np.sign(p.close[k] - p.close[k - 1])
        runs.append(0.0 if step == 0 else runs[-1] + step if runs[-1] * step > 0 else step)
    change = p.close.pct_change()
    rank = change.rolling(101).apply(lambda w: 100 * (w[:-1] < w[-1]).sum() / 100, raw=True)
    return ((_rsi(p.close, 3) + _rsi(pd.Series(runs), 2) + rank) / 3,)


def _percentage(x):
    slow = _ema(x, 26, "first")
    line = 100 * (_ema(x, 12, "first") - slow) / slow
    signal = _ema(line, 9, "first")
    return line, signal, line - signal


def ppo_ema(p):
    return _percentage(p.close)


def pvo(p):
    return _percentage(p.volume)


def tsi(p):
    step = p.close.diff()
    return (
        100 * _ema(_ema(step, 25, "first"), 13, "first") / _ema(_ema(step.abs(), 25, "first"), 13, "first"),
    )


def kst(p):
    pairs = ((10, 10), (15, 10), (20, 10), (30, 15))
    rates = [(100 * (p.close / p.close.shift(n) - 1)).rolling(m).mean() for n, m in pairs]
    line = rates[0] + 2 * rates[1] + 3 * rates[2] + 4 * rates[3]
    return line, line.rolling(9).mean()


def stc(p):
    x = _ema(p.close, 23, "first") - _ema(p.close, 50, "first")
    for _ in range(2):
        low, high = x.rolling(10).min(), x.rolling(10).max()
        x = _ema(100 * (x - low) / (high - low), 3, "first")
    return (x,)


def coppock(p):
    return (_wma(sum(100 * (p.close / p.close.shift(n) - 1) for n in (14, 11)), 10),)


def dpo(p):
    return (p.close.shift(11) - p.close.rolling(20).mean(),)


def ao(p):
    middle = (p.high + p.low) / 2
    return (middle.rolling(5).mean() - middle.rolling(34).mean(),)


def fisher(p):
    middle = (p.high + p.low) / 2
    low, high = middle.rolling(10).min(), middle.rolling(10).max()
    out, value, line = [], 0.0, 0.0
    for k in range(len(p)):
        if np.isnan(low[k]):
            out.append(np.nan)
            continue
        value = 0.33 * 2 * ((middle[k] - low[k]) / (high[k] - low[k]) - 0.5) + 0.67 * value
        value = min(max(value, -0.999), 0.999)
        line = 0.5 * np.log((1 + value) / (1 - value)) + 0.5 * line
        out.append(line)
    return pd.Series(out), pd.Series(out).shift()


def vortex(p):
    reach = _true_range(p).rolling(14).sum()
    return (
        (p.high - p.low.shift()).abs().rolling(14).sum() / reach,
        (p.low - p.high.shift()).abs().rolling(14).sum() / reach,
    )


def mass(p):
    first = _ema(p.high - p.low, 9)
    return ((first / _ema(first, 9)).rolling(25).sum(),)


def _money(p):
    return (2 * p.close - p.high - p.low) / (p.high - p.low) * p.volume


def cmf(p):
    return (_money(p).rolling(20).sum() / p.volume.rolling(20).sum(),)


def force(p):
    return (_ema(p.close.diff() * p.volume, 13, "first").where(p.index >= 13),)


def eom(p):
    raw = 1e8 * ((p.high + p.low) / 2).diff() * (p.high - p.low) / p.volume
    return raw, raw.rolling(14).mean()


def vpt(p):
    return ((p.close.pct_change() * p.volume).cumsum(),)


def _on_volume(p, sign):
    line = [1_000.0]
    for k in range(1, len(p)):
        moved = sign * (p.volume[k] - p.volume[k - 1]) > 0
        line.append(line[-1] * (p.close[k] / p.close[k - 1] if moved else 1.0))
    return (pd.Series(line),)


def nvi(p):
    return _on_volume(p, -1)


def pvi(p):
    return _on_volume(p, 1)


def ulcer(p):
    top = p.close.rolling(14, min_periods=1).max()
    return (np.sqrt(((100 * (p.close - top) / top) ** 2).rolling(14).mean()),)


def chop(p):
    before = p.close.shift()
    top = np.maximum(p.high, before).where(before.notna()).rolling(14).max()
    bottom = np.minimum(p.low, before).where(before.notna()).rolling(14).min()
    return (100 * np.log10(_true_range(p).rolling(14).sum() / (top - bottom)) / np.log10(14),)


def hv(p):
    return (100 * np.sqrt(252) * np.log(p.close / p.close.shift()).rolling(20).std(),)


FORMULAS = {
    "HMA": hma,
    "ZLEMA": zlema,
    "ALMA": alma,
    "VWMA": vwma,
    "VWAP": vwap,
    "SMMA": smma,
    "KELTNER": keltner,
    "KELTNER_TP": keltner_tp,
    "DONCHIAN": donchian,
    "ICHIMOKU": ichimoku,
    "SUPERTREND": supertrend,
    "CHANDELIER": chandelier,
    "HEIKIN_ASHI": heikin_ashi,
    "CRSI": crsi,
    "PPO_EMA": ppo_ema,
    "PVO": pvo,
    "TSI": tsi,
    "KST": kst,
    "STC": stc,
    "COPPOCK": coppock,
    "DPO": dpo,
    "AO": ao,
    "FISHER": fisher,
    "VORTEX": vortex,
    "MASS": mass,
    "CMF": cmf,
    "FI": force,
    "EOM": eom,
    "VPT": vpt,
    "NVI": nvi,
    "PVI": pvi,
    "ULCER": ulcer,
    "CHOP": chop,
    "HV": hv,
}
