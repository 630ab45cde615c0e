"""The window detectors together: each in its own units, the strongest counts, against a baseline that follows slowly."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from mumetal.core.errors import BadInputError
from mumetal.core.finding import Attribution
from mumetal.core.ports import PluginInfo
from mumetal.core.series import Series
from mumetal.core.technique import Conditions, Power
from mumetal.watch.calibrate import calibrate_each
from mumetal.watch.detectors.baseline import Baseline
from mumetal.watch.detectors.forecast import Forecast
from mumetal.watch.detectors.held_out import folds, held_out_scores
from mumetal.watch.detectors.power import blind
from mumetal.watch.detectors.standard import COMPARED_HZ, Array, Scale, Standardised, block_for, rate_of
from mumetal.watch.detectors.sub_pca import SubPca
from mumetal.watch.detectors.windowed import Windowed
from mumetal.watch.regimes import Regimes

ROWS = 384  # from fewer the quarters that judge one another teach nothing
FAST_ROWS = (
    4_096  # a fast stream has so many soon, and fitting windows to fewer first, and again, costs more than it sees
)
SLOW_HZ = 2.0
ENCODED_ROWS = 4_096  # from which an adapted encoder watches beside; fewer were not tried
HIGH = 0.995  # quantile of held-out scores that makes one unit
PATIENCE = 300.0  # rows, and seconds, of alarm after which a state is taken for another one; chosen on the public sets
SURELY = 1e-3  # false alarms a week at which that alarm stands: no budget that pages later
BESIDE = 0.5  # what the others count for beside the encoder, in log units; chosen on the public sets


@dataclass(frozen=True, slots=True, kw_only=True)
class Unit:
    """From a member's score to units of its own held-out tail: 0 at the median, 1 at the 99.5% quantile.

    Args:
        median: Of the held-out scores.
        unit: Distance between both, > 0.
    """

    median: float
    unit: float

    def of(self, scores: Array) -> Array:
        """Return scores in units, shape of ``scores``."""
        return (scores - self.median) / self.unit


class Shape(Standardised):
    """Forecast residuals and Sub-PCA, the larger of both in units of their held-out tails.

    ``held_out`` are the fused scores of the history by members that did not learn from the row: each quarter is judged by
    what the other three teach. A half teaches a short history's members too little, and thresholds are far too high.

    The largest and not the mean: an average blurs the one member that sees. Measured on public sets, conformal tail
    p-values rank worse than these linear units: beyond the largest score of a short history they rest on the fitted
    tail alone. Thresholds come from the tail of the fused score (:mod:`mumetal.watch.calibrate`).

    With the trained encoder its units lead, and the logarithm of the others' largest is added: log-odds grow slowly where
    distances of wild rows grow without bound, and would be drowned by a plain maximum. Where the encoder cannot be used
    on a stream, ``left_out`` says why, and the others do the work as without it.

    Args:
        trained: Makes the trained encoder's detector; None to do without it.
    """

    info = PluginInfo(
        plugin_id="watch.detectors.shape",
        title="Unusual course of several channels",
        reference="forecast: Sims 1980; windows: Jolliffe 2002; bounded updates: Huber 1964, doi:10.1214/aoms/1177703732",
        techniques=("impair.cryostat_sabotage", "impair.crosstalk_hammering", "impair.config_edit"),
        min_history=192,
        family="shape",
        needs="384 rows or more at 2 rows/s and less, 4,096 above, at most 1,000 rows/s",
    )
    joint = True
    farthest = 2.0
    makes: tuple[type[Windowed], ...] = (Forecast, SubPca)
    blocks = 4  # of the history, each judged by what the others teach; chosen on the public sets
    follows = True  # for ablation: whether the baseline follows …
    settles = True  # … and whether it takes a lasting alarm for another state

    saved = ("_trained", "left_out", "_members", "_units", "_baseline")

    @classmethod
    def watches(cls, history: Series) -> bool:
        """Say whether windows can be afforded, and whether their tail can be carried on."""
        rate = rate_of(history.t_ns)
        return rate <= COMPARED_HZ and len(history) >= (ROWS if rate <= SLOW_HZ else FAST_ROWS)

    def __init__(self, trained: Callable[[], Windowed] | None = None) -> None:
        super().__init__()
        self._trained = trained
        self.left_out = ""

    @property
    def _makes(self) -> tuple[Callable[[], Windowed], ...]:
        return (*self.makes, *(() if self._trained is None else (self._trained,)))

    def fit_scaled(self, scale: Scale, history: Series) -> None:
        """Fit the members, their units on held-out quarters, and the first baseline."""
        self._scale = scale
        self._members = []
        for index, make in enumerate(self._makes):
            member = make()
            try:
                member.fit_scaled(scale, history)
            except BadInputError as error:
                if index < len(self.makes):
                    raise
                self._trained, self.left_out = None, str(error)
                break
            self._members.append(member)
        parts = folds(history, self.blocks)
        held = [held_out_scores(make, parts) for make in self._makes]
        self._units = [_unit(scores) for scores in held]
        ordinary = self._strongest([u.of(h) for u, h in zip(self._units, held, strict=True)])
        every = block_for(scale.rate_hz)
        self._baseline = Baseline(ordinary, every, max(1, round(PATIENCE * max(1.0, scale.rate_hz) / every)))
        self.held_out = self._fused(ordinary)
        if self.settles:
            regimes = Regimes(history)
            labels = regimes.labels(history.values)[-len(self.held_out) :]
            each = calibrate_each(self.held_out, labels, len(regimes), scale.rate_hz, self.tail_power)
            self._baseline.alarm_at(max(c.fitted_level(SURELY) for c in each))  # past the threshold of any regime
        self._baseline.reset()

    def reset(self) -> None:
        """Start afresh, with what was learnt."""
        for member in self._members:
            member.reset()
        self._baseline.reset()

    @property
    def absorbed(self) -> float:
        """How much of the drift that may be absorbed was, in [0, 1]."""
        return self._baseline.absorbed

    def score_z(self, z: Array, seen: NDArray[np.bool_] | None) -> Array:
        """Score rows, shape (n,)."""
        if len(z) == 0:
            return np.empty(0)
        each = [u.of(m.score_z(z, seen)) for m, u in zip(self._members, self._units, strict=True)]
        return self._fused(self._strongest(each))

    def _strongest(self, each: Sequence[Array]) -> Array:
        """Join the members' units, the encoder's being the last where there is one, shape (n,)."""
        plain = np.asarray(np.max(each[: len(self.makes)], axis=0), np.float64)
        return (
            np.asarray(each[-1] + BESIDE * np.log1p(np.maximum(plain, 0.0))) if len(each) > len(self.makes) else plain
        )

    def _fused(self, strongest: Array) -> Array:
        if not self.follows:
            return np.maximum(strongest, 0.0)
        fused = self._baseline.push(strongest)
        self.apart = self._baseline.apart
        return fused

    def attribute_z(self, names: tuple[str, ...], z: Array, seen: NDArray[np.bool_] | None) -> tuple[Attribution, ...]:
        """Ask the member that the window's last rows alarm most."""
        last = [
            float(u.of(m.distance(m.window_of(z, seen)))[0]) for m, u in zip(self._members, self._units, strict=True)
        ]
        return self._members[int(np.argmax(last))].attribute_z(names, z, seen)

    def power(self, technique: str, conditions: Conditions) -> Power:
        """The better of the members."""
        if technique not in self.info.techniques:
            return blind(self.info, technique, "1", "looks at the course of a few dozen rows only")
        asked = [make() for make in self._makes]
        able = [m.power(technique, conditions) for m in asked if technique in m.info.techniques]
        return min(able, key=lambda p: p.smallest)


def _unit(held: Array) -> Unit:
    median, high = np.quantile(held, (0.5, HIGH))
    return Unit(median=float(median), unit=float(high - median + 1e-3 * abs(median) + 1e-9))
