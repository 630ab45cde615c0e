"""Scores of ordinary rows by a detector that did not learn from them."""

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from mumetal.core.series import Series
from mumetal.watch.detectors.standard import Scale, Standardised

Array = NDArray[np.float64]


def held_out_scores(make: Callable[[], Standardised], history: Series) -> Array:
    """Score each half of the history with a detector fitted to the other half, in order of time, shape (about n,).

    The first rows of each half, in which slow features still rise, are left out.
    """
    middle = len(history) // 2
    out: list[Array] = []
    for learn, judge in ((history.rows(middle, len(history)), history.rows(0, middle)),
                         (history.rows(0, middle), history.rows(middle, len(history)))):  # fmt: skip
        detector = make()
        detector.fit_scaled(Scale(learn), learn)
        out.append(detector.score(judge)[min(32, len(judge) // 8) :])
    return np.concatenate(out)
