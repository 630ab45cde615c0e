"""Which of many questions were answered with yes, when a stated share of the answers may be wrong."""

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]
BODY = 0.9  # share of the ordinary values below which the empirical distribution speaks


def discoveries(p: Array, rate: float) -> NDArray[np.bool_]:
    """Return which null hypotheses to reject (Benjamini and Hochberg 1995, doi:10.1111/j.2517-6161.1995.tb02031.x).

    The expected share of wrong rejections among all is at most ``rate`` for independent p-values, and for such as grow
    together (Benjamini and Yekutieli 2001, doi:10.1214/aos/1013699998).

    Args:
        p: p-values in [0, 1], shape (m,).
        rate: False discovery rate, in (0, 1).

    Returns:
        Shape (m,).
    """
    out = np.zeros(p.size, bool)
    order = np.argsort(p, kind="stable")
    below = np.flatnonzero(p[order] <= rate * np.arange(1, p.size + 1) / max(1, p.size))
    if below.size:
        out[order[: int(below[-1]) + 1]] = True
    return out


def moved_columns(history: Array, window: Array) -> Array:
    """Return how surprising each column's mean and spread over a window are, beside blocks of ordinary rows as long.

    Each statistic's distance from the ordinary median is compared with the same distances of the history's blocks:
    by rank within the body, by an exponential tail beyond it; the smaller of both p-values counts twice (Bonferroni).

    Args:
        history: Ordinary rows in order of time, shape (n, C); NaN means not observed.
        window: The rows in question, shape (w, C), 1 ≤ w.

    Returns:
        p-values in (0, 1], shape (C,); 1 where the history has fewer than 16 blocks, or the window no value.
    """
    rows = min(window.shape[0], history.shape[0] // 16)
    if rows < 1:
        return np.ones(window.shape[1])
    window = window[-rows:]
    blocks = history[history.shape[0] % rows :].reshape(-1, rows, history.shape[1])
    p = _beyond(_mean(blocks, 1), _mean(window[None], 1)[0])
    if rows >= 4:
        p = np.minimum(p, _beyond(_spread(blocks), _spread(window[None])[0]))
    return np.asarray(np.minimum(1.0, 2 * p), np.float64)


def _mean(values: Array, axis: int) -> Array:
    seen = np.isfinite(values)
    count = seen.sum(axis=axis)
    return np.asarray(np.where(count > 0, np.where(seen, values, 0.0).sum(axis=axis) / np.maximum(count, 1), np.nan))


def _spread(blocks: Array) -> Array:
    around = (blocks - _mean(blocks, 1)[:, None]) ** 2
    return np.asarray(0.5 * np.log(_mean(around, 1) + 1e-300))


def _beyond(ordinary: Array, asked: Array) -> Array:
    """Two-sided p-value of ``asked`` (C,) against ``ordinary`` (b, C)."""
    known = np.where(np.isfinite(ordinary), ordinary, np.nan)
    empty = ~np.isfinite(known).any(axis=0) | ~np.isfinite(asked)
    known = np.where(empty, 0.0, known)
    middle = np.nanmedian(known, axis=0)
    apart, far = np.nan_to_num(np.abs(known - middle)), np.abs(np.where(empty, 0.0, asked) - middle)
    edge = np.quantile(apart, BODY, axis=0)
    over = np.maximum(apart - edge, 0.0)
    count = np.maximum((over > 0).sum(axis=0), 1)
    scale = np.maximum(over.sum(axis=0) / count, 1e-9 * (1 + np.abs(middle)))
    rank = ((apart >= far).sum(axis=0) + 1) / (apart.shape[0] + 1)
    # the scale is known from ``count`` exceedances only: its predictive tail is a Lomax, not an exponential
    tail = (1 - BODY) * (1 + np.maximum(far - edge, 0.0) / (count * scale)) ** -count.astype(float)
    return np.where(empty, 1.0, np.where(far > edge, tail, rank))
