"""What detectors of standardised values share: the scale of each channel, the channel map, and blocks of rows."""

from copy import copy
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

from mumetal.core.errors import BadInputError
from mumetal.core.finding import Attribution
from mumetal.core.ports import PluginInfo
from mumetal.core.series import Series
from mumetal.numerics.robust import location_scale
from mumetal.watch.regimes import Regimes, state_columns

Array = NDArray[np.float64]
LARGEST = 1e6  # standard deviations; beyond it nothing is learnt from the size, and squares stay finite
FAST_HZ = 50.0  # from here on slow features are updated once per block of samples
FAST_BLOCK = 16
THINNED = 4_096
COMPARED_HZ = 1_000.0  # faster streams would spend their time on comparing rows


class Scale:
    """Robust location and scale of each channel, learnt once.

    Args:
        history: What is ordinary, at least one row.
        regimes: The states of the stream, where known: a channel that reports one, and not its first time, is no measurement
            and stands at its ordinary place.
    """

    saved = ("_regimes", "_states", "epoch", "location", "scale", "inverse", "rate_hz")

    def __init__(self, history: Series, regimes: Regimes | None = None) -> None:
        self._regimes = regimes if regimes is not None and regimes.active else None
        self._states = np.empty(0, np.int64)  # columns that stand at their ordinary place
        self.epoch = history.epoch
        self.location, self.scale = location_scale(thinned(history.values))
        self.inverse = 1.0 / self.scale
        self.rate_hz = rate_of(history.t_ns)

    def of_measures(self, history: Series) -> "Scale":
        """Return the same for detectors of measurements: channels that report states stand at their ordinary place."""
        states = state_columns(history.values)
        if not states.size or self._states.size:
            return self
        out = copy(self)
        vars(out)["_states"] = states
        return out

    @property
    def masks(self) -> bool:
        """Whether it leaves channels that report states at their ordinary place."""
        return bool(self._states.size)

    def apply(self, values: Array) -> tuple[Array, NDArray[np.bool_] | None]:
        """Return standardised values (n, C), not observed as 0, and where they were observed (None: everywhere)."""
        with np.errstate(over="ignore", invalid="ignore"):
            z = values - self.location
            z *= self.inverse
        if self._states.size:
            z[:, self._states] = 0.0
        if self._regimes is not None:
            z[np.ix_(np.flatnonzero(self._regimes.labels(values) >= 0), self._regimes.columns)] = 0.0
        flat = z.ravel()
        with np.errstate(over="ignore", invalid="ignore"):  # one pass tells whether anything needs care
            ordinary = flat.size == 0 or float(flat @ flat) < LARGEST**2
        if ordinary:
            return z, None
        seen = np.isfinite(z)
        seen |= np.isinf(z)  # an overflow was observed, however large
        np.nan_to_num(z, copy=False, nan=0.0)
        np.clip(z, -LARGEST, LARGEST, out=z)
        return z, None if seen.all() else seen


