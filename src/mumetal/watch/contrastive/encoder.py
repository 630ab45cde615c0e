"""A window unlike ordinary ones to a trained eye: the contrastive encoder's discrepancy, beside its distance from the modes."""

import numpy as np
from numpy.typing import NDArray

from mumetal.core.errors import BadInputError
from mumetal.core.finding import Attribution
from mumetal.core.ports import PluginInfo
from mumetal.core.series import Series
from mumetal.core.technique import Conditions, Power
from mumetal.numerics.normal import z_upper
from mumetal.watch.contrastive.model import EncoderModel, Stretches, squash
from mumetal.watch.contrastive.modes import Modes, learn_modes
from mumetal.watch.detectors.forecast import Forecast
from mumetal.watch.detectors.power import blind, shift_bound
from mumetal.watch.detectors.standard import Array, rate_of
from mumetal.watch.detectors.windowed import Trailing, Windowed

MOST_CHANNELS = 256
STEPS = 32  # of the path along which the score is taken apart
OTHER_RATE = 2.0  # times faster or slower: windows then last other times than those learnt from
MODES_WEIGHT = 0.15  # of the distance from the modes beside the head's log-odds, both in units of the history's tail;
# chosen on the public sets
HIGH = 0.995  # quantile that makes a unit
MOST_RATIO = 10.0  # units of the head per unit of distance, at most


