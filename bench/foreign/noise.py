"""Noise and slow motion: spectra, tails, telegraphs, lags, steps of a converter."""

import math

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]
DAY_S = 86_400.0


def coloured(rng: np.random.Generator, n: int, exponent: float) -> Array:
    """Return n samples of power spectrum 1/f**exponent, mean 0 and variance 1 (method of Timmer & König 1995, recalled).

    Args:
        rng: Chance.
        n: How many, at least 8.
        exponent: 0 is white, 1 flicker, 2 a random walk.
    """
    size = 2 * n  # twice as long and cut, so that the end does not meet the beginning
    f = np.fft.rfftfreq(size)
    f[0] = np.inf
    lines = (rng.normal(size=f.size) + 1j * rng.normal(size=f.size)) * f ** (-exponent / 2)
    made = np.fft.irfft(lines, size)[:n]
    return np.asarray((made - made.mean()) / made.std())


def tailed(rng: np.random.Generator, n: int, freedom: float) -> Array:
    """Return n samples of Student's t with unit variance; 0 degrees of freedom mean Gaussian, otherwise > 2."""
    if not freedom:
        return rng.normal(size=n)
    return np.asarray(rng.standard_t(freedom, size=n) * np.sqrt((freedom - 2) / freedom))


def telegraph(rng: np.random.Generator, n: int, rows: float) -> Array:
    """Return n samples of ±1 that switch every ``rows`` samples on average."""
    return np.where((np.cumsum(rng.random(n) < 1 / max(rows, 2.0)) + rng.integers(2)) % 2, 1.0, -1.0)


def blocks(rng: np.random.Generator, n: int, rows: float, levels: tuple[float, ...]) -> Array:
    """Return n samples that stay on one of several levels for ``rows`` samples on average, as queues and jobs do."""
    which = np.cumsum(rng.random(n) < 1 / max(rows, 2.0))
    return np.asarray(levels)[rng.integers(len(levels), size=int(which[-1]) + 1)][which]


def lag(x: Array, rows: float) -> Array:
    """Return x behind a first-order lag of a time constant in rows."""
    share = 1 - np.exp(-1 / max(rows, 1e-3))
    y, out = float(x[0]), np.empty(x.size)
    for i, value in enumerate(x.tolist()):
        y += (value - y) * share
        out[i] = y
    return out


def stage(target: Array, row_s: float, warm_h: float, cool_h: float, floor_h: float = 0.15) -> Array:
    """Return the temperature of a cold stage, K, that goes towards a target.

    What is cold has little heat capacity (Debye): the time constant falls with the temperature to ``floor_h``.

    Args:
        target: Where it would settle, K, shape (n,).
        row_s: Seconds a row.
        warm_h: Time constant on its way up when warm, hours.
        cool_h: The same on its way down.
        floor_h: Time constant near zero kelvin, hours.
    """
    y, out = float(target[0]), np.empty(target.size)
    for i, to in enumerate(target.tolist()):
        tau = floor_h + (warm_h if to > y else cool_h) * min(1.0, (y / 60.0) ** 0.7)
        y += (to - y) * (1 - np.exp(-row_s / 3600 / tau))
        out[i] = y
    return out


def stepped(x: Array, step: float) -> Array:
    """Return x on the steps of a converter, in as few digits as a logger writes; 0 means as it is."""
    return np.round(np.round(x / step) * step, max(0, 6 - math.floor(math.log10(step)))) if step else x


def daily(t_s: Array, phase: float) -> Array:
    """Return a day's cycle in [-1, 1], highest in the afternoon."""
    turn = 2 * np.pi * (t_s / DAY_S - phase)
    return np.asarray(0.85 * np.sin(turn) + 0.15 * np.sin(2 * turn))
