"""Small lasting shifts, by cumulative sums of whitened values."""

import numpy as np
from numpy.typing import NDArray

from mumetal.core.finding import Attribution
from mumetal.core.ports import PluginInfo
from mumetal.core.technique import Conditions, Power
from mumetal.numerics.cusum import cusum
from mumetal.numerics.normal import z_upper
from mumetal.numerics.robust import location_scale
from mumetal.watch.detectors.blocks import Blocks, Gathered
from mumetal.watch.detectors.power import blind, shift_bound
from mumetal.watch.detectors.standard import Array, Standardised, block_for, shares, thinned

SLACK = 0.5
CAP = 60.0
CLIP = 4.0  # one wild sample must not look like a lasting shift
LARGEST_MEMORY = 0.98


class Cusum(Standardised):
    """Two-sided cumulative sum on values whitened by a first-order autoregression.

    Without the whitening an autocorrelated channel crosses any threshold (Johnson and Bagshaw 1974,
    doi:10.1080/00401706.1974.10489155).
    """

    info = PluginInfo(
        plugin_id="watch.detectors.cusum",
        title="Small lasting shift",
        reference="Page 1954, doi:10.1093/biomet/41.1-2.100",
        techniques=("impair.cryostat_sabotage", "impair.crosstalk_hammering", "impair.config_edit"),
        min_history=128,
        family="level",
    )
    joint = True
    measures = True

    tail_power = 1.0  # the score itself has an exponential tail
    accumulates = True

    saved = ("_block", "_memory", "_location", "_spread", "_channels", "_blocks", "_state", "_last", "_held")

    def fit_z(self, z: Array, seen: NDArray[np.bool_] | None) -> None:
        """Learn each channel's memory and the spread of what it leaves."""
        assert self._scale is not None
        self._block = block_for(self._scale.rate_hz)
        gathered = Blocks(self._block, z.shape[1]).push(z, seen)
        x = np.clip(gathered.mean, -CLIP, CLIP)
        centred = x - x.mean(axis=0)
        power = np.maximum((centred[:-1] ** 2).sum(axis=0), 1e-12)
        memory = (centred[1:] * centred[:-1]).sum(axis=0) / power
        # An estimate from few rows is too small on average (Kendall 1954, doi:10.1093/biomet/41.3-4.403).
        rows = max(x.shape[0], 4)
        self._memory = np.clip(memory + (1 + 3 * memory) / rows, 0.0, LARGEST_MEMORY)
        residual = x[1:] - self._memory * x[:-1]
        self._location, scale = location_scale(thinned(residual), absolute_floor=1e-3)
        self._spread = np.maximum(scale, residual.std(axis=0))
        self._spread = np.maximum(self._spread, 0.1 / np.sqrt(self._block))
        self._channels = z.shape[1]

    def reset(self) -> None:
        """Start both sums at zero."""
        self._blocks = Blocks(self._block, self._channels)
        self._state = (np.zeros(self._channels), np.zeros(self._channels))
        self._last = np.zeros(self._channels)
        self._held = 0.0

    def _sums(self, gathered: Gathered) -> Array:
        """Return the larger sum of each channel, shape (b, C)."""
        x = gathered.mean
        missing = None if gathered.fraction is None else gathered.fraction == 0
        if missing is not None and missing.any():  # the last observed value stands in for the one before
            x = x.copy()
            for row in np.flatnonzero(missing.any(axis=1)):
                x[row] = np.where(missing[row], x[row - 1] if row else self._last, x[row])
        before = np.concatenate([self._last[None], x[:-1]])
        self._last = x[-1].copy()
        whitened = np.clip((x - self._memory * before - self._location) / self._spread, -CLIP, CLIP)
        if missing is not None:
            whitened = np.where(missing, np.nan, whitened)
        up, down, self._state = cusum(whitened, SLACK, self._state, cap=CAP)
        return np.asarray(np.maximum(up, down), np.float64)

    def score_z(self, z: Array, seen: NDArray[np.bool_] | None) -> Array:
        """Score rows, shape (n,): the largest sum, held between updates."""
        gathered = self._blocks.push(z, seen)
        if gathered.mean.shape[0] == 0:
            return np.full(z.shape[0], self._held)
        scores = self._sums(gathered).max(axis=1)
        out = gathered.held(self._held, scores)
        self._held = float(scores[-1])
        return out

    def attribute_z(self, names: tuple[str, ...], z: Array, seen: NDArray[np.bool_] | None) -> tuple[Attribution, ...]:
        """Square of each channel's sum at the end of the window, started afresh."""
        kept = self.__dict__.copy()
        try:
            self.reset()
            gathered = self._blocks.push(z, seen)
            if gathered.mean.shape[0] == 0:
                return shares(names, z[-1] ** 2, "own-score")
            return shares(names, self._sums(gathered)[-1] ** 2, "own-score")
        finally:
            self.__dict__.update(kept)

    def power(self, technique: str, conditions: Conditions) -> Power:
        """Threshold by Siegmund's approximation for one false alarm in 1/false_alarm samples; a shift δ needs h/(δ-k)."""
        if technique not in self.info.techniques:
            return blind(self.info, technique, "1", "looks at lasting shifts of single channels only")
        wanted = 2 * conditions.channels / conditions.false_alarm  # two sides, all channels
        low, high = 0.0, 200.0
        for _ in range(60):  # ARL(b) = (e^{2kb} - 2kb - 1) / 2k², b = h + 1.166 (Siegmund 1985, ISBN 978-0387961347)
            b = (low + high) / 2
            arl = (np.exp(2 * SLACK * b) - 2 * SLACK * b - 1) / (2 * SLACK**2)
            low, high = (b, high) if arl < wanted else (low, b)
        # The sum after n samples is about N(n(δ-k), n); it must have passed h with the power asked for.
        n = conditions.samples
        needed = max(low - 1.166, 0.0)
        smallest = np.inf
        if n >= 1:
            smallest = conditions.noise * (SLACK + needed / n - z_upper(conditions.power) / np.sqrt(n))
        return Power(
            technique=technique,
            smallest=float(smallest),
            bound=shift_bound(conditions),
            unit="unit of the noise",
            reason=f"shifts below {SLACK} standard deviations are ignored, a sum of {needed:.1f} is needed",
            advice="average before summing to see smaller shifts" if n > 100 else "",
        )
