"""Structure in the order of pulse times: messages whose bits last, or repeat, whatever the jitter's size."""

import math

import numpy as np
from numpy.typing import NDArray

from mumetal.core.finding import Attribution
from mumetal.core.ports import PluginInfo
from mumetal.core.series import Series
from mumetal.core.technique import Conditions, Power
from mumetal.numerics.normal import z_upper
from mumetal.watch.covert.spans import Spans, spans_up_to
from mumetal.watch.covert.timing import CLIP, LEARNT_MOST, TECHNIQUE, TIMING_WORDS, TimingDetector
from mumetal.watch.detectors.power import blind
from mumetal.watch.detectors.standard import COMPARED_HZ, Array, rate_of, shares

BLOCK = 256  # pulses
LAGS = 127  # pulses: bits that last so long, or sequences that repeat after so many
RUNS = (2, 4, 8, 16, 32)  # lags added up: bits that last so long are alike at all of them
LONGEST = 1_024  # blocks


class SequenceCorrelation(TimingDetector):
    """Autocorrelation of data pulses at lags of 1 to 127, reference pulses' mean subtracted, over windows that grow by √2.

    White jitter has none, however large it is: so there is no wall of an uncertain σ here. A message of ±dσ whose bits
    last, or that repeats itself, has d²/(1 + d²) at the lags where it is like itself. A message of independent bits has
    none, and is for the variance to find.
    """

    info = PluginInfo(
        plugin_id="watch.covert.sequence",
        title="Correlation of pulse timing with itself",
        reference="Box and Pierce 1970, doi:10.1080/01621459.1970.10481180 (residual autocorrelations)",
        techniques=(TECHNIQUE,),
        min_history=4 * BLOCK,
        family="covert.timing",
        needs="a channel …timing… or …jitter… in seconds, at most 1,000 rows/s",
        words=TIMING_WORDS,
    )

    nominal_scale = 2.0
    accumulates = True
    _spans: tuple[int, ...] = ()

    saved = ("_location", "_rest", "_past", "_held", "_spread", "_learnt", "_spans")

    @classmethod
    def watches(cls, history: Series) -> bool:
        """Say whether there is pulse timing, at a rate at which it can be compared with itself."""
        return super().watches(history) and 0 < rate_of(history.t_ns) <= COMPARED_HZ

    def fit_z(self, z: Array, seen: NDArray[np.bool_] | None) -> None:
        """Learn the ordinary correlation at each lag and its spread from block to block."""
        self._location = np.zeros((len(self._data), LAGS))
        self.reset()
        features = self._features(z, seen)
        self._location = features.mean(axis=0)
        few = 1 / math.sqrt(BLOCK)
        self._spread = np.maximum(features.std(axis=0, ddof=1), 0.5 * few)
        self._learnt = features.shape[0]
        self._spans = spans_up_to(min(self._learnt, LONGEST))
        self.reset()

    @property
    def scales(self) -> int:
        """How many features are looked at: every lag over every window."""
        return (LAGS + len(RUNS)) * len(self._spans)

    def reset(self) -> None:
        """Forget what was scored so far, keep what was learnt."""
        self._rest = np.empty((0, len(self._data)))
        self._past = Spans(self._spans, LAGS * len(self._data))
        self._held = 0.0

    def _features(self, z: Array, seen: NDArray[np.bool_] | None) -> Array:
        """Return the autocorrelations of each full block, shape (b, D, LAGS); what was not observed counts as ordinary."""
        own = np.clip(z[:, self._data], -CLIP, CLIP)
        if self._reference:
            own = own - np.clip(z[:, self._reference], -CLIP, CLIP).mean(axis=1, keepdims=True)
        if seen is not None:
            own = np.where(seen[:, [*self._data]] & seen[:, self._reference].all(axis=1, keepdims=True), own, 0.0)
        rows = np.concatenate([self._rest, own])
        blocks = rows.shape[0] // BLOCK
        self._rest = rows[blocks * BLOCK :].copy()
        cube = rows[: blocks * BLOCK].reshape(blocks, BLOCK, len(self._data))
        centred = cube - cube.mean(axis=1, keepdims=True)
        power = np.abs(np.fft.rfft(centred, 2 * BLOCK, axis=1)) ** 2
        products = np.fft.irfft(power, axis=1)[:, : LAGS + 1]
        whole = products[:, :1]
        scaled = np.where(whole > 1e-9, products[:, 1:] / np.maximum(whole, 1e-9), 0.0)
        return np.moveaxis(scaled, 1, 2)

    def _distances(self, z: Array, seen: NDArray[np.bool_] | None) -> Array:
        """Return the largest correlation over all lags and windows at each block, in standard deviations, (b, D)."""
        away = (self._features(z, seen) - self._location) / self._spread
        count, width = away.shape[0], len(self._data)
        out = np.zeros((count, width))
        for length, means in self._past.push(away.reshape(count, width * LAGS)):
            error = np.sqrt(1 / length + 1 / self._learnt)[:, None]
            lags = means.reshape(count, width, LAGS)
            out = np.maximum(out, np.abs(lags).max(axis=2) / error)
            together = np.abs(np.cumsum(lags, axis=2)[:, :, [k - 1 for k in RUNS]]) / np.sqrt(RUNS)
            out = np.maximum(out, together.max(axis=2) / error)
        return out

    def score_z(self, z: Array, seen: NDArray[np.bool_] | None) -> Array:
        """Score rows, shape (n,), in standard deviations, held between blocks."""
        complete = (self._rest.shape[0] + 1 + np.arange(z.shape[0])) // BLOCK
        scores = self._distances(z, seen).max(axis=1)
        out = np.concatenate([[self._held], scores])[complete]
        self._held = float(scores[-1]) if scores.size else self._held
        return np.asarray(out, np.float64)

    def attribute_z(self, names: tuple[str, ...], z: Array, seen: NDArray[np.bool_] | None) -> tuple[Attribution, ...]:
        """Square of each timing channel's largest correlation in the window, started afresh."""
        kept = self.__dict__.copy()
        try:
            self.reset()
            distances = self._distances(z, seen)
            weights = distances.max(axis=0) ** 2 if distances.shape[0] else z[-1, self._data] ** 2
            return shares(tuple(names[i] for i in self._data), weights, "own-score")
        finally:
            self.__dict__.update(kept)

    def power(self, technique: str, conditions: Conditions) -> Power:
        """Smallest d of a message whose neighbouring pulses carry the same bit; the bound is a test that knows the lag."""
        if technique not in self.info.techniques:
            return blind(self.info, technique, "jitter σ", "looks at pulse timing only")
        n = conditions.samples
        if n < 2 * BLOCK:
            return blind(
                self.info, technique, "jitter σ", f"needs {2 * BLOCK} pulses and had {n:g}", "record more pulses"
            )
        used = min(n, LEARNT_MOST)
        spans = self._spans or spans_up_to(LEARNT_MOST // BLOCK)
        total = z_upper(conditions.false_alarm / (2 * (LAGS + len(RUNS)) * len(spans))) - z_upper(conditions.power)
        best = z_upper(conditions.false_alarm) - z_upper(conditions.power)
        correlation, least = total * math.sqrt(1 / used + 1 / LEARNT_MOST), best / math.sqrt(n)
        return Power(
            technique=technique,
            smallest=math.sqrt(correlation / (1 - correlation)) if correlation < 1 else math.inf,
            bound=math.sqrt(least / (1 - least)) if least < 1 else math.inf,
            unit="jitter σ",
            reason=f"correlation over {used:g} pulses, of a message whose bits last or repeat; independent bits have none",
            advice="" if n <= used else "compute the features at the site, over longer windows",
        )
