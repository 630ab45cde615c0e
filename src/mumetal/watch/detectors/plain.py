"""The plain rule: values, moving averages and their squares, each beside its own history. It holds on short histories."""

import numpy as np
from numpy.typing import NDArray

from mumetal.core.finding import Attribution
from mumetal.core.ports import PluginInfo
from mumetal.core.technique import Conditions, Power
from mumetal.numerics.ewma import ewma
from mumetal.watch.detectors.power import blind
from mumetal.watch.detectors.standard import Array, Standardised, shares

FAST, SLOW, SQUARES = 0.1, 0.02, 0.05  # weights of the newest row in the moving averages
LARGEST_SQUARE = 400.0  # squares are cut here: one wild row must not fill an average
ORDINARY = 0.999  # quantile of each figure's own history that makes its unit
LEAST = 1e-6  # unit of a figure that never moved


class Plain(Standardised):
    """Largest of four figures per channel, each in units of its own history's 99.9% quantile.

    The figures are the distance from the median in robust standard deviations, its moving averages over about 10 and
    50 rows, and the moving average of its square, which sees a louder noise. Each channel is held against itself, so the
    loudest does not hide the others. Nothing is fitted but medians and quantiles; so it promises little, and needs
    little history to do so.
    """

    info = PluginInfo(
        plugin_id="watch.detectors.plain",
        title="Plain rule: level, drift and noise of each channel",
        reference="Hampel 1974, doi:10.2307/2285666; moving averages: Roberts 1959, doi:10.1080/00401706.1959.10489860",
        min_history=32,
        family="level",
        needs="any channel with more than four distinct values",
    )
    joint = True
    accumulates = True
    measures = True
    tail_power = 1.0
    farthest = 4.0

    saved = ("_sums", "_unit")

    def fit_z(self, z: Array, seen: NDArray[np.bool_] | None) -> None:
        """Learn each figure's unit; ``held_out`` are the history's own scores, for only medians and quantiles were learnt."""
        del seen
        channels = z.shape[1]
        self._sums = np.zeros((3, channels))
        self._unit = np.ones((4, channels))
        figures = self._figures(z)
        self._unit = np.maximum(np.quantile(figures, ORDINARY, axis=0), LEAST)
        self._unit[:, z.std(axis=0) == 0] = np.inf  # a channel that never moved has no unit to be held against
        self.held_out = self._largest(figures)

    def reset(self) -> None:
        """Start from the ordinary level."""
        self._sums = np.zeros_like(self._sums)

    def _figures(self, z: Array) -> Array:
        """Return the four figures, shape (n, 4, C), and go on from the last row."""
        out = np.empty((len(z), 4, z.shape[1]))
        out[:, 0] = np.abs(z)
        squares = np.minimum(z**2, LARGEST_SQUARE)
        for slot, (alpha, x) in enumerate(((FAST, z), (SLOW, z), (SQUARES, squares))):
            averaged, self._sums[slot] = ewma(x, alpha, self._sums[slot])
            out[:, slot + 1] = np.abs(averaged)
        return out

    def _largest(self, figures: Array) -> Array:
        return np.asarray((figures / self._unit).max(axis=(1, 2)), np.float64)

    def score_z(self, z: Array, seen: NDArray[np.bool_] | None) -> Array:
        """Score rows, shape (n,): 1 is what one row in a thousand of the history reaches on one figure."""
        del seen  # what was not observed stands at 0, the ordinary place
        return self._largest(self._figures(z)) if len(z) else np.empty(0)

    def attribute_z(self, names: tuple[str, ...], z: Array, seen: NDArray[np.bool_] | None) -> tuple[Attribution, ...]:
        """Square of each channel's largest figure at the end of the window, started afresh."""
        del seen
        kept, self._sums = self._sums, np.zeros_like(self._sums)
        try:
            last = (self._figures(z)[-1] / self._unit).max(axis=0)
        finally:
            self._sums = kept
        return shares(names, last**2, "own-score")

    def power(self, technique: str, conditions: Conditions) -> Power:
        """State none: its threshold rests on the largest score of a history, not on a law of its noise."""
        del conditions
        return blind(
            self.info, technique, "1", "promises nothing: its threshold is the history's largest score, carried on"
        )
