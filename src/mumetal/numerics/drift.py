"""Has the distribution of some channels moved? PSI, Kolmogorov-Smirnov, kernel MMD and the mean, thresholds by permutation.

Fixed thresholds (PSI > 0.2 and the like) know neither the sample's size nor that neighbours resemble each other. Here
whole blocks of rows change places between reference and sample: what a statistic does then is what it does without a
drift. Every statistic is a function of sums over blocks, so that a thousand permutations cost one product of matrices.

Each channel is looked at twice: as it is, and as what is left of it when the others are known (the conditional residual),
where a shift of one channel alone stands out of what the channels have in common. Many statistics do not mean many
alarms: the smallest p of all is compared with the smallest p of all under each permutation (Westfall and Young 1993,
*Resampling-Based Multiple Testing*), which holds the level jointly whatever the dependence between them.
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from mumetal.numerics.covariance import ledoit_wolf

Array = NDArray[np.float64]
BINS = 10
FLOOR = 0.5  # counts added to an empty bin
GRID = 64  # places at which two distributions are compared by their distance
FEATURES = 64  # random frequencies of the kernel
TIMES = 10  # correlation times that belong together
FEWEST_BLOCKS = (
    5  # of the sample; with fewer the permutations say little, with shorter ones neighbours still resemble each other
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Moved:
    """One statistic's word.

    Args:
        statistic: Its value; for PSI and KS the largest over the channels, as they are and as conditional residuals.
        p: Probability of as large a value without a drift, by permutation, in (0, 1].
        channels: Value of each channel, the larger of its two, shape (C,); empty for MMD and the mean.
    """

    statistic: float
    p: float
    channels: tuple[float, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class DriftTest:
    """All four statistics on the same permutations.

    Args:
        psi: Population stability index (Lewis 1994, *An Introduction to Credit Scoring*).
        ks: Kolmogorov-Smirnov distance.
        mmd: Squared maximum mean discrepancy (Gretton et al. 2012, JMLR 13:723) in random Fourier features (Rahimi and
            Recht 2007, *Random Features for Large-Scale Kernel Machines*).
        mean: Hotelling's T² of the means (Hotelling 1931, doi:10.1214/aoms/1177732979).
        p: Joint probability of the smallest of their p without a drift, in (0, 1].
        block: Rows that changed places together.
    """

    psi: Moved
    ks: Moved
    mmd: Moved
    mean: Moved
    p: float
    block: int


def block_length(x: Array, most: int) -> int:
    """Return how many rows belong together: ten correlation times of the most persistent channel, 1 to ``most``."""
    centred = x - x.mean(axis=0)
    power = np.sum(centred**2, axis=0)
    lagged = np.sum(centred[1:] * centred[:-1], axis=0)
    r = float(np.max(np.where(power > 0, lagged / np.where(power > 0, power, 1), 0)))
    if r <= 3 / math.sqrt(len(x)):
        return 1
    return int(min(max(1, round(-TIMES / math.log(min(r, 0.999)))), max(1, most)))


class Blocks:
    """Blocks of a reference and a sample that change places; the first line of every result is what was observed.

    Args:
        reference: Rows of the reference, n.
        sample: Rows of the sample, m.
        size: Rows of a block; what is left over at the end of either is not looked at.
        permutations: How many.
        rng: Randomness.

    Raises:
        ValueError: Either side is shorter than a block.
    """

    def __init__(self, reference: int, sample: int, size: int, permutations: int, rng: np.random.Generator) -> None:
        if size < 1 or min(reference, sample) < size:
            raise ValueError("a side is shorter than a block")
        self.size = size
        self._n, self._m = reference // size, sample // size
        observed = np.r_[np.zeros(self._n), np.ones(self._m)]
        shuffled = rng.permuted(np.tile(observed, (permutations, 1)), axis=1)
        self._labels = np.vstack([observed, shuffled]).astype(np.float32)  # counts below 2^24 stay exact

    def pooled(self, reference: Array, sample: Array) -> Array:
        """Return the rows that are looked at, shape ((n + m) · size, …)."""
        return np.concatenate([reference[: self._n * self.size], sample[: self._m * self.size]])

    def means(self, features: Array) -> tuple[Array, Array]:
        """Return mean features of sample and rest under every labelling.

        Args:
            features: Of the pooled rows, shape (rows, F).

        Returns:
            Two of shape (1 + permutations, F).
        """
        return self._split(features.reshape(self._n + self._m, self.size, -1).sum(axis=1))

    def shares(self, codes: NDArray[np.intp], kinds: int) -> tuple[Array, Array]:
        """Return the share of every kind in sample and rest under every labelling.

        Args:
            codes: Kind of each pooled row, shape (rows,), in [0, kinds).
            kinds: How many kinds.

        Returns:
            Two of shape (1 + permutations, kinds).
        """
        blocks = self._n + self._m
        places = np.repeat(np.arange(blocks) * kinds, self.size) + codes
        return self._split(np.bincount(places, minlength=blocks * kinds).reshape(blocks, kinds).astype(np.float64))

    def _split(self, sums: Array) -> tuple[Array, Array]:
        inside = (self._labels @ sums.astype(np.float32)).astype(np.float64)
        outside = sums.sum(axis=0) - inside
        return inside / (self._m * self.size), outside / (self._n * self.size)

    def psi(self, pooled: Array) -> Array:
        """Return the population stability index of every column, shape (1 + permutations, C)."""
        out = np.empty((len(self._labels), pooled.shape[1]))
        for channel, column in enumerate(pooled.T):
            edges = np.unique(np.quantile(column, np.linspace(0, 1, BINS + 1)[1:-1]))
            code = np.searchsorted(edges, column, side="right")
            inside, outside = self.shares(code, edges.size + 1)
            p = np.maximum(inside, FLOOR / (self._m * self.size))
            q = np.maximum(outside, FLOOR / (self._n * self.size))
            out[:, channel] = np.sum((p - q) * np.log(p / q), axis=1)
        return out

    def ks(self, pooled: Array) -> Array:
        """Return the Kolmogorov-Smirnov distance of every column, shape (1 + permutations, C).

        Exact where a column has at most :data:`GRID` values; else the largest distance at so many quantiles.
        """
        out = np.empty((len(self._labels), pooled.shape[1]))
        for channel, column in enumerate(pooled.T):
            grid = np.unique(column)
            if grid.size > GRID:
                grid = np.unique(np.quantile(column, np.linspace(0, 1, GRID)))
            inside, outside = self.shares(np.searchsorted(grid, column, side="left"), grid.size + 1)
            out[:, channel] = np.max(np.abs(np.cumsum(inside - outside, axis=1)), axis=1)
        return out

    def mmd(self, white: Array, rng: np.random.Generator) -> Array:
        """Return the squared discrepancy under a Gaussian kernel of median-like width, shape (1 + permutations,).

        Args:
            white: Pooled rows of unit covariance, shape (rows, C).
            rng: Draws the frequencies.
        """
        white = white.astype(np.float32)
        angles = white @ (rng.normal(size=(white.shape[1], FEATURES)) / math.sqrt(white.shape[1])).astype(np.float32)
        inside, outside = self.means(np.hstack([np.cos(angles), np.sin(angles)]))
        return np.asarray(np.sum((inside - outside) ** 2, axis=1) / FEATURES)

    def mean(self, white: Array) -> Array:
        """Return Hotelling's T² of pooled rows of unit covariance up to a factor, shape (1 + permutations,)."""
        inside, outside = self.means(white)
        return np.asarray(np.sum((inside - outside) ** 2, axis=1))


