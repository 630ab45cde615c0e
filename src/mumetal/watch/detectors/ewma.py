"""Level, slope and log-variance of each channel on several time scales."""

import numpy as np
from numpy.typing import NDArray

from mumetal.core.finding import Attribution
from mumetal.core.ports import PluginInfo
from mumetal.core.technique import Conditions, Power
from mumetal.numerics.ewma import ewma
from mumetal.numerics.normal import z_upper
from mumetal.numerics.robust import location_scale
from mumetal.watch.detectors.blocks import Blocks, Gathered
from mumetal.watch.detectors.power import blind, shift_bound
from mumetal.watch.detectors.standard import Array, Standardised, block_for, shares, thinned

SPANS = (4, 16, 64, 256)  # updates over which each scale averages
CYCLES = 20  # spans that the history must hold, or the scale's own spread cannot be learnt
TINY = 1e-9
LEAST = 1e-3  # local variance below which a channel counts as still, in squared standard deviations


class Ewma(Standardised):
    """Moving averages against what they did in the history.

    Features per channel: the level on each scale, the slope (fastest minus slowest level) and the logarithm of the
    local variance. Each is standardised by its own spread in the history, which takes autocorrelation into account.
    From 50 rows a second on the features are updated once per 16 rows (at most that much late).
    """

    info = PluginInfo(
        plugin_id="watch.detectors.ewma",
        title="Level, slope and variance on several time scales",
        reference="Roberts 1959, doi:10.1080/00401706.1959.10489860; log-variance: Crowder and Hamilton 1992, doi:10.1080/00224065.1992.11979357",
        techniques=("impair.cryostat_sabotage", "impair.crosstalk_hammering", "impair.config_edit"),
        min_history=128,
        family="level",
    )
    joint = True
    measures = True

    accumulates = True

    saved = (
        "_block",
        "_spans",
        "_alphas",
        "_channels",
        "_start",
        "_blocks",
        "_sums",
        "_weights",
        "_gappy",
        "_last_fast",
        "_held",
        "_location",
        "_spread",
    )

    def fit_z(self, z: Array, seen: NDArray[np.bool_] | None) -> None:
        """Learn the location and spread of each feature."""
        assert self._scale is not None
        self._block = block_for(self._scale.rate_hz)
        updates = int(z.shape[0] / self.part) // self._block
        self._spans = tuple(s for s in SPANS if s * CYCLES <= updates) or SPANS[:1]
        self._alphas = tuple(2 / (s + 1) for s in self._spans)
        self._channels = z.shape[1]
        self._start = np.ones(self._channels)
        self.reset()
        features = self._features(self._blocks.push(z, seen))
        warm = min(features.shape[0] // 4, 2 * self._spans[-1])
        flat = features[warm:].reshape(features.shape[0] - warm, -1)
        location, scale = location_scale(thinned(flat), absolute_floor=1e-3)
        deviation = flat.std(axis=0)
        # Few independent stretches of a slow feature were seen: widen its spread accordingly.
        rows = np.array([max(1.0, updates / (2 * s)) for s in self._feature_spans()])
        self._location = location.reshape(features.shape[1:])
        widened = np.maximum(scale, deviation).reshape(features.shape[1:]) * (1 + 2 / np.sqrt(rows))[:, None]
        self._spread = np.maximum(widened, self._white()[:, None])
        self._start = np.maximum(np.exp(self._location[-1]) - LEAST, 0.0)

    def _feature_spans(self) -> tuple[int, ...]:
        slope = (self._spans[-1],) if len(self._spans) > 1 else ()
        return (*self._spans, *slope, self._spans[-1])

    def _white(self) -> Array:
        """Spread each feature has on white noise; it is never less in a channel that was merely quiet."""
        levels = [np.sqrt(a / (2 - a) / self._block) for a in self._alphas]
        slope = [levels[0]] if len(levels) > 1 else []
        slow = self._alphas[-1]
        return np.array([*levels, *slope, np.sqrt(2 * slow / (2 - slow) / self._block)])

    def reset(self) -> None:
        """Start from the ordinary level."""
        self._blocks = Blocks(self._block, self._channels)
        self._sums = [self._start_of(slot).copy() for slot in range(len(self._alphas) + 1)]
        self._weights = [np.ones(self._channels) for _ in self._sums]
        self._gappy = False
        self._last_fast = np.zeros(self._channels)
        self._held = 0.0

    def _averaged(self, slot: int, alpha: float, x: Array, fraction: Array | None) -> Array:
        """Average observed values only: what was not observed leaves the average as it is."""
        if fraction is None:
            out, self._sums[slot] = ewma(x, alpha, self._sums[slot])
            return out
        sums, self._sums[slot] = ewma(x * fraction, alpha, self._sums[slot])
        weights, self._weights[slot] = ewma(fraction, alpha, self._weights[slot])
        gone = weights < TINY
        if gone.any():  # so long unobserved that the rest is rounding: start from the ordinary level again
            sums = np.where(gone, self._start_of(slot), sums)
            weights = np.where(gone, 1.0, weights)
        return np.asarray(sums / weights, np.float64)

    def _start_of(self, slot: int) -> Array:
        return self._start if slot == len(self._alphas) else np.zeros(self._channels)

    def _features(self, gathered: Gathered) -> Array:
        """Return features, shape (b, F, C)."""
        fraction = gathered.fraction
        self._gappy = self._gappy or fraction is not None
        if fraction is None and self._gappy:
            fraction = np.ones_like(gathered.mean)
        levels = [self._averaged(i, a, gathered.mean, fraction) for i, a in enumerate(self._alphas)]
        fast = levels[0]
        before = np.concatenate([self._last_fast[None], fast[:-1]]) if len(fast) else fast
        around = np.maximum(gathered.square - 2 * gathered.mean * before + before**2, 0.0)
        variance = self._averaged(len(self._alphas), self._alphas[-1], around, fraction)
        if len(fast):
            self._last_fast = fast[-1].copy()
        slope = [levels[0] - levels[-1]] if len(levels) > 1 else []
        return np.stack([*levels, *slope, np.log(variance + LEAST)], axis=1)

    def _distances(self, gathered: Gathered) -> Array:
        return np.asarray(np.abs(self._features(gathered) - self._location) / self._spread, np.float64)

    def score_z(self, z: Array, seen: NDArray[np.bool_] | None) -> Array:
        """Score rows, shape (n,): largest standardised feature, held between updates."""
        gathered = self._blocks.push(z, seen)
        if gathered.mean.shape[0] == 0:
            return np.full(z.shape[0], self._held)
        scores = self._distances(gathered).reshape(gathered.mean.shape[0], -1).max(axis=1)
        out = gathered.held(self._held, scores)
        self._held = float(scores[-1])
        return out

    def attribute_z(self, names: tuple[str, ...], z: Array, seen: NDArray[np.bool_] | None) -> tuple[Attribution, ...]:
        """Square of each channel's largest feature at the end of the window, started afresh."""
        kept = self.__dict__.copy()
        self._sums, self._weights = list(self._sums), list(self._weights)
        try:
            self.reset()
            gathered = self._blocks.push(z, seen)
            if gathered.mean.shape[0] == 0:
                return shares(names, z[-1] ** 2, "own-score")
            return shares(names, self._distances(gathered)[-1].max(axis=0) ** 2, "own-score")
        finally:
            self.__dict__.update(kept)

    def power(self, technique: str, conditions: Conditions) -> Power:
        """A lasting shift is averaged over the widest span that the samples fill; the best test averages all of them."""
        if technique not in self.info.techniques:
            return blind(self.info, technique, "1", "looks at levels, slopes and variances of single channels only")
        span = max((s for s in SPANS if s <= max(1.0, conditions.samples)), default=1)
        alpha = 2 / (span + 1)
        risen = 1 - (1 - alpha) ** conditions.samples
        threshold = z_upper(conditions.false_alarm / (2 * conditions.channels * (len(SPANS) + 2)))
        spread = conditions.noise * float(np.sqrt(alpha / (2 - alpha)))
        smallest = (threshold - z_upper(conditions.power)) * spread / risen if risen > 0 else np.inf
        return Power(
            technique=technique,
            smallest=float(smallest),
            bound=shift_bound(conditions),
            unit="unit of the noise",
            reason=f"a shift averaged over about {span} of {conditions.samples:g} samples, noise taken as white",
            advice="",
        )
