"""How many shots a claim about a distribution needs, and whether counts keep to it.

Pearson's test; its power by Patnaik (1949, doi:10.1093/biomet/36.1-2.202) with Wilson and Hilferty (1931). A distribution at
total variation d from the expected one has χ² distance at least 4 d² (Cauchy and Schwarz): the worst case is sized for.
"""

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from mumetal.core.errors import BadInputError
from mumetal.numerics.normal import chi2_upper, survival

LEAST_EXPECTED = 5.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """What counts say of an expected distribution.

    Args:
        statistic: Pearson's χ².
        freedom: Degrees of freedom after bins with fewer than five expected counts are put together.
        p_value: Probability of a larger one if the expectation holds.
        shots: Shots seen.
    """

    statistic: float
    freedom: int
    p_value: float
    shots: int


def _chi2_survival(x: float, freedom: float) -> float:
    if x <= 0:
        return 1.0
    spread = 2 / (9 * freedom)
    return survival(((x / freedom) ** (1 / 3) - (1 - spread)) / math.sqrt(spread))


def power_of(shots: float, distance: float, bins: int, alpha: float) -> float:
    """Return the probability to notice a total variation of ``distance`` with ``shots``, at false-alarm rate ``alpha``."""
    freedom = max(bins - 1, 1)
    away = 4 * distance**2 * shots
    scale = (freedom + 2 * away) / (freedom + away)
    return _chi2_survival(chi2_upper(alpha, freedom) / scale, (freedom + away) ** 2 / (freedom + 2 * away))


def shots_needed(distance: float, bins: int, *, alpha: float = 1e-3, power: float = 0.9) -> int:
    """Return the shots with which a total variation of ``distance`` is noticed with probability ``power``.

    Raises:
        BadInputError: A probability is not between 0 and 1, or there are fewer than two bins.
    """
    if not (0 < distance <= 1 and 0 < alpha < 1 and alpha < power < 1 and bins >= 2):
        raise BadInputError(
            "distance, alpha and power are probabilities, power above alpha, and there are two bins or more"
        )
    low, high = 1.0, 2.0
    while power_of(high, distance, bins, alpha) < power:
        high *= 2
    while high - low > 0.5:
        middle = (low + high) / 2
        low, high = (middle, high) if power_of(middle, distance, bins, alpha) < power else (low, middle)
    return math.ceil(high)


def compare(counts: NDArray[np.int64], expected: NDArray[np.float64]) -> Verdict:
    """Test counts against probabilities, both of shape (bins,).

    Raises:
        BadInputError: Shapes differ, or there are no counts.
    """
    shots = int(counts.sum())
    if counts.shape != expected.shape or shots <= 0 or (counts < 0).any():
        raise BadInputError("counts and probabilities have one value for every bit string, and there are counts")
    wanted = expected / expected.sum() * shots
    order = np.argsort(wanted)
    small = order[np.cumsum(wanted[order]) < LEAST_EXPECTED * max(1, (wanted < LEAST_EXPECTED).any())]
    small = np.union1d(small, np.flatnonzero(wanted < LEAST_EXPECTED))
    large = np.setdiff1d(np.arange(counts.size), small)
    seen = np.r_[counts[large], counts[small].sum()] if small.size else counts
    should = np.r_[wanted[large], wanted[small].sum()] if small.size else wanted
    keep = should > 0
    if seen[~keep].any():
        return Verdict(statistic=math.inf, freedom=max(int(keep.sum()) - 1, 1), p_value=0.0, shots=shots)
    statistic = float(((seen[keep] - should[keep]) ** 2 / should[keep]).sum())
    freedom = max(int(keep.sum()) - 1, 1)
    return Verdict(statistic=statistic, freedom=freedom, p_value=_chi2_survival(statistic, freedom), shots=shots)
