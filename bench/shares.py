"""Shares with their intervals."""

import math


def wilson(hits: int, n: int) -> tuple[float, float]:
    """Return the 95% interval of a share (Wilson 1927, doi:10.1080/01621459.1927.10502953); (0, 1) of nothing."""
    if not n:
        return 0.0, 1.0
    z, p = 1.959964, hits / n
    middle, half = p + z * z / (2 * n), z * math.sqrt(p * (1 - p) / n + z * z / (4 * n * n))
    low, high = (0.0 if not hits else (middle - half) / (1 + z * z / n)), (middle + half) / (1 + z * z / n)
    return low, 1.0 if hits == n else high


def poisson_interval(count: int) -> tuple[float, float]:
    """Return the exact 95% interval of the mean of a Poisson count (Garwood 1936, doi:10.1093/biomet/28.3-4.437)."""
    low = _mean_at(count - 1, 0.975) if count else 0.0
    return low, _mean_at(count, 0.025)


def _mean_at(count: int, wanted: float) -> float:
    """Return the mean at which at most ``count`` come with the wanted probability, by bisection."""
    low, high = 0.0, count + 10 * math.sqrt(count + 1) + 10
    for _ in range(80):
        mean = (low + high) / 2
        terms = (
            (math.exp(k * math.log(mean) - mean - math.lgamma(k + 1)) for k in range(count + 1)) if mean > 0 else (1.0,)
        )
        low, high = (mean, high) if sum(terms) > wanted else (low, mean)
    return (low + high) / 2
