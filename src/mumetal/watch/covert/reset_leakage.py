"""Reset leakage: what a tenant's first measurement says of the state that the tenant before left behind."""

import math
import re

import numpy as np
from numpy.typing import NDArray

from mumetal.core.errors import BadInputError
from mumetal.core.finding import Attribution
from mumetal.core.ports import PluginInfo
from mumetal.core.series import Series
from mumetal.core.technique import Conditions, Power
from mumetal.numerics.normal import z_upper
from mumetal.watch.covert.spans import Spans, spans_up_to
from mumetal.watch.detectors.power import blind
from mumetal.watch.detectors.standard import Array, Scale, Standardised, shares

TECHNIQUE = "collection.reset_leakage"
COUNT = re.compile(r"(.+)\.(ones|shots)_after_([01])")
LONGEST = 8_192  # rows
READOUT = 0.01  # error of a first measurement, where nothing is said of it
WORST = 0.45  # readout error beyond which a first measurement tells nothing
RESIDUAL_UNIT = "residual probability"


def handover_channels(names: tuple[str, ...]) -> dict[str, dict[str, int]]:
    """Return, per qubit, the columns ``shots_after_0``, ``ones_after_0``, ``shots_after_1`` and ``ones_after_1``.

    Qubits that lack one of the four are left out.
    """
    found: dict[str, dict[str, int]] = {}
    for column, name in enumerate(names):
        match = COUNT.fullmatch(name)
        if match:
            found.setdefault(match[1], {})[f"{match[2]}{match[3]}"] = column
    return {qubit: columns for qubit, columns in found.items() if len(columns) == 4}


class ResetLeakage(Standardised):
    """P(1 | the last tenant left 1) above P(1 | it left 0), by the test of two proportions over windows that grow by √2.

    The statistic is the difference of the two shares over its standard deviation under one pooled share, which is the
    score test and asymptotically the best one (Rao 1948). A qubit with a worse readout raises both shares and does not
    move it. What the history shows is taken as this device's own, and its difference is subtracted.
    """

    info = PluginInfo(
        plugin_id="watch.covert.reset_leakage",
        title="First measurements that depend on the tenant before",
        reference="Rao 1948, doi:10.1017/S0305004100023987 (score test); Mi et al. 2022, doi:10.1145/3548606.3559380",
        techniques=(TECHNIQUE, "collection.residual_state"),
        min_history=32,
    )

    nominal_scale = 2.0
    accumulates = True
    _spans: tuple[int, ...] = ()

    def fit(self, history: Series) -> None:
        """Learn the ordinary difference.

        Raises:
            BadInputError: No qubit with all four counts, or too few rows.
        """
        self._choose(history)
        super().fit(history)

    def fit_scaled(self, scale: Scale, history: Series) -> None:
        """Learn with a scale that is known already."""
        self._choose(history)
        super().fit_scaled(scale, history)

    def _choose(self, history: Series) -> None:
        found = handover_channels(history.names)
        if not found:
            raise BadInputError(
                "no qubit with counts of first measurements",
                where=f"{history.device}/{history.stream}",
                hint="name them q0.shots_after_0, q0.ones_after_0, q0.shots_after_1 and q0.ones_after_1",
            )
        self._qubits = tuple(found)
        self._columns = [found[q][what] for q in self._qubits for what in ("shots0", "ones0", "shots1", "ones1")]

    def fit_z(self, z: Array, seen: NDArray[np.bool_] | None) -> None:
        """Learn each qubit's ordinary difference of shares and how well it is known."""
        total = self._counts(z, seen).sum(axis=0)
        ordinary, self._known = _difference(total)
        self._ordinary = np.nan_to_num(ordinary, nan=0.0)
        self._spans = spans_up_to(min(LONGEST, z.shape[0]))
        self.reset()

    def reset(self) -> None:
        """Forget what was scored so far, keep what was learnt."""
        self._past = Spans(self._spans, len(self._columns))

    def _counts(self, z: Array, seen: NDArray[np.bool_] | None) -> Array:
        """Return the counts as recorded, shape (n, Q, 4); what was not observed counts as no shots."""
        assert self._scale is not None
        raw = z[:, self._columns] * self._scale.scale[self._columns] + self._scale.location[self._columns]
        if seen is not None:
            raw = np.where(seen[:, self._columns], raw, 0.0)
        return np.asarray(np.rint(np.maximum(raw, 0.0)).reshape(z.shape[0], len(self._qubits), 4), np.float64)

    @property
    def scales(self) -> int:
        """How many features are looked at: each qubit over each window."""
        return len(self._spans) * len(self._qubits)

    def _distances(self, z: Array, seen: NDArray[np.bool_] | None) -> Array:
        counts = self._counts(z, seen)
        out = np.zeros(counts.shape[:2])
        for length, means in self._past.push(counts.reshape(len(counts), len(self._columns))):
            difference, variance = _difference(means.reshape(counts.shape) * length[:, None, None])
            distance = (difference - self._ordinary) / np.sqrt(variance + self._known)
            out = np.maximum(out, np.nan_to_num(distance, nan=0.0))
        return out

    def score_z(self, z: Array, seen: NDArray[np.bool_] | None) -> Array:
        """Score rows, shape (n,), in standard deviations."""
        return np.asarray(self._distances(z, seen).max(axis=1, initial=0.0), np.float64)

    def attribute_z(self, names: tuple[str, ...], z: Array, seen: NDArray[np.bool_] | None) -> tuple[Attribution, ...]:
        """Square of each qubit's largest excess in the window, started afresh."""
        kept = self._past
        try:
            self.reset()
            weights = self._distances(z, seen).max(axis=0, initial=0.0) ** 2
        finally:
            self._past = kept
        return shares(tuple(names[c] for c in self._columns[3::4]), weights, "own-score")

    def power(self, technique: str, conditions: Conditions) -> Power:
        """Smallest residual; the bound is the test of two known proportions that has as many shots after 1.

        ``conditions``: ``samples`` first measurements after a 1, ``noise`` the readout error (0: 1%).
        """
        if technique not in self.info.techniques:
            return blind(self.info, technique, RESIDUAL_UNIT, "looks at first measurements only")
        n, error = conditions.samples, min(conditions.noise or READOUT, WORST)
        if n * error < 5:
            why = f"needs {math.ceil(5 / error)} first measurements after a 1 and had {n:g}"
            return blind(self.info, technique, RESIDUAL_UNIT, why, "measure each qubit first after a handover")
        alarm = conditions.false_alarm
        tests = max(1, len(self._spans) or len(spans_up_to(LONGEST)))
        return Power(
            technique=technique,
            smallest=smallest_residual(error, n * 0.84, alarm / tests, conditions.power, references=n),
            bound=smallest_residual(error, n, alarm, conditions.power, references=math.inf),
            unit=RESIDUAL_UNIT,
            reason=f"{n:.3g} first measurements after a 1 and as many after a 0, readout error {error:.3g}",
        )