class Course:
    """What the encoder sees of a stream: squashed levels and forecast residuals, row by row.

    Args:
        level: Bounded values of the history (n, kept).
    """

    saved = ("forecast", "_lags")

    def __init__(self, level: Array) -> None:
        self.forecast = Forecast()
        windows = Trailing(Forecast.width).push(level)
        self.forecast.learn(windows[:: max(1, len(windows) // Forecast.most)])
        self.reset()

    def reset(self) -> None:
        """Wait for a first row."""
        self._lags = Trailing(Forecast.width)

    def push(self, level: Array) -> Array:
        """Return features (n, kept, 2) of the rows that follow."""
        return self._of(level, self._lags)

    def alone(self, level: Array) -> Array:
        """Return features (n, kept, 2) of rows that follow nothing; keeps no state."""
        return self._of(level, Trailing(Forecast.width))

    def _of(self, level: Array, lags: Trailing) -> Array:
        return squash(np.stack([level, self.forecast.residual(lags.push(level))], axis=2))


class Encoder(Windowed):
    """Log-odds of a trained network that a window was tampered with, raised by its distance from the device's modes.

    The network was trained to tell ordinary windows, made to look alike within one operating mode, from the same windows
    with channels swapped, delayed, frozen, replayed, scaled, drifting or torn apart (:mod:`mumetal.watch.training`). It
    sees levels and forecast residuals in units of the device's own history, channel by channel with one set of weights,
    and joins channels by their mean and largest, so that one model serves any number of them. What is learnt of a device,
    without labels, is its scale, its forecast and its modes.

    Args:
        model: The trained network.
        modes: The device's modes, from an earlier adaptation; learnt from the history when there are none.
    """

    info = PluginInfo(
        plugin_id="watch.contrastive.encoder",
        title="Unlike ordinary windows to a trained network",
        reference="contrastive loss: Khosla et al. 2020, arXiv:2004.11362; injected negatives: Carmona et al. 2021, arXiv:2107.07702",
        techniques=(
            "impair.cryostat_sabotage",
            "evasion.telemetry_replay",
            "impair.crosstalk_hammering",
            "impair.config_edit",
        ),
        min_history=192,
    )

    saved = ("_model", "_given", "width", "_course", "_modes", "_weight", "_stretches")

    def __init__(self, model: EncoderModel, modes: Modes | None = None) -> None:
        super().__init__()
        self._model, self._given = model, modes
        self.width = model.facts.width

    @property
    def modes(self) -> Modes:
        """What was learnt of the device."""
        return self._modes

    def fit_z(self, z: Array, seen: NDArray[np.bool_] | None) -> None:
        """Learn scale, forecast and modes of the measured channels."""
        self.measure(z, seen)
        if self._kept.size > MOST_CHANNELS:
            raise BadInputError(
                f"{self.info.plugin_id} reads {MOST_CHANNELS} measured channels at most and has {self._kept.size}",
                hint="watch groups of channels as streams of their own",
            )
        level = self._level(z, seen)
        self._course = Course(level)
        windows = Stretches(self.width).push(self._course.alone(level))
        head, described = self._model.run(windows[:: max(1, len(windows) // 2_000)])
        self._modes = self._given or learn_modes(described)
        self._weight = 0.0
        odds, apart = self._joined(head, described), self._modes.distance(described)
        self._weight = MODES_WEIGHT * min(MOST_RATIO, _unit(odds) / _unit(apart))
        self._ordinary = float(np.median(self._joined(head, described)))
        self.reset()

    def reset(self) -> None:
        """Wait for a first row."""
        super().reset()
        self._course.reset()
        self._stretches = Stretches(self.width)

    def score(self, chunk: Series) -> Array:
        """Score the rows that follow the last chunk, shape (n,).

        Raises:
            BadInputError: Not fitted, another channel map, or rows that come at another rate.
        """
        scale = self.fitted(chunk)
        rate = rate_of(chunk.t_ns)
        if rate > 0 and scale.rate_hz > 0 and not 1 / OTHER_RATE <= rate / scale.rate_hz <= OTHER_RATE:
            raise BadInputError(
                f"{self.info.plugin_id} learnt from {scale.rate_hz:g} rows a second and gets {rate:g}",
                where=f"{chunk.device}/{chunk.stream}",
                hint="fit it to the new rate",
            )
        return self.score_z(*scale.apply(chunk.values))

    def following(self, z: Array, seen: NDArray[np.bool_] | None) -> Array:
        """Return the windows that end with each of the next rows, shape (n, kept, width, 2)."""
        return np.asarray(self._stretches.push(self._course.push(self._level(z, seen))))

    def window_of(self, z: Array, seen: NDArray[np.bool_] | None) -> Array:
        """Return the window that ends with the last row, shape (1, kept, width, 2); keeps no state."""
        rows = self.width + Forecast.width - 1
        level = self._level(z[-rows:], None if seen is None else seen[-rows:])
        return np.asarray(Stretches(self.width).push(self._course.alone(level))[-1:], np.float64)

    def distance(self, windows: Array) -> Array:
        """Return the score of windows (n, kept, width, 2), shape (n,), ≥ 0."""
        return self._joined(*self._model.run(windows))

    def _joined(self, head: Array, described: Array) -> Array:
        return np.asarray(np.logaddexp(0.0, head) + self._weight * self._modes.distance(described), np.float64)

    def attribute_z(self, names: tuple[str, ...], z: Array, seen: NDArray[np.bool_] | None) -> tuple[Attribution, ...]:
        """Integrated gradients from an entirely ordinary window, summed over each channel's stretch; rises count."""
        return self.shares_of(names, self.path_integral(self.window_of(z, seen)[0]), "integrated-gradients")

    def path_integral(self, window: Array) -> Array:
        """Take the score of a window (kept, width, 2) apart by channel, shape (kept,).

        Integrated gradients (Sundararajan, Taly and Yan 2017, arXiv:1703.01365) along the straight line from the window
        of the history's mean with nothing unforetold. An ONNX file has no gradient, so each step's directional
        derivatives are central differences over that step, one channel at a time; what a step's differences miss of its
        rise is shared in proportion to their size. So the parts add up to the rise along the line exactly.
        """
        channels = len(window)
        moved = np.zeros((channels, *window.shape))
        moved[np.arange(channels), np.arange(channels)] = window / (2 * STEPS)
        parts = np.zeros(channels)
        ends = self.distance(np.linspace(0.0, 1.0, STEPS + 1)[:, None, None, None] * window)
        for step in range(STEPS):
            middle = (step + 0.5) / STEPS * window
            both = self.distance(np.concatenate([middle + moved, middle - moved]))
            apart = both[:channels] - both[channels:]
            left = ends[step + 1] - ends[step] - apart.sum()
            size = np.abs(apart).sum()
            parts += apart + left * (np.abs(apart) / size if size > 0 else 1 / channels)
        return parts

    def power(self, technique: str, conditions: Conditions) -> Power:
        """The step that was caught in 80% of cases when the model was trained, never credited with further channels."""
        if technique not in self.info.techniques:
            return blind(self.info, technique, "1", "looks at the course of about a hundred rows only")
        if conditions.samples < 1:
            return blind(self.info, technique, "1", "had no sample", "sample at all")
        facts, bound = self._model.facts, shift_bound(conditions)
        stricter = max(1.0, z_upper(conditions.false_alarm) / z_upper(facts.power_false_alarm))
        surer = max(
            1.0, (z_upper(conditions.false_alarm) - z_upper(conditions.power)) / z_upper(conditions.false_alarm)
        )
        shorter = max(1.0, float(np.sqrt(32 / conditions.samples)))
        return Power(
            technique=technique,
            smallest=max(facts.power_step * stricter * surer * shorter * conditions.noise, bound),
            bound=bound,
            unit="unit of the noise",
            reason=(
                f"measured in training: {facts.power_step:.1f} deviations at {facts.power_false_alarm:g} false alarms a row;"
                " stricter alarms and shorter events by the normal law"
            ),
            advice="adapt the model to the device's own history" if self._given is None else "",
        )


def _unit(scores: Array) -> float:
    median, high = np.quantile(scores, (0.5, HIGH))
    return float(high - median + 1e-3)
