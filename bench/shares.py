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
