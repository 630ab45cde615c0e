"""Whether an attack can be told at all: the matched detector's AUC against the same background.

The detector knows the injected change of every channel. It correlates it with the trace (whitened in one of four ways, as it
likes) on the channel that tells most, and is judged on all windows of the quiet part: with the change added, and without.
One channel alone makes this a lower bound of the best detector's AUC.
"""

import numpy as np
from numpy.typing import NDArray

from bench.foreign.noise import Array

Mask = NDArray[np.bool_]
_LEAST = 4  # rows of a template


def auc(quiet: Array, lift: Array | float) -> float:
    """Return P(a lifted score exceeds another's quiet one), ties by half."""
    order = np.sort(quiet)
    lifted = quiet + lift
    below = np.searchsorted(order, lifted, "left") + np.searchsorted(order, lifted, "right")
    return float(below.mean() / (2 * order.size))


def matched_auc(quiet: Array, change: Array) -> float:
    """Return the AUC of a detector that knows the change.

    Args:
        quiet: Values before the event, NaN where not observed, shape (m, C).
        change: What the event adds until its deadline, NaN where not observed, shape (k, C).
    """
    best, found = 0.0, 0.5
    for x, s in zip(quiet.T, change.T, strict=True):
        seen, told = x[np.isfinite(x)], s[np.isfinite(s)]
        if seen.size < 64 or not told.any():
            continue
        if not np.ptp(seen):  # what never moves tells any move
            return 1.0
        told = _densest(told, seen.size // 4)
        for scores, lift in _ways(seen, told):
            far = abs(lift) / max(float(scores.std()), 1e-300)
            if far > best:
                best, found = far, auc(scores if lift > 0 else -scores, abs(lift))
    return found


def repeat_auc(quiet: Array, apart: int, rows: int) -> float:
    """Return the AUC of a detector that counts values equal to those ``apart`` rows before, which a replay makes all equal.

    Args:
        quiet: One channel before the event, NaN where not observed, shape (m,).
        apart: How far back is repeated; 1 for a frozen sensor.
        rows: How many rows are repeated until the deadline.
    """
    seen = np.isfinite(quiet[apart:]) & np.isfinite(quiet[:-apart])
    same = ((quiet[apart:] == quiet[:-apart]) & seen).astype(float)
    window = max(1, min(rows, same.size // 4))
    share = np.convolve(same, np.ones(window), "valid") / np.maximum(
        np.convolve(seen.astype(float), np.ones(window), "valid"), 1
    )
    return float(np.mean(share < 1) + np.mean(share >= 1) / 2)


def _densest(s: Array, most: int) -> Array:
    """The stretch of at most ``most`` rows that holds the most of the change."""
    if s.size <= most:
        return s
    energy = np.r_[0.0, np.cumsum(s**2)]
    at = int(np.argmax(energy[most:] - energy[:-most]))
    return s[at : at + most]


def _ways(x: Array, s: Array) -> list[tuple[Array, float]]:
    """Scores of every quiet window and the lift by the change: plain, against what came before, whitened twice."""
    before = np.r_[np.zeros(s.size), s]
    ways = [(x - x.mean(), s), (x - x.mean(), before - before.mean())]
    edge = np.r_[0.0, s]
    ways += [(_less(x, share), _less(edge, share)) for share in (1.0, float(np.corrcoef(x[1:], x[:-1])[0, 1]))]
    return [(_correlated(y, w), float(w @ w)) for y, w in ways if w.any() and y.size > w.size + _LEAST]


def _less(x: Array, share: float) -> Array:
    """Return each value less a share of the one before."""
    return np.asarray(x[1:] - share * x[:-1])


def _correlated(x: Array, w: Array) -> Array:
    """Return the correlation of w with every window of x."""
    size = 1 << (x.size + w.size).bit_length()
    whole = np.fft.irfft(np.fft.rfft(x, size) * np.conj(np.fft.rfft(w, size)), size)
    return np.asarray(whole[: x.size - w.size + 1])
