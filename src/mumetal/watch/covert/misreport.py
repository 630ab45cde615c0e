"""Calibration misreport: published figures against canaries that measure the same qubits independently."""

import math
import re

import numpy as np
from numpy.typing import NDArray

from mumetal.core.finding import Attribution, Finding
from mumetal.core.ports import PluginInfo
from mumetal.core.series import Series
from mumetal.core.snapshot import DeviceSnapshot
from mumetal.core.technique import Conditions, Power
from mumetal.numerics.normal import z_upper
from mumetal.numerics.robust import location_scale
from mumetal.watch.covert.spans import spans_up_to
from mumetal.watch.detectors.power import blind
from mumetal.watch.findings import stream_finding

Array = NDArray[np.float64]
TECHNIQUE = "impair.calibration_misreport"
CANARY = re.compile(r"(q\d+)\..*error.*", re.IGNORECASE)
FEWEST_QUBITS = 2
FEWEST_SNAPSHOTS = 12  # from which a device's ordinary disagreement is told
FEWEST_ROWS = 4  # canary rows between two snapshots
REMEMBERED = 400  # snapshots
SPANS = spans_up_to(64)  # snapshots averaged
LIMIT = 6.0  # standard deviations
SIGMA = 0.3  # of ln of an error from one calibration to the next: THREATS, 0.19 to 0.29 measured, and the canary's own


class CanaryWitness:
    """ln of reported error over canary error, averaged over qubits and over up to 64 snapshots.

    The reported error of a qubit is its readout error, and what its T1 lets decay in the time the canary waits; that time
    is fitted to the device's own past. A device that really got better takes its canaries along, and the ratio stays.
    """

    info = PluginInfo(
        plugin_id="watch.covert.misreport",
        title="Reported errors against canaries",
        reference="arXiv 2504.04285 (misreported calibrations); two-sample z test on log ratios",
        techniques=(TECHNIQUE,),
        min_history=FEWEST_SNAPSHOTS,
    )

    def __init__(self) -> None:
        self._sums: dict[str, tuple[float, int]] = {}
        self._reported: list[tuple[dict[str, tuple[float, float]], dict[str, float]]] = []
        self._raised = False

    def note(self, canaries: Series) -> None:
        """Add canary rows of the device."""
        for index, name in enumerate(canaries.names):
            match = CANARY.fullmatch(name)
            if match:
                column = canaries.values[:, index]
                seen = column[np.isfinite(column)]
                total, count = self._sums.get(match[1], (0.0, 0))
                self._sums[match[1]] = total + float(seen.sum()), count + seen.size

    def judge(self, snapshot: DeviceSnapshot) -> list[Finding]:
        """Compare a snapshot with the canaries since the one before; returns a finding when it begins to disagree."""
        measured = {q: s / n for q, (s, n) in self._sums.items() if n >= FEWEST_ROWS and s > 0}
        self._sums = {}
        figures = {(p.component, p.name): p.value for p in snapshot.parameters if not p.flag and p.value > 0}
        reported = {
            q: (1 / figures[q, "T1"], figures[q, "readout_error"])
            for q in measured
            if (q, "T1") in figures and (q, "readout_error") in figures
        }
        if len(reported) < FEWEST_QUBITS:
            return []
        self._reported.append((reported, measured))
        if len(self._reported) <= FEWEST_SNAPSHOTS:
            return []
        z, shares, factor = self._compare()
        if z < LIMIT:
            self._raised = False
            self._reported = self._reported[-REMEMBERED:]
            return []
        if self._raised:
            return []
        self._raised = True
        t = snapshot.t_ns
        return [
            stream_finding(
                tenant=snapshot.tenant,
                device=snapshot.device,
                stream="calibration",
                rule=self.info.plugin_id,
                start_ns=t,
                stop_ns=t + 1,
                confidence=0.95,
                detail=f"Reported errors of {len(shares)} qubits are {factor:.2f} times what their canaries say, against "
                f"the ordinary ratio of this device; {z:.1f} standard deviations, {LIMIT:g} is the limit.",
                attribution=shares,
            )
        ]

    def _compare(self) -> tuple[float, tuple[Attribution, ...], float]:
        """Return the largest disagreement in standard deviations, who carries it, and the factor."""
        qubits = sorted(set.intersection(*(set(r) for r, _ in self._reported)))
        if len(qubits) < FEWEST_QUBITS:
            self._reported = self._reported[-1:]  # other qubits are compared now
            return 0.0, (), 1.0
        rates = np.array([[r[q][0] for q in qubits] for r, _ in self._reported])
        readout = np.array([[r[q][1] for q in qubits] for r, _ in self._reported])
        canary = np.array([[m[q] for q in qubits] for _, m in self._reported])
        ratio = log_ratio(rates, readout, canary)
        best, where, size = disagreement(ratio)
        weight = np.maximum(where * np.sign(size), 0.0) ** 2
        total = float(weight.sum()) or 1.0
        order = np.argsort(weight)[::-1][:8]
        shares = tuple(
            Attribution(channel=f"{qubits[i]}.readout_error", share=float(weight[i] / total), method="own-score")
            for i in order
        )
        return best, shares, math.exp(size)

    def power(self, technique: str, conditions: Conditions) -> Power:
        """Smallest common misreport, as ln of the factor, over the snapshots of the attack.

        ``conditions``: ``samples`` snapshots while it lasts, ``channels`` qubits with canaries, ``noise`` σ of ln of one
        figure against its canary. The best test knows the level and σ: (z_α - z_β)·σ/√(qubits·snapshots).
        """
        if technique not in self.info.techniques:
            return blind(self.info, technique, "ln of the factor", "compares calibrations with canaries only")
        if conditions.channels < FEWEST_QUBITS or conditions.samples < 1:
            why = f"needs {FEWEST_QUBITS} qubits with canaries and a snapshot while it lasts"
            return blind(self.info, technique, "ln of the factor", why, "run canaries on the qubits that are published")
        sigma = conditions.noise or SIGMA
        span = max(s for s in SPANS if s <= conditions.samples)
        error = sigma / math.sqrt(conditions.channels)
        best = (z_upper(conditions.false_alarm) - z_upper(conditions.power)) * error / math.sqrt(conditions.samples)
        return Power(
            technique=technique,
            smallest=max(
                best,
                (LIMIT - z_upper(conditions.power)) * error * math.sqrt(1 / span + 1 / max(FEWEST_SNAPSHOTS, span)),
            ),
            bound=best,
            unit="ln of the factor",
            reason=f"{LIMIT:g} standard deviations of the mean over {conditions.channels} qubits and {span} snapshots",
            advice="an attacker who also controls the canaries is not seen: run them under another account",
        )


