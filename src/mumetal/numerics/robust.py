"""Robust location and scale of columns that may be constant or partly unobserved."""

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]
MAD_TO_SIGMA = 1.4826022185056018  # 1 / Φ⁻¹(3/4), Gaussian consistency (Hampel 1974, doi:10.2307/2285666)


def location_scale(
    values: Array, *, relative_floor: float = 1e-6, absolute_floor: float = 1e-12
) -> tuple[Array, Array]:
    """Return median and scaled median absolute deviation of each column, NaN left out.

    A column that is constant for more than half of its samples has a MAD of zero: then its standard deviation is
    taken, and where that is zero as well a floor, so that any move of a constant channel shows.

    Args:
        values: Samples, shape (n, C), n ≥ 1; NaN means not observed.
        relative_floor: Smallest scale relative to the column's largest magnitude, dimensionless.
        absolute_floor: Smallest scale of a column that is all zeros or never observed, in the column's unit.

    Returns:
        Location (C,) and scale (C,), both finite, scale > 0. A column never observed has location 0.

    Raises:
        ValueError: The array is not two-dimensional or has no row.
    """
    if values.ndim != 2 or values.shape[0] == 0:
        raise ValueError(f"values have shape {values.shape}, not (n, C) with n >= 1")
    seen = np.isfinite(values)
    if seen.all():
        columns = np.ascontiguousarray(values.T)  # a selection along rows jumps through memory
        location = np.median(columns, axis=1)
        spread = MAD_TO_SIGMA * np.median(np.abs(columns - location[:, None]), axis=1)
        deviation = columns.std(axis=1)
    else:
        never = ~seen.any(axis=0)
        filled = np.where(never, 0.0, np.where(seen, values, np.nan))
        location = np.nanmedian(filled, axis=0)
        spread = MAD_TO_SIGMA * np.nanmedian(np.abs(filled - location), axis=0)
        deviation = np.nanstd(filled, axis=0)
    largest = np.max(np.abs(np.where(seen, values, 0.0)), axis=0)
    floor = np.maximum(relative_floor * largest, absolute_floor)
    # A MAD far below the deviation means more than half the samples coincide: quantised or rarely moving channels.
    scale = np.where(spread > 0.05 * deviation, spread, deviation)
    return location, np.maximum(scale, floor)
