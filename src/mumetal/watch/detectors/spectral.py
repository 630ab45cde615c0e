"""Lines and bands that appear in fast streams."""

import numpy as np
from numpy.typing import NDArray

from mumetal.core.finding import Attribution
from mumetal.core.ports import PluginInfo
from mumetal.core.series import Series
from mumetal.core.technique import Conditions, Power
from mumetal.numerics.normal import z_upper
from mumetal.numerics.spectrum import hann_power
from mumetal.watch.detectors.power import blind
from mumetal.watch.detectors.standard import Array, Standardised, rate_of, shares

WINDOWS = (32, 64, 128, 256, 512)
FEWEST = 12  # windows the history must hold
SLOWEST_HZ = 8.0  # below it there is nothing periodic to see that the level detectors miss
LASTING = 3  # windows in a row: the first and the third do not overlap
FLOOR = 1e-4  # of a standardised channel's power: below it a line says nothing


class Spectral(Standardised):
    """Power of each frequency bin in causal Hann windows, relative to its mean in the history.

    Windows overlap by half and a bin counts by the least of its last three: a line lasts, while a step or a single
    spike lies in at most two of them and is left to the level detectors. The score changes when a window is complete
    and is held in between.
    """

    info = PluginInfo(
        plugin_id="watch.detectors.spectral",
        title="New line or band of noise",
        reference="Welch 1967, doi:10.1109/TAU.1967.1161901; Whalen 1971 (detection of a line in noise)",
        techniques=("impair.crosstalk_hammering", "exfiltration.timing_covert_channel"),
        min_history=224,
        family="spectral",
        needs="8 rows/s or more",
    )

    tail_power = 1.0  # the score itself has an exponential tail

    saved = ("_width", "_channels", "_rest", "_fresh", "_seen_rows", "_held", "_ratios", "_mean")

    @classmethod
    def watches(cls, history: Series) -> bool:
        """Say whether there is anything periodic to see that the level detectors miss."""
        return rate_of(history.t_ns) >= SLOWEST_HZ

    def fit_z(self, z: Array, seen: NDArray[np.bool_] | None) -> None:
        """Learn each bin's mean power; what was not observed stands at the centre."""
        del seen
        self._width = max((w for w in WINDOWS if w // 2 * (FEWEST + 1) <= z.shape[0]), default=WINDOWS[0])
        self._channels = z.shape[1]
        self.reset()
        power = self._power(self._windows(z)[0])
        mean = power.mean(axis=0)
        # Neighbouring bins lend one another rows: few windows make a noisy mean.
        padded = np.concatenate([mean[:1], mean, mean[-1:]])
        smooth = (padded[:-2] + 2 * padded[1:-1] + padded[2:]) / 4
        self._mean = np.maximum(np.maximum(mean, 0.5 * smooth), FLOOR)

    def reset(self) -> None:
        """Wait for a first full window."""
        self._rest = np.empty((0, self._channels))
        self._fresh = 0  # rows since the last complete window, counted from the first row
        self._seen_rows = 0
        self._held = 0.0
        self._ratios = np.empty((0, 0))

    def _windows(self, z: Array) -> tuple[Array, NDArray[np.int64]]:
        """Return windows complete with these rows (m, w, C) and for each row how many of them were complete by then."""
        hop, width = self._width // 2, self._width
        before = self._seen_rows
        buffer = np.concatenate([self._rest, z])
        offset = before - self._rest.shape[0]  # index of the buffer's first row
        after = before + z.shape[0]
        complete = np.maximum((np.arange(before + 1, after + 1) - width) // hop + 1, 0)
        done = max((before - width) // hop + 1, 0)
        ends = [width + hop * k for k in range(done, int(complete[-1]) if complete.size else done)]
        windows = np.stack([buffer[e - width - offset : e - offset] for e in ends]) if ends else np.empty((0, width, 1))
        self._rest = buffer[-width:].copy()
        self._seen_rows = after
        return windows, complete - done

    @staticmethod
    def _power(windows: Array) -> Array:
        return hann_power(windows)[:, 1:]  # the mean is no line

    def score_z(self, z: Array, seen: NDArray[np.bool_] | None) -> Array:
        """Score rows, shape (n,): largest ratio of a bin's power to its mean."""
        del seen
        if z.shape[0] == 0:
            return np.empty(0)
        windows, complete = self._windows(z)
        if windows.shape[0] == 0:
            return np.full(z.shape[0], self._held)
        scores = self._lasting((self._power(windows) / self._mean).reshape(windows.shape[0], -1))
        out = np.concatenate([[self._held], scores])[complete]
        self._held = float(scores[-1])
        return np.asarray(out, np.float64)

    def _lasting(self, ratios: Array) -> Array:
        """Return the largest bin of the least of three windows in a row, shape (m,); 0 until there are three."""
        known = np.concatenate([self._ratios, ratios]) if self._ratios.size else ratios
        self._ratios = known[-(LASTING - 1) :]
        scores = np.zeros(ratios.shape[0])
        if known.shape[0] >= LASTING:
            parts = [known[i : known.shape[0] - LASTING + 1 + i] for i in range(LASTING)]
            least = np.minimum.reduce(parts).max(axis=1)
            scores[-least.size :] = least[-scores.size :]
        return scores

    def attribute_z(self, names: tuple[str, ...], z: Array, seen: NDArray[np.bool_] | None) -> tuple[Attribution, ...]:
        """Largest ratio of each channel in the last window's worth of rows."""
        del seen
        if z.shape[0] < self._width:
            return shares(names, z[-1] ** 2, "own-score")
        ratio = self._power(z[None, -self._width :]) / self._mean
        return shares(names, ratio[0].max(axis=0), "own-score")

    def power(self, technique: str, conditions: Conditions) -> Power:
        """Amplitude of a steady line that passes the exponential tail of one window's bins."""
        if technique not in self.info.techniques:
            return blind(self.info, technique, "1", "looks for periodic signals only")
        width = max((w for w in WINDOWS if 2 * w <= conditions.samples), default=0)
        if width == 0:
            why = f"needs {2 * WINDOWS[0]} samples in a row and had {conditions.samples:g}"
            return blind(self.info, technique, "1", why, "sample faster or longer")
        bins = width // 2 * conditions.channels
        threshold = -np.log(conditions.false_alarm / bins) / 2  # two of the three windows are independent
        # Under a line the root of the power is nearly normal: sqrt(signal) - sqrt(threshold) ≥ z / sqrt(2).
        root = np.sqrt(threshold) - z_upper(conditions.power) / np.sqrt(2)
        hann = 1.5  # equivalent noise bandwidth of the taper (Harris 1978, doi:10.1109/PROC.1978.10837)
        smallest = conditions.noise * float(root * 2 * np.sqrt(hann / width))
        best = np.sqrt(-np.log(conditions.false_alarm)) - z_upper(conditions.power) / np.sqrt(2)
        return Power(
            technique=technique,
            smallest=smallest,
            bound=conditions.noise * float(best * 2 / np.sqrt(max(1.0, conditions.samples))),
            unit="amplitude in the unit of the noise",
            reason=f"a line in one of {bins} bins of a window of {width} samples; random modulation leaves no line",
        )
