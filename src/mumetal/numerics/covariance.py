"""Shrinkage covariance: invertible also when there are hardly more rows than channels."""

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]


def _centred(x: Array) -> Array:
    if x.ndim != 2 or x.shape[0] < 2:
        raise ValueError(f"samples have shape {x.shape}, not (n, C) with n >= 2")
    if not np.isfinite(x).all():
        raise ValueError("samples are not all finite")
    return np.asarray(x - x.mean(axis=0), np.float64)


def ledoit_wolf(x: Array) -> tuple[Array, float]:
    """Shrink the sample covariance towards a multiple of the identity (Ledoit and Wolf 2004).

    Source: doi:10.1016/S0047-259X(03)00096-4, with the sample covariance normalised by n.

    Args:
        x: Finite samples, shape (n, C), n ≥ 2.

    Returns:
        Covariance (C, C), and the weight of the target in [0, 1].

    Raises:
        ValueError: Wrong shape or a value that is not finite.
    """
    centred = _centred(x)
    n, c = centred.shape
    sample = centred.T @ centred / n
    mu = float(np.trace(sample)) / c
    distance = float(np.sum(sample**2)) / c - mu**2
    squared = centred**2
    noise = (float(np.sum(squared.T @ squared)) / n - float(np.sum(sample**2))) / (c * n)
    weight = 1.0 if distance <= 0 else float(np.clip(noise / distance, 0.0, 1.0))
    return (1 - weight) * sample + weight * mu * np.eye(c), weight


def oas(x: Array) -> tuple[Array, float]:
    """Shrink by the oracle-approximating weight for Gaussian samples (Chen, Wiesel, Eldar and Hero 2010).

    Source: doi:10.1109/TSP.2010.2053029, equation 23.

    Args:
        x: Finite samples, shape (n, C), n ≥ 2.

    Returns:
        Covariance (C, C), and the weight of the target in [0, 1].

    Raises:
        ValueError: Wrong shape or a value that is not finite.
    """
    centred = _centred(x)
    n, c = centred.shape
    sample = centred.T @ centred / n
    trace, squares = float(np.trace(sample)), float(np.sum(sample**2))
    above = (1 - 2 / c) * squares + trace**2
    below = (n + 1 - 2 / c) * (squares - trace**2 / c)
    weight = 1.0 if below <= 0 else float(np.clip(above / below, 0.0, 1.0))
    return (1 - weight) * sample + weight * trace / c * np.eye(c), weight
