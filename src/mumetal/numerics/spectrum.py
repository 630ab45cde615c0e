"""Power at single frequencies and in bands."""

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]


def goertzel(x: Array, frequency: float) -> Array:
    """Return ``|Σ x[t] exp(-2πi f t)|² / n`` of each column (Goertzel 1958, doi:10.2307/2310304).

    White noise of variance σ² gives σ² on average; a sine of amplitude A at ``frequency`` gives n·A²/4.

    Args:
        x: Finite samples, shape (n, C), n ≥ 1.
        frequency: In cycles per sample, in [0, 0.5].

    Returns:
        Power, shape (C,), in the square of the column's unit.

    Raises:
        ValueError: Wrong shape or frequency out of range.
    """
    if x.ndim != 2 or x.shape[0] == 0 or not 0 <= frequency <= 0.5:
        raise ValueError(f"need (n, C) samples and a frequency in [0, 0.5], not {x.shape}, {frequency}")
    phase = 2 * np.pi * frequency * np.arange(x.shape[0])
    return np.asarray(((np.cos(phase) @ x) ** 2 + (np.sin(phase) @ x) ** 2) / x.shape[0], np.float64)


def hann_power(windows: Array) -> Array:
    """Return the power of Hann-tapered windows, mean removed.

    Args:
        windows: Shape (m, w, C), w ≥ 4, finite.

    Returns:
        Power per frequency, shape (m, w // 2 + 1, C), so scaled that white noise of variance σ² gives σ².

    Raises:
        ValueError: Wrong shape.
    """
    if windows.ndim != 3 or windows.shape[1] < 4:
        raise ValueError(f"windows have shape {windows.shape}, not (m, w, C) with w >= 4")
    w = windows.shape[1]
    taper = 0.5 - 0.5 * np.cos(2 * np.pi * (np.arange(w) + 0.5) / w)
    centred = (windows - windows.mean(axis=1, keepdims=True)) * taper[None, :, None]
    transformed = np.fft.rfft(centred, axis=1)
    return np.asarray((transformed.real**2 + transformed.imag**2) / float(np.sum(taper**2)), np.float64)


def band_power(power: Array, edges: Array) -> Array:
    """Average power over bands of bins.

    Args:
        power: Shape (m, bins, C).
        edges: First bin of each band and one past the last, increasing, shape (bands + 1,).

    Returns:
        Mean power, shape (m, bands, C).

    Raises:
        ValueError: Edges do not increase within the bins.
    """
    e = np.asarray(edges, np.int64)
    if e.size < 2 or np.any(np.diff(e) <= 0) or e[0] < 0 or e[-1] > power.shape[1]:
        raise ValueError("band edges must increase within the bins")
    sums = np.add.reduceat(power[:, : e[-1]], e[:-1], axis=1)
    return np.asarray(sums / np.diff(e)[None, :, None], np.float64)
