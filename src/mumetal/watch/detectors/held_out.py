"""Scores of ordinary rows by a detector that did not learn from them."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from mumetal.core.series import Series
from mumetal.watch.detectors.standard import Scale, Standardised
from mumetal.watch.regimes import Regimes

Array = NDArray[np.float64]
RISE = 256  # rows in which the slowest features rise


@dataclass(frozen=True, slots=True, kw_only=True)
class Half:
    """One half of a history to learn from, its scale, the other half to judge, and the rows right before that."""

    scale: Scale
    learn: Series
    judge: Series
    before: Series


def halves(history: Series, regimes: Regimes | None = None) -> tuple[Half, Half]:
    """Return the two ways to learn from one half and judge the other, in the order of what is judged."""
    middle = len(history) // 2
    early, late = history.rows(0, middle), history.rows(middle, len(history))
    return (
        Half(scale=Scale(late, regimes), learn=late, judge=early, before=early.rows(0, 0)),
        Half(scale=Scale(early, regimes), learn=early, judge=late, before=early.rows(max(0, middle - RISE), middle)),
    )


def held_out_rows(rows: int) -> NDArray[np.int64]:
    """Return which rows of a history of so many :func:`held_out_scores` gives a score for, in its order."""
    middle = rows // 2
    return np.arange(min(RISE, middle // 4), rows) if middle else np.arange(rows)


def held_out_scores(make: Callable[[], Standardised], parts: tuple[Half, Half]) -> Array:
    """Score each half of the history with a detector fitted to the other half, in order of time, shape (about n,).

    The first rows, in which slow features still rise, are left out; the second half's have the first half's before them.

    Args:
        make: Makes the detector.
        parts: From :func:`halves`; the detectors of one stream share them.
    """
    out: list[Array] = []
    for half in parts:
        detector = make()
        detector.part = 0.5
        detector.fit_scaled(half.scale, half.learn)
        risen = len(half.before) > 0 and len(detector.score(half.before)) > 0
        out.append(detector.score(half.judge)[0 if risen else min(RISE, len(half.judge) // 4) :])
    return np.concatenate(out)