def thinned(values: Array) -> Array:
    """Return every k-th row, at most about 4,096: medians get no better with more, only slower."""
    return values[:: max(1, values.shape[0] // THINNED)]


def rate_of(t_ns: NDArray[np.int64]) -> float:
    """Return rows a second from the median interval; 0 when there are fewer than three rows."""
    if t_ns.size < 3:
        return 0.0
    step = float(np.median(np.diff(t_ns)))
    return 1e9 / step if step > 0 else 1e9


def units_of(series: Series) -> tuple[str, ...]:
    """Return the unit of each channel."""
    return tuple(channel.unit for channel in series.channels)


def block_for(rate_hz: float) -> int:
    """Return how many rows one update of the slow features covers."""
    return FAST_BLOCK if rate_hz >= FAST_HZ else 1


def shares(names: tuple[str, ...], weights: Array, method: str, most: int = 8) -> tuple[Attribution, ...]:
    """Turn non-negative weights (C,) into the largest shares, which add up to at most 1."""
    positive = np.maximum(np.nan_to_num(weights, nan=0.0), 0.0)
    total = float(positive.sum())
    if total <= 0:
        return ()
    order = np.argsort(positive, kind="stable")[::-1][:most]
    return tuple(
        Attribution(channel=names[i], share=min(1.0, float(positive[i] / total)), method=method)
        for i in order
        if positive[i] > 0
    )


class Standardised:
    """A detector that sees standardised values; subclasses say what they learn and how they score.

    Members of one stream may share a :class:`Scale`: then :meth:`fit_z` and :meth:`score_z` are called directly.
    """

    info: PluginInfo
    tail_power: float = (
        2.0  # scores in standard deviations: their squares have an exponential tail, which fits extrapolate
    )

    accumulates: bool = False  # whether it sums up rows of long ago, so that its score stands when their cause is over
    held_out: Array | None = None  # scores of ordinary rows, where fitting already had to learn without them
    measures: bool = False  # whether it looks at measurements only, and at no channel that reports a state
    farthest: float = (
        0.0  # times the largest score of the history that its threshold is at most, see watch.calibrate; 0: no bound
    )
    joint: bool = False  # whether what carries its findings is asked of all channels together, by watch.attribution
    model: str = ""  # name@version of the model it runs; empty where it learns here
    apart: NDArray[np.bool_] | None = (
        None  # which rows scored last came in a lasting state that the history lacks, if any
    )
    part: float = 1.0  # share of the history it is fitted to; what depends on its length is set as for the whole
    surprise: bool = False  # whether a row passes a score of s by chance as theory says, exp(-s / nominal_scale), whatever the history
    nominal_scale: float = 0.0  # scale of that tail where theory gives one; 0 where it does not
    saved: ClassVar[tuple[str, ...]] = ("_scale",)  # attributes that a restart goes on from, beside those of its bases
    unsaved: ClassVar[tuple[str, ...]] = ("apart", "held_out", "part")  # those that one call leaves for another

    def __init__(self) -> None:
        self._scale: Scale | None = None

    @classmethod
    def watches(cls, history: Series) -> bool:
        """Say whether it watches a live stream with such channels, at such a rate and for so long."""
        del history
        return bool(cls.info.family)

    def fit(self, history: Series) -> None:
        """Learn what is ordinary, and start afresh.

        Raises:
            BadInputError: Fewer than ``info.min_history`` rows with a value.
        """
        usable = int(np.isfinite(history.values).any(axis=1).sum())
        if usable < self.info.min_history:
            raise BadInputError(
                f"{self.info.plugin_id} needs {self.info.min_history} usable rows and has {usable}",
                where=f"{history.device}/{history.stream}",
                hint=f"{self.info.min_history - usable} more rows",
            )
        self.fit_scaled(Scale(history), history)

    def fit_scaled(self, scale: Scale, history: Series) -> None:
        """Learn with a scale that is known already.

        Raises:
            BadInputError: The history lacks a channel that it needs.
        """
        self._choose(history)
        self._scale = scale = scale.of_measures(history) if self.measures else scale
        z, seen = scale.apply(history.values)
        self.fit_z(z, seen)
        self.reset()

    def _choose(self, history: Series) -> None:
        """Pick the channels it looks at, where it does not look at all.

        Raises:
            BadInputError: The history lacks a channel that it needs.
        """

    def score(self, chunk: Series) -> Array:
        """Score the rows that follow the last chunk, shape (n,).

        Raises:
            BadInputError: Not fitted, or another channel map.
        """
        return self.score_z(*self.fitted(chunk).apply(chunk.values))

    def fitted(self, series: Series) -> Scale:
        """Return the scale.

        Raises:
            BadInputError: Not fitted, or ``series`` has another channel map.
        """
        where = f"{series.device}/{series.stream}"
        if self._scale is None:
            raise BadInputError(f"{self.info.plugin_id} is not fitted", where=where, hint="call fit first")
        if series.epoch != self._scale.epoch:
            raise BadInputError(
                f"{self.info.plugin_id} was fitted to another channel map", where=where, hint="fit it to the new epoch"
            )
        return self._scale

    def attribute(self, window: Series) -> tuple[Attribution, ...]:
        """Say which channels carry the score of the window's last row; keeps no state."""
        scale = self.fitted(window)
        if len(window) == 0:
            return ()
        return self.attribute_z(window.names, *scale.apply(window.values))

    def fit_z(self, z: Array, seen: NDArray[np.bool_] | None) -> None:
        """Learn from standardised values (n, C)."""
        raise NotImplementedError

    def reset(self) -> None:
        """Forget what was scored so far, keep what was learnt."""
        raise NotImplementedError

    def score_z(self, z: Array, seen: NDArray[np.bool_] | None) -> Array:
        """Score standardised values (n, C), shape (n,)."""
        raise NotImplementedError

    def score_rows(self, rows: Series, z: Array, seen: NDArray[np.bool_] | None) -> Array:
        """Score rows of which the standardised values are known already, shape (n,)."""
        del rows
        return self.score_z(z, seen)

    def attribute_z(self, names: tuple[str, ...], z: Array, seen: NDArray[np.bool_] | None) -> tuple[Attribution, ...]:
        """Say which channels carry the score of the last row."""
        raise NotImplementedError
