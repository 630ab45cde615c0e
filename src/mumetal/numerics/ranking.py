"""How well scores tell two groups apart."""

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]


def auc(ordinary: Array, anomalous: Array) -> float:
    """Return P(anomalous > ordinary) + P(equal) / 2, the area under the ROC curve (Hanley and McNeil 1982).

    Source: doi:10.1148/radiology.143.1.7063747.

    Args:
        ordinary: Scores, shape (n,), n ≥ 1.
        anomalous: Scores, shape (m,), m ≥ 1.

    Returns:
        In [0, 1].

    Raises:
        ValueError: A group is empty or not finite.
    """
    if ordinary.size == 0 or anomalous.size == 0:
        raise ValueError("both groups need a score")
    if not (np.isfinite(ordinary).all() and np.isfinite(anomalous).all()):
        raise ValueError("scores are not all finite")
    ordered = np.sort(ordinary)
    below = np.searchsorted(ordered, anomalous, side="left")
    upto = np.searchsorted(ordered, anomalous, side="right")
    return float((below + upto).sum()) / (2.0 * ordinary.size * anomalous.size)
