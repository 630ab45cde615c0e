"""Scores of ordinary rows by a detector that did not learn from them."""

from collections.abc import Callable
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from mumetal.core.series import Series
from mumetal.watch.detectors.standard import Scale, Standardised
from mumetal.watch.regimes import Regimes
from mumetal.watch.rows import joined

Array = NDArray[np.float64]
RISE = 256  # rows in which the slowest features rise


@dataclass(frozen=True, slots=True, kw_only=True)
class Fold:
    """One block of a history to judge, the rest to learn from, its scale, and the rows right before the block.

    Args:
        scale: Of what is learnt from.
        learn: Everything but the block.
        judge: The block.
        before: At most ``RISE`` rows before it.
        share: Of the history that is learnt from, in (0, 1).
    """

    scale: Scale
    learn: Series
    judge: Series
    before: Series
    share: float


def folds(history: Series, count: int = 2, regimes: Regimes | None = None) -> tuple[Fold, ...]:
    """Return the ways to learn from all but one of ``count`` ≥ 2 equal blocks and judge that one, in order of time.

    Blocked cross-validation (Burman, Chow and Nolan 1994, doi:10.1093/biomet/81.2.351): rows hang together, so what is
    left out is in one piece.
    """
    edges = [len(history) * k // count for k in range(count + 1)]
    found = []
    for start, stop in pairwise(edges):
        learn = joined(history.rows(0, start), history.rows(stop, len(history)))
        found.append(
            Fold(
                scale=Scale(learn, regimes),
                learn=learn,
                judge=history.rows(start, stop),
                before=history.rows(max(0, start - RISE), start),
                share=1 - 1 / count,
            )
        )
    return tuple(found)


def held_out_scores(make: Callable[[], Standardised], parts: tuple[Fold, ...]) -> Array:
    """Score each block of the history with a detector fitted to the others, in order of time, shape (about n,).

    The first rows of the first block, in which slow features still rise, are left out: what is given are the last rows of
    the history.

    Args:
        make: Makes the detector.
        parts: From :func:`folds`; the detectors of one stream share them.
    """
    out: list[Array] = []
    for fold in parts:
        detector = make()
        detector.part = fold.share
        detector.fit_scaled(fold.scale, fold.learn)
        risen = len(fold.before) > 0 and len(detector.score(fold.before)) > 0
        out.append(detector.score(fold.judge)[0 if risen else min(RISE, len(fold.judge) // 4) :])
    return np.concatenate(out)
