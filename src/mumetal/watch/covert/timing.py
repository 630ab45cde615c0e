"""The pulse-timing covert channel: bits as shifts of ±d·σ hidden in the jitter of the pulses' times."""

import math
import re

import numpy as np
from numpy.typing import NDArray

from mumetal.core.errors import BadInputError
from mumetal.core.finding import Attribution
from mumetal.core.ports import PluginInfo
from mumetal.core.series import Series
from mumetal.core.technique import Conditions, Power
from mumetal.numerics.ewma import ewma
from mumetal.numerics.normal import z_upper
from mumetal.watch.detectors.power import blind
from mumetal.watch.detectors.standard import Array, Scale, Standardised, shares

TECHNIQUE = "exfiltration.timing_covert_channel"
TIMING = re.compile(r".*(timing|jitter).*", re.IGNORECASE)
REFERENCE = re.compile(r".*(reference|ref).*", re.IGNORECASE)
BLOCK = 64  # pulses whose mean is taken out: slower wander cancels
LEARNT_MOST = 40_000  # rows a stream is learnt from at most: a longer average has nothing to be held against
SPANS = tuple(2**k for k in range(1, 13))  # blocks averaged, none longer than the history that tells what is ordinary
CLIP = 8.0  # standard deviations: one late pulse is no message
SIGMA_KNOWN = 0.01  # relative: how well jitter is known without reference pulses


def timing_channels(names: tuple[str, ...], units: tuple[str, ...]) -> tuple[list[int], list[int]]:
    """Return the columns of pulse timing residuals and of reference pulses' residuals, in seconds both."""
    timing = [i for i, n in enumerate(names) if units[i] == "s" and TIMING.fullmatch(n)]
    reference = [i for i in timing if REFERENCE.fullmatch(names[i])]
    reference += [i for i, n in enumerate(names) if units[i] == "s" and i not in timing and REFERENCE.fullmatch(n)]
    return [i for i in timing if i not in reference], reference


