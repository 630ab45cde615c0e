"""Not what the last rows foretold: residuals of a linear forecast."""

import numpy as np
from numpy.typing import NDArray

from mumetal.core.finding import Attribution
from mumetal.core.ports import PluginInfo
from mumetal.core.technique import Conditions, Power
from mumetal.numerics.normal import z_upper
from mumetal.watch.detectors.power import blind, shift_bound
from mumetal.watch.detectors.standard import Array
from mumetal.watch.detectors.windowed import Windowed

LAGS = 24
FEATURES = 1_536  # values a forecast is made from, at most
RIDGE = 0.3  # per row learnt from, in squared spreads: shrinks towards the history's mean
LEAST = 0.02  # spreads; a residual is not counted in units finer than this
PIECE = 1_024


class Forecast(Windowed):
    """Largest standardised residual of a ridge-regressed vector autoregression over all measured channels.

    What a channel's own past and the other channels do not foretell is news, however large the ordinary swings are.
    Shrinkage keeps some of every departure from the ordinary level in the residual, so that a new level does not become
    ordinary as soon as it is its own past. With more channels than ``FEATURES`` allow, each is foretold from its own
    past alone.
    """

    info = PluginInfo(
        plugin_id="watch.detectors.forecast",
        title="Not what the last minutes foretold",
        reference="Sims 1980, doi:10.2307/1912017; ridge: Hoerl and Kennard 1970, doi:10.1080/00401706.1970.10488634",
        techniques=("impair.cryostat_sabotage", "impair.crosstalk_hammering", "impair.config_edit"),
        min_history=128,
    )
    width = LAGS + 1

    saved = ("_own", "_lags", "_weights", "_size")

    def learn(self, windows: Array) -> None:
        """Solve the regression and learn the size of its residuals."""
        channels = windows.shape[1]
        self._own = channels * 4 > FEATURES
        self._lags = LAGS if self._own else max(4, min(LAGS, FEATURES // channels))
        past, now = self._split(windows)
        penalty = RIDGE * len(windows)
        if self._own:
            gram = np.einsum("nci,ncj->cij", past, past) + penalty * np.eye(past.shape[2])
            self._weights = np.linalg.solve(gram, np.einsum("nci,nc->ci", past, now)[:, :, None])[:, :, 0]
        else:
            gram = past.T @ past
            gram[np.diag_indices_from(gram)] += penalty
            self._weights = np.linalg.solve(gram, past.T @ now)
        self._size = np.ones(channels)
        self._size = self.residual(windows).std(axis=0) + LEAST

    def _split(self, windows: Array) -> tuple[Array, Array]:
        """Return the past as features, (n, C·lags) or (n, C, lags) for own forecasts, and the present (n, C)."""
        past = windows[:, :, -self._lags - 1 : -1]
        return (past if self._own else past.reshape(len(windows), -1)), windows[:, :, -1]

    def residual(self, windows: Array) -> Array:
        """Return the residual of each window's last row (n, kept), in standard deviations of those learnt from."""
        out = np.empty((len(windows), windows.shape[1]))
        for start in range(0, len(windows), PIECE):
            past, now = self._split(windows[start : start + PIECE])
            foretold = np.einsum("nci,ci->nc", past, self._weights) if self._own else past @ self._weights
            out[start : start + PIECE] = (now - foretold) / self._size
        return out

    def distance(self, windows: Array) -> Array:
        """Return the largest absolute residual of each window's last row, shape (n,), in standard deviations."""
        return np.asarray(np.abs(self.residual(windows)).max(axis=1), np.float64)

    def attribute_z(self, names: tuple[str, ...], z: Array, seen: NDArray[np.bool_] | None) -> tuple[Attribution, ...]:
        """Square of each channel's residuals over the rows that the score averages."""
        rows = int(self.smooth) + self.width
        level = self._level(z[-rows:], None if seen is None else seen[-rows:])
        padded = np.concatenate([np.repeat(level[:1], self.width - 1, axis=0), level])
        windows = np.lib.stride_tricks.sliding_window_view(padded, self.width, axis=0)[-max(1, int(self.smooth)) :]
        return self.shares_of(names, (self.residual(windows) ** 2).sum(axis=0), "own-score")

    def power(self, technique: str, conditions: Conditions) -> Power:
        """A shift in white noise, which no past foretells, averaged over the rows of the score."""
        if technique not in self.info.techniques:
            return blind(self.info, technique, "1", "looks at what single rows add to their past only")
        rows = min(self.smooth, conditions.samples)
        if rows < 1:
            return blind(self.info, technique, "1", "had no sample", "sample at all")
        each = z_upper(conditions.false_alarm / (2 * conditions.channels))
        smallest = (each - z_upper(conditions.power)) * conditions.noise
        bound = shift_bound(conditions)
        return Power(
            technique=technique,
            smallest=max(float(smallest), bound),
            bound=bound,
            unit="unit of the noise",
            reason=f"one residual of {conditions.channels} must pass {each:.1f} standard deviations, averaging not counted",
            advice="",
        )
