"""How many independent samples a correlated sequence is worth."""

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]


def effective_size(x: Array, most: float = 0.99) -> float:
    """Return n (1 - r) / (1 + r) with the lag-1 correlation r in [0, ``most``] (Bayley and Hammersley 1946).

    Source: doi:10.2307/2983560, for a first-order autoregression. A constant sequence counts in full.

    Args:
        x: Samples in order of time, shape (n,), n >= 1.
        most: Largest correlation believed.

    Returns:
        In (0, n].

    Raises:
        ValueError: No sample.
    """
    if x.size == 0:
        raise ValueError("an empty sequence has no size")
    centred = x - x.mean()
    power = float(centred @ centred)
    r = float(centred[1:] @ centred[:-1]) / power if power > 0 else 0.0
    r = min(max(r, 0.0), most)
    return x.size * (1 - r) / (1 + r)
