"""Principal directions of rows, whichever of rows and columns are more."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]
TINY = 1e-9


@dataclass(frozen=True, slots=True, kw_only=True)
class Principal:
    """Directions of largest variance.

    Args:
        mean: Shape (p,).
        vectors: Orthonormal columns, largest variance first, shape (p, k).
        variances: Along each of them, shape (k,).
        left: Mean variance along each of the directions that are left; 0 when none is.
    """

    mean: Array
    vectors: Array
    variances: Array
    left: float


def principal(rows: Array, most: int) -> Principal:
    """Find at most ``most`` principal directions (Pearson 1901, doi:10.1080/14786440109462720).

    With fewer rows than columns the Gram matrix is decomposed instead of the covariance.

    Args:
        rows: Finite, shape (n, p), n ≥ 2.
        most: Directions wanted, ≥ 1.

    Returns:
        k = min(most, p, n - 1) directions; fewer where the rows do not span so many.

    Raises:
        ValueError: Wrong shape or a value that is not finite.
    """
    if rows.ndim != 2 or rows.shape[0] < 2 or most < 1 or not np.isfinite(rows).all():
        raise ValueError(f"rows have shape {rows.shape}, not (n, p) with n >= 2, or are not finite")
    mean = rows.mean(axis=0)
    apart = rows - mean
    n, p = apart.shape
    wide = n < p
    values, vectors = np.linalg.eigh((apart @ apart.T if wide else apart.T @ apart) / n)
    values, vectors = np.maximum(values[::-1], 0.0), vectors[:, ::-1]
    k = max(1, min(most, p, n - 1, int((values > TINY * max(values[0], TINY)).sum())))
    chosen = vectors[:, :k]
    if wide:
        chosen = apart.T @ chosen / np.sqrt(np.maximum(values[:k] * n, TINY * TINY))
    rest = values[k:]
    free = min(n, p) - k
    return Principal(
        mean=mean,
        vectors=np.ascontiguousarray(chosen),
        variances=np.ascontiguousarray(values[:k]),
        left=float(rest.sum() / free) if free > 0 else 0.0,
    )
