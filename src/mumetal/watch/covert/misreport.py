"""Calibration misreport: published figures against canaries that measure the same qubits independently."""

import math
import re
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from mumetal.core.finding import Attribution, Finding, Severity
from mumetal.core.ports import PluginInfo, Words
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
LIMIT = 6.0  # standard deviations; the canaries that run after a snapshot in doubt must leave half of them
PATIENCE_NS = 600 * 10**9  # so long a snapshot in doubt waits for canaries
SIGMA = 0.3  # of ln of an error from one calibration to the next: THREATS, 0.19 to 0.29 measured, and the canary's own


Compared = tuple[dict[str, tuple[float, float]], dict[str, float]]  # reported 1/T1 and readout error, canary error


@dataclass(frozen=True, slots=True, kw_only=True)
class Disagreement:
    """How far the newest snapshots are from what their canaries say.

    Args:
        z: Standard deviations of the mean over qubits and snapshots, ≥ 0.
        size: The same as ln of the factor, signed.
        span: How many of the newest snapshots.
        shares: Qubits that carry it, largest first.
    """

    z: float = 0.0
    size: float = 0.0
    span: int = 1
    shares: tuple[Attribution, ...] = ()


class CanaryWitness:
    """ln of reported over canary error, averaged over qubits and over up to 64 snapshots.

    The reported error of a qubit is its readout error, and what its T1 lets decay in the time the canary waits; that time
    is fitted to the device's own past. A device that really got better takes its canaries along, and the ratio stays.

    A snapshot is compared with the canaries before it. Where they disagree the device may just have been recalibrated:
    then the canaries that run after it decide, four rows of each; if they do not come within 10 minutes of data, the
    disagreement is told without them. Said once, it stands until as many snapshots agree again as
    were needed to see it; a further one of twice the size is said anew, and what stood for 64 snapshots is the new level.
    """

    info = PluginInfo(
        plugin_id="watch.covert.misreport",
        title="Reported errors against canaries",
        reference="arXiv 2504.04285 (misreported calibrations); two-sample z test on log ratios",
        techniques=(TECHNIQUE,),
        min_history=FEWEST_SNAPSHOTS,
        words=Words(
            title="Reported errors of {device} disagree with its canaries ({channel})",
            severity=Severity.HIGH,
            remedy="Run an independent benchmark and compare it with the reported calibration before scheduling work.",
        ),
    )

    saved = ("_sums", "_known", "_doubt", "_standing", "_since")

    def __init__(self) -> None:
        self._sums: dict[str, tuple[float, int]] = {}
        self._known: list[Compared] = []
        self._doubt: tuple[Finding, Disagreement] | None = None
        self._standing: Disagreement | None = None
        self._since: list[Compared] = []

    def note(self, rows: Series) -> list[Finding]:
        """Add rows of the device; returns what canaries among them, or their absence, decide."""
        for index, name in enumerate(rows.names):
            match = CANARY.fullmatch(name)
            if match:
                column = rows.values[:, index]
                seen = column[np.isfinite(column)]
                total, count = self._sums.get(match[1], (0.0, 0))
                self._sums[match[1]] = total + float(seen.sum()), count + seen.size
        return self._decide(int(rows.t_ns[-1])) if self._doubt is not None and len(rows) else []

    def judge(self, snapshot: DeviceSnapshot) -> list[Finding]:
        """Compare a snapshot with the canaries since the one before; returns what the one before left open."""
        out = self._decide(snapshot.t_ns)
        if self._doubt is not None:
            return out
        measured, self._sums = self._measured(), {}
        figures = {(p.component, p.name): p.value for p in snapshot.parameters if not p.flag and p.value > 0}
        reported = {
            q: (1 / figures[q, "T1"], figures[q, "readout_error"])
            for q in measured
            if (q, "T1") in figures and (q, "readout_error") in figures
        }
        if len(reported) < FEWEST_QUBITS:
            return out
        if self._standing is not None:
            self._since.append((reported, measured))
            return out + self._follow(self._standing, snapshot)
        self._known = [*self._known[-REMEMBERED:], (reported, measured)]
        found = self._compare(self._known)
        if found.z >= LIMIT:
            self._doubt = _finding(snapshot, found), found
        return out

    def _measured(self) -> dict[str, float]:
        return {q: s / n for q, (s, n) in self._sums.items() if n >= FEWEST_ROWS and s > 0}

    def _decide(self, now_ns: int) -> list[Finding]:
        """Ask the canaries since a snapshot in doubt, or tell without them when it has waited long enough."""
        if self._doubt is None:
            return []
        finding, doubt = self._doubt
        reported, _ = self._known[-1]
        after = self._measured()
        heard = reported.keys() <= after.keys()
        if not heard and now_ns < finding.start_ns + PATIENCE_NS:
            return []
        self._doubt = None
        if heard:
            again = self._compare([*self._known[:-1], (reported, after)], doubt.span)
            if again.z < LIMIT / 2 or again.size * doubt.size <= 0:
                self._known.pop()
                return []
        else:
            finding = replace(finding, detail=f"{finding.detail} No canary has run since it was written.")
        self._standing, self._since = doubt, self._known[-doubt.span :]
        del self._known[-doubt.span :]
        return [finding]

    def _follow(self, standing: Disagreement, snapshot: DeviceSnapshot) -> list[Finding]:
        """Say anew what doubled; stop when the newest snapshots agree again, or when all have become ordinary."""
        found = self._compare([*self._known, *self._since], standing.span)
        share = found.size / standing.size
        if share < 0.5 or len(self._since) > SPANS[-1]:
            self._known += self._since[-standing.span :] if share < 0.5 else self._since
            self._standing, self._since = None, []
        elif share > 2:
            self._standing = found
            return [_finding(snapshot, found)]
        return []

    def _compare(self, entries: list[Compared], span: int = 0) -> Disagreement:
        """Return the disagreement of the newest ``span`` snapshots; 0 for the span at which it is largest."""
        if len(entries) <= FEWEST_SNAPSHOTS and not span:
            return Disagreement()
        qubits = sorted(set.intersection(*(set(r) for r, _ in entries)))
        if len(qubits) < FEWEST_QUBITS:
            self._known = self._known[-1:]  # other qubits are compared now
            return Disagreement()
        rates = np.array([[r[q][0] for q in qubits] for r, _ in entries])
        readout = np.array([[r[q][1] for q in qubits] for r, _ in entries])
        canary = np.array([[m[q] for q in qubits] for _, m in entries])
        ratio = log_ratio(rates, readout, canary)
        if span:
            z, where, size = deviation(ratio, span)
        else:
            z, where, size, span = disagreement(ratio)
        weight = np.maximum(where * np.sign(size), 0.0) ** 2
        total = float(weight.sum()) or 1.0
        order = np.argsort(weight)[::-1][:8]
        shares = tuple(
            Attribution(channel=f"{qubits[i]}.readout_error", share=float(weight[i] / total), method="own-score")
            for i in order
        )
        return Disagreement(z=z, size=size, span=span, shares=shares)

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


