"""Has the distribution of some channels moved? PSI, Kolmogorov-Smirnov and kernel MMD with thresholds by permutation.

Fixed thresholds (PSI > 0.2 and the like) know neither the sample's size nor that neighbours resemble each other. Here
whole blocks of rows change places between reference and sample: what the statistic does then is what it does without a
drift. Over channels the largest value counts, so that many channels do not mean many alarms.
"""

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]
BINS = 10
FLOOR = 0.5  # counts added to an empty bin
MOST_KERNEL_ROWS = 400


@dataclass(frozen=True, slots=True, kw_only=True)
class Moved:
    """One statistic's word.

    Args:
        statistic: Its value; for PSI and KS the largest over the channels.
        p: Probability of as large a value without a drift, by permutation, in (0, 1].
        channels: Value of each channel, shape (C,); empty for MMD.
    """

    statistic: float
    p: float
    channels: tuple[float, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class DriftTest:
    """All three statistics on the same permutations.

    Args:
        psi: Population stability index (Lewis 1994, *An Introduction to Credit Scoring*).
        ks: Kolmogorov-Smirnov distance.
        mmd: Squared maximum mean discrepancy (Gretton et al. 2012, JMLR 13:723).
        block: Rows that changed places together.
    """

    psi: Moved
    ks: Moved
    mmd: Moved
    block: int

    @property
    def p(self) -> float:
        """The smallest of the three, times three (Bonferroni), at most 1."""
        return min(1.0, 3 * min(self.psi.p, self.ks.p, self.mmd.p))


def block_length(x: Array, most: int) -> int:
    """Return how many rows belong together: ten correlation times of the most persistent channel, 1 to ``most``."""
    centred = x - x.mean(axis=0)
    power = np.sum(centred**2, axis=0)
    lagged = np.sum(centred[1:] * centred[:-1], axis=0)
    r = float(np.max(np.where(power > 0, lagged / np.where(power > 0, power, 1), 0)))
    if r <= 3 / math.sqrt(len(x)):
        return 1
    return int(min(max(1, round(-10 / math.log(min(r, 0.999)))), max(1, most)))


def drift_test(
    reference: Array, sample: Array, *, rng: np.random.Generator, permutations: int = 599, block: int = 0
) -> DriftTest:
    """Compare a sample with a reference.

    Args:
        reference: Rows known to be ordinary, in order of time, finite, shape (n, C), n ≥ 2 m is advised.
        sample: Rows in question, in order of time, finite, shape (m, C).
        rng: Randomness.
        permutations: How many; the smallest p is 1 / (permutations + 1).
        block: Rows that change places together; 0 takes :func:`block_length`, at most m / 8.

    Raises:
        ValueError: Shapes disagree, fewer than 16 rows, or a value is not finite.
    """
    if reference.ndim != 2 or sample.ndim != 2 or reference.shape[1] != sample.shape[1]:
        raise ValueError(f"shapes {reference.shape} and {sample.shape} do not fit")
    if min(len(reference), len(sample)) < 16:
        raise ValueError("fewer than 16 rows")
    if not (np.isfinite(reference).all() and np.isfinite(sample).all()):
        raise ValueError("values are not all finite")
    size = block or block_length(reference, len(sample) // 8)
    n, m = len(reference) // size * size, len(sample) // size * size
    pooled = np.vstack([reference[:n], sample[:m]])
    labels = _labels(n // size, m // size, size, permutations, rng)
    return DriftTest(
        psi=_largest(_psi(pooled, labels)),
        ks=_largest(_ks(pooled, labels)),
        mmd=_mmd(pooled, labels),
        block=size,
    )


def rate_test(
    reference: NDArray[np.bool_],
    sample: NDArray[np.bool_],
    *,
    rng: np.random.Generator,
    block: int,
    permutations: int = 599,
) -> float:
    """Return the two-sided p of a difference between two rates of alarms, permuting blocks of rows.

    Args:
        reference: Alarms in order of time, shape (n,), n ≥ block.
        sample: Alarms in question, shape (m,), m ≥ block.
        rng: Randomness.
        block: Rows that change places together, ≥ 1.
        permutations: How many.

    Raises:
        ValueError: A side is shorter than a block.
    """
    if block < 1 or min(reference.size, sample.size) < block:
        raise ValueError("a side is shorter than a block")
    n, m = reference.size // block, sample.size // block
    sums = np.r_[reference[: n * block], sample[: m * block]].reshape(-1, block).sum(axis=1).astype(np.float64)
    inside = _labels(n, m, 1, permutations, rng) @ sums
    gap = np.abs(inside / m - (sums.sum() - inside) / n)
    return _p(gap)


def psi(reference: Array, sample: Array) -> Array:
    """Return the population stability index of each channel, shape (C,), over ten bins of the pooled quantiles."""
    labels = np.r_[np.zeros(len(reference)), np.ones(len(sample))][None, :]
    return np.asarray(_psi(np.vstack([reference, sample]), labels)[0])


def ks(reference: Array, sample: Array) -> Array:
    """Return the Kolmogorov-Smirnov distance of each channel, shape (C,)."""
    labels = np.r_[np.zeros(len(reference)), np.ones(len(sample))][None, :]
    return np.asarray(_ks(np.vstack([reference, sample]), labels)[0])


def _labels(n: int, m: int, size: int, permutations: int, rng: np.random.Generator) -> Array:
    """Return which rows count as the sample, shape (1 + permutations, rows); the first line is what was observed."""
    observed = np.r_[np.zeros(n), np.ones(m)]
    shuffled = rng.permuted(np.tile(observed, (permutations, 1)), axis=1)
    return np.asarray(np.repeat(np.vstack([observed, shuffled]), size, axis=1))


def _psi(pooled: Array, labels: Array) -> Array:
    out = np.empty((len(labels), pooled.shape[1]))
    total = labels.sum(axis=1)
    for channel, column in enumerate(pooled.T):
        edges = np.unique(np.quantile(column, np.linspace(0, 1, BINS + 1)[1:-1]))
        code = np.searchsorted(edges, column, side="right")
        hot = (code[:, None] == np.arange(edges.size + 1)).astype(np.float64)
        inside = labels @ hot
        outside = hot.sum(axis=0) - inside
        p = np.maximum(inside, FLOOR) / total[:, None]
        q = np.maximum(outside, FLOOR) / (labels.shape[1] - total)[:, None]
        out[:, channel] = np.sum((p - q) * np.log(p / q), axis=1)
    return out


def _ks(pooled: Array, labels: Array) -> Array:
    out = np.empty((len(labels), pooled.shape[1]))
    m = labels.sum(axis=1)[:, None]
    n = labels.shape[1] - m
    for channel, column in enumerate(pooled.T):
        order = np.argsort(column, kind="stable")
        last = np.r_[np.diff(column[order]) > 0, True]  # ties are compared once, at their end
        ours = np.cumsum(labels[:, order], axis=1)
        theirs = np.arange(1, labels.shape[1] + 1) - ours
        out[:, channel] = np.max(np.abs(ours / m - theirs / n)[:, last], axis=1)
    return out


def _mmd(pooled: Array, labels: Array) -> Moved:
    kept = np.arange(len(pooled))
    if kept.size > MOST_KERNEL_ROWS:
        sample, rest = np.flatnonzero(labels[0] > 0), np.flatnonzero(labels[0] == 0)
        half = MOST_KERNEL_ROWS // 2
        kept = np.r_[_spread(rest, half), _spread(sample, half)]
    x = pooled[kept]
    scale = x.std(axis=0)
    x = x / np.where(scale > 0, scale, 1.0)
    squares = np.sum(x**2, axis=1)
    distance = np.maximum(squares[:, None] + squares[None, :] - 2 * x @ x.T, 0.0)
    positive = distance[distance > 0]
    kernel = np.exp(-distance / (float(np.median(positive)) if positive.size else 1.0))
    w = labels[:, kept]
    share = w.sum(axis=1, keepdims=True)
    weights = np.where(share > 0, w / np.maximum(share, 1), 0) - (1 - w) / np.maximum(kept.size - share, 1)
    values = np.einsum("pi,pi->p", weights @ kernel, weights)
    return Moved(statistic=float(values[0]), p=_p(values))


def _spread(index: NDArray[np.intp], most: int) -> NDArray[np.intp]:
    if index.size <= most:
        return index
    return index[np.linspace(0, index.size - 1, most).astype(np.intp)]


def _largest(values: Array) -> Moved:
    return Moved(
        statistic=float(values[0].max()), p=_p(values.max(axis=1)), channels=tuple(float(v) for v in values[0])
    )


def _p(values: Array) -> float:
    return float(np.count_nonzero(values >= values[0] - 1e-12)) / values.size
