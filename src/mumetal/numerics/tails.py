"""How rare a large score is: generalised Pareto tails, clusters of exceedances, block maxima."""

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]


def pareto_fit(excess: Array, *, prior_shape: float = 0.0, prior_weight: float = 0.0) -> tuple[float, float]:
    """Fit a generalised Pareto distribution by probability-weighted moments (Hosking and Wallis 1987).

    Source: doi:10.1080/00401706.1987.10488243. With ``prior_weight`` the shape is drawn towards ``prior_shape`` as if so
    many more exceedances had said so; the scale then keeps the sample mean.

    Args:
        excess: Amounts above the threshold, ≥ 0, shape (n,), n ≥ 2.
        prior_shape: Shape that the prior holds.
        prior_weight: Exceedances the prior counts for, ≥ 0.

    Returns:
        Shape ξ in [-0.5, 0.9] (positive: heavy tail) and scale σ > 0.

    Raises:
        ValueError: Fewer than two amounts, or a negative one.
    """
    if excess.ndim != 1 or excess.size < 2 or excess.min() < 0:
        raise ValueError("need at least two amounts >= 0")
    y = np.sort(excess)
    n = y.size
    mean = float(y.mean())
    if mean <= 0:
        return 0.0, 1e-12
    weighted = float(np.mean(y * (1 - (np.arange(1, n + 1) - 0.35) / n)))
    raw = 2 - mean / (mean - 2 * weighted) if mean > 2 * weighted else -0.5
    shape = (n * float(np.clip(raw, -0.5, 0.9)) + prior_weight * prior_shape) / (n + prior_weight)
    return shape, max(mean * (1 - shape), 1e-12)


def pareto_survival(excess: Array, shape: float, scale: float) -> Array:
    """Return P(Y > excess) of a generalised Pareto distribution, shape of ``excess``, in [0, 1].

    Raises:
        ValueError: The scale is not positive.
    """
    if not scale > 0:
        raise ValueError(f"scale {scale} is not positive")
    y = np.maximum(np.asarray(excess, np.float64), 0.0) / scale
    if abs(shape) < 1e-9:
        return np.asarray(np.exp(-y), np.float64)
    return np.asarray(np.maximum(1 + shape * y, 0.0) ** (-1 / shape), np.float64)


def pareto_quantile(survival: float, shape: float, scale: float) -> float:
    """Return the amount that is exceeded with probability ``survival`` in (0, 1].

    Raises:
        ValueError: ``survival`` is out of range.
    """
    if not 0 < survival <= 1:
        raise ValueError(f"survival {survival} is not in (0, 1]")
    if abs(shape) < 1e-9:
        return -scale * math.log(survival)
    return scale * float(survival**-shape - 1) / shape


def cluster_maxima(scores: Array, threshold: float, run: int) -> Array:
    """Return the largest score of each cluster of exceedances (runs declustering, Smith and Weissman 1994).

    Two exceedances belong to one cluster when fewer than ``run`` scores at or below the threshold lie between them.

    Args:
        scores: In order of time, shape (n,).
        threshold: Exceedances are strictly above it.
        run: Length of the pause that ends a cluster, ≥ 1.

    Returns:
        Maxima in order of time, shape (clusters,).

    Raises:
        ValueError: ``run`` is below one.
    """
    if run < 1:
        raise ValueError("run must be at least 1")
    above = np.flatnonzero(scores > threshold)
    if above.size == 0:
        return np.empty(0)
    starts = np.r_[0, np.flatnonzero(np.diff(above) > run) + 1]
    return np.asarray(np.maximum.reduceat(scores[above], starts), np.float64)


def block_maxima(scores: Array, block: int) -> Array:
    """Return the maximum of each full block of ``block`` scores, shape (n // block,).

    Raises:
        ValueError: ``block`` is below one.
    """
    if block < 1:
        raise ValueError("block must be at least 1")
    full = scores.size // block * block
    return np.asarray(scores[:full].reshape(-1, block).max(axis=1), np.float64)


