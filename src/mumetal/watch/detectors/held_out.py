"""Scores of ordinary rows by a detector that did not learn from them."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from mumetal.core.series import Series
from mumetal.watch.detectors.standard import Scale, Standardised

Array = NDArray[np.float64]


@dataclass(frozen=True, slots=True, kw_only=True)
class Half:
    """One half of a history to learn from, its scale, and the other half to judge."""

    scale: Scale
    learn: Series
    judge: Series


def halves(history: Series) -> tuple[Half, Half]:
    """Return the two ways to learn from one half and judge the other, in the order of what is judged."""
    middle = len(history) // 2
    early, late = history.rows(0, middle), history.rows(middle, len(history))
    return Half(scale=Scale(late), learn=late, judge=early), Half(scale=Scale(early), learn=early, judge=late)


def held_out_scores(make: Callable[[], Standardised], parts: tuple[Half, Half]) -> Array:
    """Score each half of the history with a detector fitted to the other half, in order of time, shape (about n,).

    The first rows of each half, in which slow features still rise, are left out.

    Args:
        make: Makes the detector.
        parts: From :func:`halves`; the detectors of one stream share them.
    """
    out: list[Array] = []
    for half in parts:
        detector = make()
        detector.fit_scaled(half.scale, half.learn)
        out.append(detector.score(half.judge)[min(32, len(half.judge) // 8) :])
    return np.concatenate(out)
