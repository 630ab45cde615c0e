"""Detectors that accumulate, started afresh beside their former selves while an alert of their family stands."""

from copy import copy

import numpy as np
from numpy.typing import NDArray

from mumetal.watch.detectors.standard import Standardised
from mumetal.watch.ensemble import Ensemble

Array = NDArray[np.float64]


class Fresh:
    """A family's detectors over one chunk after another, those that accumulate started afresh.

    Args:
        ensemble: What watches the stream.
        family: Which of its detectors.
    """

    def __init__(self, ensemble: Ensemble, family: str) -> None:
        self._ensemble = ensemble
        self.columns = [i for i, m in enumerate(ensemble.members) if m.family == family]
        self._summing = [k for k, i in enumerate(self.columns) if ensemble.members[i].detector.accumulates]
        self._plain = [k for k in range(len(self.columns)) if k not in self._summing]
        self._started: list[Standardised] = []

    @property
    def started(self) -> list[Standardised]:
        """The detectors that were started afresh and are out; a restart puts them back."""
        return self._started

    @started.setter
    def started(self, detectors: list[Standardised]) -> None:
        self._started = detectors

    def look_at(self, values: Array, scores: Array, levels: Array) -> Array:
        """Take the rows of a chunk, shape (n, C), with scores and thresholds of all members, shape (n, M); return relative scores."""
        self._values, self._scores, self._levels = values, scores, levels[:, self.columns]
        self._relative = scores[:, self.columns] / self._levels
        return np.asarray(self._relative.max(axis=1), np.float64)

    def now(self, start: int, stop: int) -> tuple[Array, Array]:
        """Return relative scores of the next rows, shape (stop - start,): of those that hold no state, and of those afresh."""
        if not self._started:
            self.restart()
        fresh = self._score(start, stop) / self._levels[start:stop, self._summing]
        return self._relative[start:stop, self._plain].max(axis=1, initial=0.0), fresh.max(axis=1, initial=0.0)

    def restart(self) -> None:
        """Start afresh with the next row."""
        self._started = [copy(self._ensemble.members[self.columns[k]].detector) for k in self._summing]
        for detector in self._started:
            detector.reset()

    def take_over(self, start: int) -> Array:
        """Go on as the family's own detectors from a row on, and return its relative scores from there."""
        scores = self._score(start, len(self._values))
        self._scores[start:, [self.columns[k] for k in self._summing]] = scores
        self._relative[start:, self._summing] = scores / self._levels[start:, self._summing]
        self.forget()
        return np.asarray(self._relative[start:].max(axis=1), np.float64)

    def forget(self) -> None:
        """Put the fresh detectors, if they are out, in the place of their former selves."""
        for k, detector in zip(self._summing, self._started, strict=bool(self._started)):
            self._ensemble.renew(self.columns[k], detector)
        self._started = []

    def _score(self, start: int, stop: int) -> Array:
        out = np.empty((stop - start, len(self._started)))
        for slot, detector in enumerate(self._started):
            z, seen = self._ensemble.applied(self._values[start:stop], measures=detector.measures)
            out[:, slot] = detector.score_z(z, seen)
        return out


def fresh_of(ensemble: Ensemble) -> dict[str, Fresh]:
    """Return one for each family of an ensemble."""
    return {family: Fresh(ensemble, family) for family in dict.fromkeys(m.family for m in ensemble.members)}