def p_values(statistic: Array) -> Array:
    """Return the p of every labelling among all, shape (1 + permutations,), in (0, 1]; larger values are rarer."""
    ordered = np.sort(statistic)
    return 1.0 - np.searchsorted(ordered, statistic - 1e-12, side="left") / statistic.size


def jointly(statistics: Mapping[str, Array]) -> dict[str, float]:
    """Return each statistic's p adjusted for all the others, on the same permutations (Westfall and Young, one step).

    Args:
        statistics: Each of shape (1 + permutations,), the observed value first.
    """
    each = {name: p_values(values) for name, values in statistics.items()}
    smallest = np.min(list(each.values()), axis=0)
    return {name: float(np.mean(smallest <= values[0] + 1e-12)) for name, values in each.items()}


def checked(reference: Array, sample: Array) -> None:
    """Refuse what cannot be compared.

    Raises:
        ValueError: Shapes disagree, fewer than 16 rows, or a value is not finite.
    """
    if reference.ndim != 2 or sample.ndim != 2 or reference.shape[1] != sample.shape[1]:
        raise ValueError(f"shapes {reference.shape} and {sample.shape} do not fit")
    if min(len(reference), len(sample)) < 16:
        raise ValueError("fewer than 16 rows")
    if not (np.isfinite(reference).all() and np.isfinite(sample).all()):
        raise ValueError("values are not all finite")