def disagreement(ratio: Array) -> tuple[float, Array, float, int]:
    """Compare the newest snapshots with those before, over windows that grow by √2.

    Args:
        ratio: ln of reported over canary error, shape (n, Q), oldest first.

    Returns:
        The largest shift in standard deviations, each qubit's own (Q,), the common one as ln of the factor, and over how
        many snapshots.
    """
    best: tuple[float, Array, float, int] = 0.0, ratio[-1], 0.0, 1
    for span in SPANS:
        if ratio.shape[0] - span < max(FEWEST_SNAPSHOTS, span):
            break
        found = deviation(ratio, span)
        if found[0] > best[0]:
            best = (*found, span)
    return best


def deviation(ratio: Array, span: int) -> tuple[float, Array, float]:
    """Return the shift of the newest ``span`` of ``ratio`` (n, Q): standard deviations, each qubit's (Q,), the mean."""
    past, now = ratio[:-span], ratio[-span:]
    level = np.median(past, axis=0)
    own = (past - level).mean(axis=1)
    sigma = float(np.median(location_scale(past - level)[1])) / math.sqrt(ratio.shape[1])
    spread = max(float(location_scale(own[:, None])[1][0]), sigma)
    shift = float((now - level).mean())
    z = abs(shift) / (spread * math.sqrt(1 / span + 1 / past.shape[0]))
    return z, (now - level).mean(axis=0), shift


def _finding(snapshot: DeviceSnapshot, found: Disagreement) -> Finding:
    return stream_finding(
        tenant=snapshot.tenant,
        device=snapshot.device,
        stream="calibration",
        info=CanaryWitness.info,
        start_ns=snapshot.t_ns,
        stop_ns=snapshot.t_ns + 1,
        confidence=0.95,
        detail=f"Reported errors of {len(found.shares)} qubits are {math.exp(found.size):.2f} times what their canaries say, "
        f"against the ordinary ratio of this device; {found.z:.1f} standard deviations, {LIMIT:g} is the limit.",
        attribution=found.shares,
    )


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
