"""Shares that are compared by their likelihood: right in the tails also where few of few shots fail."""

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]


def signed_root(one: Array, shots_one: Array, other: Array, shots_other: Array) -> Array:
    """Return the signed root of the likelihood ratio of two binomial shares, nearly standard normal when they are alike.

    Wilks 1938, doi:10.1214/aoms/1177732360; numbers of shots need not be whole: a variance that is σ² wide counts as
    p·(1 - p)/σ² of them (quasi-likelihood, McCullagh 1983, doi:10.1214/aos/1176346056).

    Args:
        one: A share, in [0, 1].
        shots_one: Shots it was told from, > 0.
        other: What it is compared with, in [0, 1].
        shots_other: Shots that was told from, > 0.
    """
    pooled = (shots_one * one + shots_other * other) / (shots_one + shots_other)
    twice = 2 * (shots_one * _divergence(one, pooled) + shots_other * _divergence(other, pooled))
    return np.asarray(np.sign(one - other) * np.sqrt(np.maximum(twice, 0.0)), np.float64)


def _divergence(p: Array, q: Array) -> Array:
    """Kullback-Leibler divergence of two shares, 0·ln 0 being 0."""
    tiny = 1e-300
    own = p * np.log(np.maximum(p, tiny) / np.maximum(q, tiny))
    return np.asarray(own + (1 - p) * np.log(np.maximum(1 - p, tiny) / np.maximum(1 - q, tiny)), np.float64)