@dataclass(frozen=True, slots=True, kw_only=True)
class Tail:
    """Empirical below ``threshold``, generalised Pareto above it.

    Args:
        ordered: Learnt scores in ascending order, shape (n,).
        threshold: Where the Pareto tail takes over.
        fraction: Share of samples above the threshold, in (0, 1).
        clusters: Clusters above the threshold per sample, in (0, fraction].
        shape: Pareto shape ξ.
        scale: Pareto scale σ.
    """

    ordered: Array
    threshold: float
    fraction: float
    clusters: float
    shape: float
    scale: float

    def p_values(self, scores: Array) -> Array:
        """Return P(score of an ordinary sample ≥ score), shape (n,), in (0, 1]."""
        n = self.ordered.size
        rank = n - np.searchsorted(self.ordered, scores, side="left")
        empirical = (rank + 1) / (n + 1)
        beyond = self.fraction * pareto_survival(scores - self.threshold, self.shape, self.scale)
        return np.asarray(np.maximum(np.where(scores > self.threshold, beyond, empirical), 1e-300), np.float64)

    def level(self, clusters_per_sample: float) -> float:
        """Return the score that clusters exceed ``clusters_per_sample`` times per sample, at least the threshold."""
        wanted = min(1.0, clusters_per_sample / self.clusters)
        return self.threshold + pareto_quantile(max(wanted, 1e-300), self.shape, self.scale)


def fit_tail(
    scores: Array,
    *,
    quantile: float = 0.9,
    run: int = 10,
    prior_shape: float = 0.1,
    prior_weight: float = 20.0,
    nominal_scale: float = 0.0,
) -> Tail:
    """Fit a tail to scores of ordinary samples in order of time.

    Args:
        scores: Finite, shape (n,), n ≥ 32.
        quantile: Where the Pareto tail begins, in (0, 1).
        run: Samples below the threshold that end a cluster, ≥ 1.
        prior_shape: See :func:`pareto_fit`.
        prior_weight: See :func:`pareto_fit`.
        nominal_scale: Scale of an exponential tail that theory gives, which counts for ``prior_weight`` exceedances; 0
            when there is no theory.

    Returns:
        The tail; its shape is kept in [0, 0.6], so that it never promises an end that was merely not seen.

    Raises:
        ValueError: Too few scores, or one that is not finite.
    """
    if scores.ndim != 1 or scores.size < 32 or not np.isfinite(scores).all():
        raise ValueError("need at least 32 finite scores")
    ordered = np.sort(scores)
    threshold = float(ordered[int(quantile * (ordered.size - 1))])
    maxima = cluster_maxima(scores, threshold, run)
    if nominal_scale > 0:
        excess = np.maximum(maxima - threshold, 0.0)
        weight = prior_weight + excess.size
        scale = (prior_weight * nominal_scale + float(excess.sum())) / weight
        rate = max(maxima.size, 1) / scores.size
        share = max(float(np.count_nonzero(scores > threshold)) / scores.size, rate)
        return Tail(ordered=ordered, threshold=threshold, fraction=share, clusters=rate, shape=0.0, scale=scale)
    if maxima.size < 4:  # constant or nearly so: whatever is above is news, on the scale of the scores themselves
        scale = max(float(ordered[-1] - ordered[0]), 0.05 * abs(threshold), 1e-6)
        rate = max(maxima.size, 1) / scores.size
        begins = threshold if maxima.size else threshold + scale  # nothing was ever above: a tie with all is no news
        return Tail(ordered=ordered, threshold=begins, fraction=rate, clusters=rate, shape=0.1, scale=scale)
    excess = maxima - threshold
    shape, scale = pareto_fit(excess, prior_shape=prior_shape, prior_weight=prior_weight)
    if shape < 0:
        shape, scale = 0.0, max(float(excess.mean()), 1e-12)
    fraction = float(np.count_nonzero(scores > threshold)) / scores.size
    return Tail(
        ordered=ordered,
        threshold=threshold,
        fraction=fraction,
        clusters=maxima.size / scores.size,
        shape=min(shape, 0.6),
        scale=scale,
    )
