"""Quantiles of the normal and chi-square distributions without scipy."""

import math
from statistics import NormalDist

_NORMAL = NormalDist()


def z_upper(p: float) -> float:
    """Return z with P(N(0,1) > z) = p, for p in (0, 1).

    Raises:
        ValueError: ``p`` is not in (0, 1).
    """
    if not 0 < p < 1:
        raise ValueError(f"p {p} is not in (0, 1)")
    return -_NORMAL.inv_cdf(p) if p > 1e-300 else math.inf


def survival(z: float) -> float:
    """Return P(N(0,1) > z)."""
    return 0.5 * math.erfc(z / math.sqrt(2))


def chi2_upper(p: float, freedom: float) -> float:
    """Return x with P(χ² > x) = p by Wilson and Hilferty (1931, doi:10.1073/pnas.17.12.684), within 1% for freedom ≥ 2.

    Raises:
        ValueError: ``p`` is not in (0, 1) or ``freedom`` is not positive.
    """
    if not freedom > 0:
        raise ValueError(f"freedom {freedom} is not positive")
    h = 2 / (9 * freedom)
    return float(freedom * max(0.0, 1 - h + z_upper(p) * math.sqrt(h)) ** 3)
