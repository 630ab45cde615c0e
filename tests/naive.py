"""Slow, obvious twins of the fast routines; they must agree."""

import cmath
import math

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]


def ewma(x: Array, alpha: float, state: Array) -> Array:
    out = np.empty_like(x)
    level = state.copy()
    for row in range(x.shape[0]):
        level = (1 - alpha) * level + alpha * x[row]
        out[row] = level
    return out


def cusum(x: Array, slack: float, state: tuple[Array, Array], cap: float = math.inf) -> tuple[Array, Array]:
    ups, downs = np.empty_like(x), np.empty_like(x)
    for column in range(x.shape[1]):
        up, down = float(state[0][column]), float(state[1][column])
        for row in range(x.shape[0]):
            value = float(x[row, column])
            if not math.isnan(value):
                up = min(cap, max(0.0, up + value - slack))
                down = min(cap, max(0.0, down - value - slack))
            ups[row, column], downs[row, column] = up, down
    return ups, downs


def location_scale(values: Array) -> tuple[Array, Array]:
    """Median and scaled MAD of columns that neither stand still nor miss values for the most part."""
    locations, scales = [], []
    for column in values.T:
        seen = sorted(v for v in column.tolist() if not math.isnan(v))
        middle = _median(seen)
        locations.append(middle)
        scales.append(1.4826022185056018 * _median(sorted(abs(v - middle) for v in seen)))
    return np.array(locations), np.array(scales)


def _median(ordered: list[float]) -> float:
    n = len(ordered)
    return ordered[n // 2] if n % 2 else (ordered[n // 2 - 1] + ordered[n // 2]) / 2


def ledoit_wolf(x: Array) -> tuple[Array, float]:
    """Ledoit and Wolf 2004, from its definitions: the average distance of single-row covariances from their mean."""
    n, c = x.shape
    centred = x - x.mean(axis=0)
    sample = sum(np.outer(r, r) for r in centred) / n
    mu = np.trace(sample) / c
    d2 = np.sum((sample - mu * np.eye(c)) ** 2) / c
    b2 = sum(np.sum((np.outer(r, r) - sample) ** 2) / c for r in centred) / n**2
    weight = min(float(b2 / d2), 1.0)
    return (1 - weight) * sample + weight * mu * np.eye(c), weight


def power_at(x: list[float], frequency: float) -> float:
    total = sum(v * cmath.exp(-2j * math.pi * frequency * t) for t, v in enumerate(x))
    return abs(total) ** 2 / len(x)


def cluster_maxima(scores: list[float], threshold: float, run: int) -> list[float]:
    out: list[float] = []
    pause = run
    for score in scores:
        if score > threshold:
            if pause >= run or not out:
                out.append(score)
            out[-1] = max(out[-1], score)
            pause = 0
        else:
            pause += 1
    return out


def quadratic_shapley(a: Array, d: Array) -> Array:
    """Shapley values of dᵀAd by the definition, over all orders of arrival of the channels."""
    from itertools import permutations

    c = d.size
    out = np.zeros(c)
    orders = list(permutations(range(c)))
    for order in orders:
        here = np.zeros(c)
        before = 0.0
        for channel in order:
            here[channel] = d[channel]
            after = float(here @ a @ here)
            out[channel] += after - before
            before = after
    return out / len(orders)
