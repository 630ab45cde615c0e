"""What a window of pulse times says against reference pulses."""

import math

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]


def timing_features(data: Array, reference: Array) -> Array:
    """Return offset, spread, ln of the variance ratio, excess kurtosis and lag-one correlation, shape (5,).

    What data and reference pulses share (wander, a clock's step) is taken out by the references' mean before the last
    two; the ratio is NaN without references.

    Args:
        data: Timing residuals of data pulses, s, shape (n, D), n ≥ 8, finite.
        reference: Residuals of reference pulses beside them, s, shape (n, R), R ≥ 0, finite.

    Raises:
        ValueError: Wrong shapes or too few pulses.
    """
    if data.ndim != 2 or data.shape[0] < 8 or reference.shape[0] != data.shape[0]:
        raise ValueError(f"data {data.shape} and reference {reference.shape} are not (n, D) and (n, R) with n >= 8")
    shared = reference.mean(axis=1, keepdims=True) if reference.shape[1] else data.mean(axis=0, keepdims=True)
    own = data - shared
    centred = own - own.mean(axis=0)
    variance = np.maximum((centred**2).mean(axis=0), 1e-60)
    offset = float(own.mean()) if reference.shape[1] else float(data.mean())
    ratio = math.nan
    if reference.shape[1]:
        quiet = local_variance(reference)
        ratio = float(np.log(local_variance(data).mean() / quiet.mean())) if quiet.mean() > 0 else math.nan
    kurtosis = float(((centred**4).mean(axis=0) / variance**2 - 3).mean())
    lag = float(((centred[1:] * centred[:-1]).mean(axis=0) / variance).mean())
    return np.array([offset, float(np.sqrt(variance.mean())), ratio, kurtosis, lag])


def local_variance(x: Array, block: int = 64) -> Array:
    """Return each column's variance about the means of blocks, so that slower wander does not count, shape (C,)."""
    size = min(block, x.shape[0])
    whole = x[: x.shape[0] // size * size].reshape(-1, size, x.shape[1])
    return np.asarray(whole.var(axis=1, ddof=1).mean(axis=0), np.float64)
