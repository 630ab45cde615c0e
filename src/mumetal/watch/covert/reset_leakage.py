"""Reset leakage: what a tenant's first measurement says of the state that the tenant before left behind."""

import math
import re

import numpy as np
from numpy.typing import NDArray

from mumetal.core.errors import BadInputError
from mumetal.core.finding import Attribution, Severity
from mumetal.core.ports import PluginInfo, Words
from mumetal.core.series import Series
from mumetal.core.technique import Conditions, Power
from mumetal.numerics.normal import z_upper
from mumetal.watch.covert.proportions import signed_root
from mumetal.watch.covert.references import GUARD, believed
from mumetal.watch.covert.spans import Spans, spans_up_to
from mumetal.watch.detectors.power import blind
from mumetal.watch.detectors.standard import Array, Standardised, shares

TECHNIQUE = "collection.reset_leakage"
COUNT = re.compile(r"(.+)\.(ones|shots)_after_([01])")
LONGEST = 8_192  # rows
READOUT = 0.01  # error of a first measurement, where nothing is said of it
WORST = 0.45  # readout error beyond which a first measurement tells nothing
COMMON = 0.1  # relative: what a readout error changes by innocently, after a 0 and after a 1
PIECES = 16  # of the history, whose shares after a 0 tell how much it really changes
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
    """P(1 | the last tenant left 1) above what the history and P(1 | it left 0) make of it, over windows that grow by √2.

    Comparing two shares of one window costs twice the shots of a share that is known. So shots after a 0 are weighed as
    reference pulses are: a readout error is taken to change innocently by a tenth, or by as much as it did in the history,
    and the best linear predictor of that change is added to the history's own share after a 1. A larger change is believed
    at once, and what does not stand out against the window's own shots after a 0 is no leak: a worse readout raises both.
    Shares are compared by the signed root of their likelihood ratio. What the history shows is this device's own.
    """

    info = PluginInfo(
        plugin_id="watch.covert.reset_leakage",
        title="First measurements that depend on the tenant before",
        reference="Wilks 1938, doi:10.1214/aoms/1177732360 (likelihood ratio); Mi et al. 2022, doi:10.1145/3548606.3559380",
        techniques=(TECHNIQUE, "collection.residual_state"),
        min_history=32,
        family="covert.reset",
        needs="shots_after_0, ones_after_0, shots_after_1 and ones_after_1 of a qubit",
        words=Words(
            title="First measurements on {device} depend on the tenant before ({channel})",
            severity=Severity.HIGH,
            remedy="Reset twice between tenants or idle until it has decayed, and recalibrate the reset.",
        ),
    )

    nominal_scale = 2.0
    accumulates = True
    _spans: tuple[int, ...] = ()

    saved = ("_qubits", "_columns", "_ordinary", "_learnt", "_common", "_spans", "_past")

    @classmethod
    def watches(cls, history: Series) -> bool:
        """Say whether first measurements of a qubit are counted."""
        return bool(handover_channels(history.names))

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
        """Learn each qubit's ordinary shares, how well they are known, and how much its readout error changes."""
        counts = self._counts(z, seen)
        self._ordinary, self._learnt = _shares(counts.sum(axis=0))
        shares, shots = _shares(np.array([part.sum(axis=0) for part in np.array_split(counts, PIECES)]))
        zero = self._ordinary[:, 0]
        changed = shares[..., 0].var(axis=0, ddof=1) - (zero * (1 - zero) / shots[..., 0]).mean(axis=0)
        self._common = np.maximum((COMMON * zero) ** 2, changed)
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
        out, sure = np.zeros(counts.shape[:2]), np.zeros(counts.shape[:2], bool)
        zero, one = self._ordinary[:, 0], self._ordinary[:, 1]
        for length, means in reversed(list(self._past.push(counts.reshape(len(counts), len(self._columns))))):
            totals = means.reshape(counts.shape) * length[:, None, None]
            shares, shots = _shares(totals)
            noise = zero * (1 - zero) * (1 / shots[..., 0] + 1 / self._learnt[:, 0])
            change = shares[..., 0] - zero
            weight = believed(change, noise, self._common, 0.0, sure)
            expected = np.clip(one + weight * change, 1e-9, 1 - 1e-9)
            error = weight**2 * noise + (1 - weight) ** 2 * self._common + one * (1 - one) / self._learnt[:, 1]
            rise = signed_root(shares[..., 1], shots[..., 1], expected, expected * (1 - expected) / error)
            beside = np.clip(shares[..., 0] + one - zero, 1e-9, 1 - 1e-9)
            over = signed_root(shares[..., 1], shots[..., 1], beside, shots[..., 0])
            some = (totals[..., 0] > 0) & (totals[..., 2] > 0)
            out = np.maximum(out, np.where(some, np.minimum(rise, GUARD * over), 0.0))
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
        noise, common = error * (1 - error) / n, (COMMON * error) ** 2
        told = n * (1 + noise / common)  # shots after a 0 that would say as much without the prior
        return Power(
            technique=technique,
            smallest=smallest_residual(error, n * 0.84, alarm / tests, conditions.power, references=told),
            bound=smallest_residual(error, n, alarm, conditions.power, references=math.inf),
            unit=RESIDUAL_UNIT,
            reason=f"{n:.3g} first measurements after a 1 and as many after a 0, readout error {error:.3g}",
        )


def _shares(counts: Array) -> tuple[Array, Array]:
    """Return P(1 | 0) and P(1 | 1) of counts (…, 4), strictly between 0 and 1, and the shots they come from, (…, 2) both."""
    shots, ones = np.maximum(counts[..., 0::2], 1.0), counts[..., 1::2]
    return np.clip(np.where(ones > 0, ones, 0.5) / shots, 1e-9, 1 - 1e-9), shots


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