def _difference(counts: Array) -> tuple[Array, Array]:
    """Return P(1 | 1) - P(1 | 0) and its variance under one pooled share, of counts (…, 4); NaN and 1 without shots."""
    shots0, ones0, shots1, ones1 = (counts[..., k] for k in range(4))
    some = (shots0 > 0) & (shots1 > 0)
    n0, n1 = np.where(some, shots0, 1.0), np.where(some, shots1, 1.0)
    pooled = (ones0 + ones1 + 0.5) / (n0 + n1 + 1)
    variance = pooled * (1 - np.minimum(pooled, 1 - 1e-9)) * (1 / n0 + 1 / n1)
    return np.where(some, ones1 / n1 - ones0 / n0, np.nan), np.where(some, variance, 1.0)


def smallest_residual(error: float, shots: float, alarm: float, power: float, *, references: float) -> float:
    """Return the residual r at which a share error + r·(1 - 2·error) is told from ``error``, by bisection.

    Args:
        error: Readout error, in (0, 0.5).
        shots: First measurements after a 1.
        alarm: Probability of a false alarm.
        power: Probability of detection.
        references: First measurements after a 0; infinite when the error is known.
    """
    low, high = 0.0, 1.0
    for _ in range(60):
        middle = (low + high) / 2
        raised = min(error + middle * (1 - 2 * error), 1 - 1e-9)
        quiet = math.sqrt(error * (1 - error) * (1 / shots + 1 / references))
        loud = math.sqrt(raised * (1 - raised) / shots + error * (1 - error) / references)
        enough = raised - error >= z_upper(alarm) * quiet - z_upper(power) * loud
        low, high = (low, middle) if enough else (middle, high)
    return high