def disagreement(ratio: Array) -> tuple[float, Array, float]:
    """Compare the newest snapshots with those before, over windows that grow by √2.

    Args:
        ratio: ln of reported over canary error, shape (n, Q), oldest first.

    Returns:
        The largest shift in standard deviations, each qubit's own (Q,), and the common one as ln of the factor.
    """
    best, where, size = 0.0, ratio[-1], 0.0
    for span in SPANS:
        past, now = ratio[:-span], ratio[-span:]
        if past.shape[0] < max(FEWEST_SNAPSHOTS, span):
            break
        level = np.median(past, axis=0)
        own = (past - level).mean(axis=1)
        sigma = float(np.median(location_scale(past - level)[1])) / math.sqrt(ratio.shape[1])
        spread = max(float(location_scale(own[:, None])[1][0]), sigma)
        shift = float((now - level).mean())
        z = abs(shift) / (spread * math.sqrt(1 / span + 1 / past.shape[0]))
        if z > best:
            best, where, size = z, (now - level).mean(axis=0), shift
    return best, where, size


def log_ratio(rates: Array, readout: Array, canary: Array) -> Array:
    """Return ln of reported over canary error, shape (n, Q).

    The canary's error is e + (1 - 2e)·(1 - exp(-wait·rate)) for a readout error e; the wait is the one at which the
    reported figures fit the canaries' medians best, and each qubit keeps a level of its own.

    Args:
        rates: Reported 1/T1, 1/s, shape (n, Q).
        readout: Reported readout errors, shape (n, Q).
        canary: Measured errors, shape (n, Q).
    """
    waits = np.r_[0.0, np.geomspace(1e-8, 1e-3, 61)]
    rate, error, seen = (np.median(x, axis=0) for x in (rates, readout, canary))
    misfit = [float(np.abs(np.log(_expected(w, rate, error) / seen)).sum()) for w in waits]
    wait = waits[int(np.argmin(misfit))]
    return np.asarray(np.log(_expected(wait, rates, readout) / canary), np.float64)


def _expected(wait: float, rate: Array, error: Array) -> Array:
    decay = -np.expm1(-wait * rate)
    return np.asarray(np.maximum(error + np.maximum(1 - 2 * error, 0.0) * decay, 1e-9), np.float64)
