"""How much of what a controller plays stands in the power, the EM bands or the temperatures recorded beside it."""

import math
import re
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from mumetal.numerics.normal import z_upper

Array = NDArray[np.float64]
PLAYED = re.compile(r"(.*[._])?(energy|busy|idle|playing|job)", re.IGNORECASE)
BAND = re.compile(r"(.*[._])?band\d+", re.IGNORECASE)
LEAKING_UNITS = {"W", "K"}
MOST_LEAKING, MOST_PLAYED = 8, 2
LAGS = (0, 1, 2, 4, 8)  # rows by which the meter or the plate may come late
QUIET_BITS = 1e-3  # bits a row that advice aims at
FEWEST = 64  # rows from which a share is told
DOUBT = 1e-3  # probability that some lag of nothing at all passes for a leak


@dataclass(frozen=True, slots=True, kw_only=True)
class Leak:
    """What one channel tells of what is played.

    Args:
        channel: The channel that leaks.
        played: The channel of what is played.
        lag: Rows by which the leak comes late.
        correlation: Correlation at that lag, in [-1, 1], drifts taken out.
        rows: Rows it was measured on.
        certain: Whether it is told from none at all.
    """

    channel: str
    played: str
    lag: int
    correlation: float
    rows: int
    certain: bool

    @property
    def share(self) -> float:
        """Share of the variance of what is played that the channel explains, in [0, 1]."""
        return self.correlation**2

    @property
    def bits(self) -> float:
        """Bits a row of a Gaussian channel of that signal to noise ratio (Shannon 1948): ½·log2(1 + ρ²/(1 - ρ²))."""
        return -0.5 * math.log2(max(1.0 - self.share, 1e-12))

    @property
    def attenuation_db(self) -> float:
        """How much weaker the leak must become to tell a thousandth of a bit a row, dB of power; 0 when it is."""
        ratio = self.share / max(1.0 - self.share, 1e-12)
        return max(0.0, 10 * math.log10(max(ratio, 1e-12) / (4**QUIET_BITS - 1)))


def leakage_channels(names: tuple[str, ...], units: tuple[str, ...]) -> tuple[list[int], list[int]]:
    """Return the columns that may leak (power in W, EM bands, temperatures in K) and those of what is played.

    Played are pulse energies (as the edge features name them) and flags such as ``job`` or ``idle``; either list is
    empty when the other is: one without the other tells nothing.
    """
    played = [i for i, name in enumerate(names) if PLAYED.fullmatch(name) and units[i] not in LEAKING_UNITS]
    leaking = [
        i for i, name in enumerate(names) if i not in played and (units[i] in LEAKING_UNITS or BAND.fullmatch(name))
    ]
    return (leaking[:MOST_LEAKING], played[:MOST_PLAYED]) if leaking and played else ([], [])


def leaks_in(names: tuple[str, ...], units: tuple[str, ...], values: Array) -> tuple[Leak, ...]:
    """Return each leaking channel's strongest correlation with something played.

    Step-to-step changes are compared where either side's lag-one correlation is above 0.9, levels elsewhere.

    Args:
        names: Channels.
        units: Their units.
        values: Rows of one stretch, shape (n, C); NaN means not observed.
    """
    leaking, played = leakage_channels(names, units)
    out: list[Leak] = []
    for column in leaking:
        found = [
            leak
            for other in played
            for lag in LAGS
            if (leak := _at_lag(names[column], names[other], values[:, column], values[:, other], lag))
        ]
        if found:
            out.append(max(found, key=lambda leak: abs(leak.correlation)))
    return tuple(out)


def _at_lag(channel: str, played: str, leaking: Array, sent: Array, lag: int) -> Leak | None:
    y, x = leaking[lag:], sent[: sent.size - lag]
    seen = np.isfinite(x) & np.isfinite(y)
    if int(seen.sum()) < FEWEST:
        return None
    x, y = x[seen], y[seen]
    if _serial(x - x.mean()) > 0.9 or _serial(y - y.mean()) > 0.9:  # a drift: what is left is compared
        x, y = np.diff(x), np.diff(y)
    x, y = x - x.mean(), y - y.mean()
    scale = math.sqrt(float(x @ x) * float(y @ y))
    if scale <= 0 or not math.isfinite(scale):
        return None
    r = float(np.clip(x @ y / scale, -1.0, 1.0))
    rows = x.size / repeated(x, y)
    limit = math.tanh(z_upper(DOUBT / (2 * len(LAGS) * MOST_PLAYED)) / math.sqrt(max(rows - 3, 1)))
    return Leak(channel=channel, played=played, lag=lag, correlation=r, rows=x.size, certain=abs(r) > limit)


def _serial(x: Array) -> float:
    power = float(x @ x)
    return float(x[1:] @ x[:-1]) / power if power > 0 else 0.0


def repeated(x: Array, y: Array, longest: int = 128) -> float:
    """Return by how much serial correlation multiplies the variance of a correlation of independent series, at least 1.

    1 + 2·Σ ρx(k)·ρy(k) (Bartlett 1946): the rows divided by it are the effective sample size.
    """
    x, y = x - x.mean(), y - y.mean()
    px, py = float(x @ x), float(y @ y)
    if px <= 0 or py <= 0:
        return 1.0
    lags = range(1, min(longest, x.size // 4))
    return max(1.0, 1.0 + 2.0 * sum(float(x[k:] @ x[:-k]) / px * (float(y[k:] @ y[:-k]) / py) for k in lags))
