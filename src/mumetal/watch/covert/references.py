"""How far a change of the references is believed: the best linear predictor of what all pulses, or all readouts, share."""

import math

import numpy as np
from numpy.typing import NDArray

from mumetal.watch.covert.spans import Spans

Array = NDArray[np.float64]
GATE = 2.0  # standard deviations of the references' own change, beyond which it is believed in full
SURE = 3.0  # the same, from which on it is believed of the shorter windows too
GUARD = 1.6  # the rise over the references alone counts so many times: what they share is no message
FEWEST = 4  # windows of the past from which anything is learnt of windows so long
ENOUGH = 20  # windows of the past that tell by themselves how wide such a window spreads


def believed(
    change: Array, noise: Array, common: Array | float, shared: Array | float, sure: NDArray[np.bool_]
) -> Array:
    """Return how much of the references' change is subtracted, in [0, 1].

    Args:
        change: Their change.
        noise: Variance of that change by their own noise.
        common: Variance of what changes innocently for data and references together.
        shared: Covariance of the data's and the references' noise.
        sure: Where longer windows were sure of a change; windows that are sure themselves are added, in place.
    """
    weight = np.minimum((shared + common) / (noise + common), 1.0)
    steps = np.abs(change) / np.sqrt(noise + common)
    out = np.where(sure | (steps > GATE), 1.0, weight)
    sure |= steps > SURE
    return out


def common_change(means: Array, noise: Array, prior: float) -> Array:
    """Return the variance of what references change by innocently over windows of one length, shape (D,).

    What the past's windows show beyond their noise, plus a standard error, where that is less than the prior; more than the prior
    where they show more.

    Args:
        means: Windows that share no row, shape (k, D).
        noise: Variance of such a mean by noise alone, shape (D,).
        prior: What is taken where nothing is known.
    """
    count = means.shape[0]
    if count < FEWEST:
        return np.full(means.shape[1], prior)
    excess = means.var(axis=0, ddof=1) - noise
    error = noise * math.sqrt(2 / (count - 1))
    return np.asarray(np.maximum(np.minimum(np.maximum(excess, 0.0) + error, prior), excess), np.float64)


def widened(spans: tuple[int, ...], counts: tuple[int, ...], ratios: Array, doubt: float = 1.0) -> Array:
    """Return how much wider windows spread than independent rows would have them, shape (spans, D), at least 1.

    Where the past holds 20 windows or more they tell by themselves; of longer ones as much as is certain, and no less than
    a level that wanders at random would make of what is certain in shorter ones.

    Args:
        spans: Window lengths, growing.
        counts: How many windows that share no row there were of each.
        ratios: Mean square of their means over what it is expected to be, shape (spans, D).
        doubt: The least that windows of which there are fewer than 20 are taken to spread by, in squares.
    """
    out = np.ones(ratios.shape)
    certain, known = np.zeros(ratios.shape[1:]), 1
    for slot, (span, count) in enumerate(zip(spans, counts, strict=True)):
        least = ratios[slot] / (1 + 3 * math.sqrt(2 / max(count, 1)))
        if count >= ENOUGH:
            out[slot] = np.maximum(ratios[slot], 1.0)
            certain, known = np.maximum(least - 1.0, 0.0), span
        else:
            out[slot] = np.maximum(np.maximum(least, doubt), 1.0 + certain * span / known)
    return np.sqrt(out)


def apart(spans: tuple[int, ...], rows: Array) -> list[Array]:
    """Return, for each window length, the means of windows that share no row, shape (k, columns) each."""
    return [
        means[span - 1 :: span] for span, (_, means) in zip(spans, Spans(spans, rows.shape[1]).push(rows), strict=True)
    ]