def views(pooled: Array) -> tuple[Array, Array]:
    """Return the channels beside their conditional residuals, shape (rows, 2C), and the rows at unit covariance.

    The residual of channel i is (P z)_i / P_ii with the precision P of the pooled rows, shrunk (Ledoit and Wolf 2004).
    """
    scale = pooled.std(axis=0)
    z = (pooled - pooled.mean(axis=0)) / np.where(scale > 0, scale, 1.0)
    covariance, _ = ledoit_wolf(z)
    values, vectors = np.linalg.eigh(covariance)
    values = np.maximum(values, 1e-6 * max(float(values[-1]), 1.0))
    precision = (vectors / values) @ vectors.T
    return np.hstack([z, z @ precision / np.diag(precision)]), z @ vectors / np.sqrt(values)


def drift_test(
    reference: Array, sample: Array, *, rng: np.random.Generator, permutations: int = 599, block: int = 0
) -> DriftTest:
    """Compare a sample with a reference.

    Args:
        reference: Rows known to be ordinary, in order of time, finite, shape (n, C), n ≥ 2 m is advised.
        sample: Rows in question, in order of time, finite, shape (m, C).
        rng: Randomness.
        permutations: How many; the smallest p is 1 / (permutations + 1).
        block: Rows that change places together; 0 takes :func:`block_length`, at most m / 5.

    Raises:
        ValueError: Shapes disagree, fewer than 16 rows, or a value is not finite.
    """
    checked(reference, sample)
    size = block or block_length(reference, len(sample) // FEWEST_BLOCKS)
    blocks = Blocks(len(reference), len(sample), size, permutations, rng)
    test, _ = moved(blocks, blocks.pooled(reference, sample), rng)
    return test


def moved(blocks: Blocks, pooled: Array, rng: np.random.Generator) -> tuple[DriftTest, dict[str, Array]]:
    """Return what the four statistics say of pooled rows, and their values under every labelling by name."""
    both, white = views(pooled)
    psi, ks = blocks.psi(both), blocks.ks(both)
    values = {
        "psi": psi.max(axis=1),
        "ks": ks.max(axis=1),
        "mmd": blocks.mmd(white, rng),
        "mean": blocks.mean(white),
    }
    found = {
        name: Moved(statistic=float(v[0]), p=float(p_values(v)[0]), channels=_by_channel(wide))
        for (name, v), wide in zip(values.items(), (psi, ks, None, None), strict=True)
    }
    return DriftTest(**found, p=min(jointly(values).values()), block=blocks.size), values


def _by_channel(wide: Array | None) -> tuple[float, ...]:
    if wide is None:
        return ()
    return tuple(float(v) for v in wide[0].reshape(2, -1).max(axis=0))


def rate_gap(blocks: Blocks, alarms: NDArray[np.bool_]) -> Array:
    """Return the distance between two rates of alarms, shape (1 + permutations,).

    Args:
        blocks: Which rows change places together.
        alarms: Of the pooled rows, shape (rows,).
    """
    inside, outside = blocks.means(alarms.astype(np.float64)[:, None])
    return np.abs(inside - outside)[:, 0]


def psi(reference: Array, sample: Array) -> Array:
    """Return the population stability index of each channel, shape (C,), over ten bins of the pooled quantiles."""
    blocks = Blocks(len(reference), len(sample), 1, 0, np.random.default_rng(0))
    return np.asarray(blocks.psi(np.vstack([reference, sample]))[0])


def ks(reference: Array, sample: Array) -> Array:
    """Return the exact Kolmogorov-Smirnov distance of each channel, shape (C,)."""
    out = np.empty(reference.shape[1])
    for channel, (a, b) in enumerate(zip(reference.T, sample.T, strict=True)):
        at = np.concatenate([a, b])
        below = [np.searchsorted(np.sort(x), at, side="right") / x.size for x in (a, b)]
        out[channel] = np.max(np.abs(below[0] - below[1]))
    return out