class TimingChannel(Standardised):
    """Variance of pulse timing against that of reference pulses, and its fourth moment, on doubling time scales.

    Shifts of ±dσ raise the variance to σ²(1 + d²) and bring the excess kurtosis to -2d⁴/(1 + d²)². The variance of
    reference pulses, which carry no message, is divided out: so a change of the jitter itself cancels. Without reference
    pulses, variance is compared with the history and no shift below the wall that σ's own uncertainty sets is seen.
    """

    _spans: tuple[int, ...] = ()  # none before it has learnt
    info = PluginInfo(
        plugin_id="watch.covert.timing",
        title="Variance and kurtosis of pulse timing against reference pulses",
        reference="KL of a two-point mixture per pulse ≈ d⁴/4; noise-uncertainty wall: Tandra and Sahai 2008, doi:10.1109/JSTSP.2007.914879",
        techniques=(TECHNIQUE,),
        min_history=8 * BLOCK,
    )

    nominal_scale = 2.0  # averages of many blocks are nearly normal, and z² then falls as exp(-z²/2)

    def fit(self, history: Series) -> None:
        """Learn the ordinary ratio and its spread.

        Raises:
            BadInputError: No timing channel in seconds, or too few rows.
        """
        self._choose(history)
        super().fit(history)

    def fit_scaled(self, scale: Scale, history: Series) -> None:
        """Learn with a scale that is known already."""
        self._choose(history)
        super().fit_scaled(scale, history)

    def _choose(self, history: Series) -> None:
        self._data, self._reference = timing_channels(history.names, tuple(c.unit for c in history.channels))
        if not self._data:
            raise BadInputError(
                "no pulse timing channel in seconds",
                where=f"{history.device}/{history.stream}",
                hint="name it …timing… or …jitter…, unit s",
            )

    def fit_z(self, z: Array, seen: NDArray[np.bool_] | None) -> None:
        """Learn location and spread of each feature."""
        self._location = np.zeros((2, len(self._data)))
        self._spread = np.ones((2, len(self._data)))
        self._spans = ()
        self.reset()
        features = self._features(z, seen)
        self._location = features.mean(axis=0)
        self._spread = np.maximum(features.std(axis=0, ddof=1), 0.25 * math.sqrt(2 / BLOCK))
        self._blocks_learnt = features.shape[0]
        self._spans = tuple(s for s in SPANS if s <= max(SPANS[0], self._blocks_learnt))
        self.reset()

    @property
    def scales(self) -> int:
        """How many features are looked at: both moments on each time scale."""
        return 2 * len(self._spans)

    def reset(self) -> None:
        """Forget what was scored so far, keep what was learnt."""
        count = len(self._data)
        self._rest = np.empty((0, count + len(self._reference)))
        self._rest_seen = np.empty(self._rest.shape, bool)
        self._state = [np.zeros((2 * count,)) for _ in self._spans]
        self._held = 0.0

    def _features(self, z: Array, seen: NDArray[np.bool_] | None) -> Array:
        """Return ln of the variance ratio and minus the excess kurtosis per full block, shape (b, 2, data channels).

        A block of which less than half was observed says nothing: its features are the ordinary ones.
        """
        columns = [*self._data, *self._reference]
        both = np.clip(z[:, columns], -CLIP, CLIP)
        mask = np.ones(both.shape, bool) if seen is None else seen[:, columns]
        rows, mask = np.concatenate([self._rest, both]), np.concatenate([self._rest_seen, mask])
        blocks = rows.shape[0] // BLOCK
        self._rest, self._rest_seen = rows[blocks * BLOCK :].copy(), mask[blocks * BLOCK :].copy()
        cube = rows[: blocks * BLOCK].reshape(blocks, BLOCK, len(columns))
        here = mask[: blocks * BLOCK].reshape(cube.shape)
        count = np.maximum(here.sum(axis=1), 1)
        centred = np.where(here, cube - (cube * here).sum(axis=1, keepdims=True) / count[:, None], 0.0)
        square = centred**2
        variance = np.maximum(square.sum(axis=1) / count, 1e-6)
        fourth = (square**2).sum(axis=1) / count / variance**2 - 3
        split = len(self._data)
        enough = count >= BLOCK // 2
        ordinary, known = np.zeros((blocks, 1)), enough[:, :split]
        if self._reference:
            ordinary = np.log(variance[:, split:].mean(axis=1, keepdims=True))
            known = known & enough[:, split:].all(axis=1, keepdims=True)
        features = np.stack([np.log(variance[:, :split]) - ordinary, -fourth[:, :split]], axis=1)
        return np.where(known[:, None, :], features, self._location)

    def _distances(self, z: Array, seen: NDArray[np.bool_] | None) -> Array:
        """Return the largest standardised feature of each block and data channel, shape (b, data channels).

        One-sided: a message raises the variance and lowers the fourth moment. The history's own error is included.
        """
        features = (self._features(z, seen) - self._location) / self._spread
        flat = features.reshape(features.shape[0], 2 * len(self._data))
        out = np.zeros((features.shape[0], len(self._data)))
        for index, span in enumerate(self._spans):
            alpha = 2 / (span + 1)
            smooth, self._state[index] = ewma(flat, alpha, self._state[index])
            sigma = math.sqrt(alpha / (2 - alpha) + 1 / self._blocks_learnt)
            out = np.maximum(out, (smooth / sigma).reshape(features.shape).max(axis=1))
        return out

    def score_z(self, z: Array, seen: NDArray[np.bool_] | None) -> Array:
        """Score rows, shape (n,), in standard deviations, held between blocks."""
        complete = (self._rest.shape[0] + 1 + np.arange(z.shape[0])) // BLOCK
        scores = np.maximum(self._distances(z, seen).max(axis=1), 0.0)
        out = np.concatenate([[self._held], scores])[complete]
        self._held = float(scores[-1]) if scores.size else self._held
        return np.asarray(out, np.float64)

    def attribute_z(self, names: tuple[str, ...], z: Array, seen: NDArray[np.bool_] | None) -> tuple[Attribution, ...]:
        """Square of each timing channel's largest feature at the end of the window, started afresh."""
        kept = self.__dict__.copy()
        try:
            self.reset()
            distances = self._distances(z, seen)
            if distances.shape[0] == 0:
                return shares(tuple(names[i] for i in self._data), z[-1, self._data] ** 2, "own-score")
            return shares(tuple(names[i] for i in self._data), distances.max(axis=0) ** 2, "own-score")
        finally:
            self.__dict__.update(kept)

    def power(self, technique: str, conditions: Conditions) -> Power:
        """Smallest d in units of σ; the best blind test of a ±dσ mixture in known Gaussian jitter needs KL n·d⁴/4.

        A variance test against n reference pulses has ln-ratio error sqrt(2/n + 2/n) and mean ln(1 + d²).
        """
        if technique not in self.info.techniques:
            return blind(self.info, technique, "jitter σ", "looks at pulse timing only")
        n = conditions.samples
        if n < 2 * BLOCK:
            return blind(
                self.info, technique, "jitter σ", f"needs {2 * BLOCK} pulses and had {n:g}", "record more pulses"
            )
        total = z_upper(conditions.false_alarm / 2) - z_upper(conditions.power)
        span = self._spans[-1] if self._spans else SPANS[-1]
        used = min(n, span * BLOCK, LEARNT_MOST)
        by_noise = math.sqrt(math.expm1(total * math.sqrt(4 / used)))
        optimal = (2 * (z_upper(conditions.false_alarm) - z_upper(conditions.power)) ** 2 / n) ** 0.25
        wall = math.sqrt(2 * SIGMA_KNOWN)
        return Power(
            technique=technique,
            smallest=by_noise,
            bound=optimal,
            unit="jitter σ",
            reason=f"variance over {used:g} pulses against as many reference pulses; "
            f"without reference pulses nothing below {wall:.2f} σ is seen (σ known to 1%)",
            advice="record reference pulses beside the payload" if n > used else "",
        )
