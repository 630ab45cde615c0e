"""What a finding costs if it is true: circuit fidelity lost, weighed by the workloads that lose it.

The physics is deliberately first order and every formula is named; where a finding gives no figures, the size of the
change is *assumed* and the sentence says so. A finding with neither figures nor a known channel is judged by its
severity, and an attack on trust (integrity, secrecy, access) by its tactic; both tables are judgement, not measurement.
"""

import math
import re
from dataclasses import dataclass

from mumetal.core.finding import Finding, Severity
from mumetal.respond.triage.inventory import UNLISTED, Inventory, Machine, Workload

PLANCK_OVER_BOLTZMANN = 4.799243e-11  # K/Hz, CODATA 2018
ASSUMED_FACTOR = math.exp(0.5)  # two daily σ(ln T1) of 0.25: the smallest change that is not ordinary
ASSUMED_DETUNING_HZ = 344e3  # median step of flux-tunable qubits, arXiv:2505.23622
COLD_K = 0.010

BY_SEVERITY = {
    Severity.UNKNOWN: 0.3,
    Severity.INFORMATIONAL: 0.02,
    Severity.LOW: 0.1,
    Severity.MEDIUM: 0.3,
    Severity.HIGH: 0.6,
    Severity.CRITICAL: 0.9,
    Severity.FATAL: 1.0,
}
BY_TACTIC = {
    "credential_access": 0.8,
    "disrupt": 0.8,
    "impact": 0.8,
    "covert": 0.7,
    "exfiltration": 0.7,
    "execution": 0.7,
    "persistence": 0.7,
    "impair": 0.6,
    "collection": 0.5,
    "evasion": 0.5,
    "discovery": 0.2,
    "reconnaissance": 0.2,
}
NUMBER = r"([-+]?\d{1,15}(?:\.\d{0,15})?(?:e[-+]?\d{1,3})?)"
FROM_TO = re.compile(rf"from {NUMBER} ?[^\d\s]{{0,6}} to {NUMBER}", re.IGNORECASE)
PERCENT = re.compile(rf"{NUMBER} ?%")
QUBIT = re.compile(r"(?:^|[._])q?(\d{1,5})(?=[._]|$)")


@dataclass(frozen=True, slots=True, kw_only=True)
class Harm:
    """Impact in [0, 1] and the sentence that says how it came about."""

    impact: float
    reason: str


def decoherence(duration_s: float, t1_s: float, t2_s: float) -> float:
    """Return the average infidelity of idling for ``duration_s`` (s), in [0, 1/2].

    Amplitude and phase damping of one qubit: 1/2 − e^(−t/T1)/6 − e^(−t/T2)/3 (Nielsen 2002,
    doi:10.1016/S0375-9601(02)01272-0, applied to the two exponentials).
    """
    return 0.5 - math.exp(-duration_s / t1_s) / 6 - math.exp(-duration_s / t2_s) / 3


def thermal_population(temperature_k: float, frequency_hz: float) -> float:
    """Return the excited-state population of a qubit in equilibrium at ``temperature_k`` (K), in [0, 1/2)."""
    if temperature_k <= 0:
        return 0.0
    return 1.0 / (1.0 + math.exp(min(700.0, PLANCK_OVER_BOLTZMANN * frequency_hz / temperature_k)))


def change_of(detail: str) -> tuple[float, bool]:
    """Return the factor by which a figure grew (>= 1 or <= 1) as a finding's detail tells it, and whether it does.

    Understood: ``from 120 µs to 40 µs`` (same unit on both sides) and ``-40%`` or ``40 %``.
    """
    if (both := FROM_TO.search(detail)) and (before := float(both[1])) > 0 and (after := float(both[2])) > 0:
        return min(1e6, max(1e-6, after / before)), True
    if (percent := PERCENT.search(detail)) and (share := float(percent[1])):
        return min(1e6, max(1e-6, 1 + share / 100)), True
    return ASSUMED_FACTOR, False


def _kind(channel: str) -> str:
    name = channel.rsplit(".", 1)[-1].casefold()
    for kind, marks in (
        ("t1", ("t1",)),
        ("t2", ("t2",)),
        ("readout", ("readout", "prob_meas", "meas_error")),
        ("gate", ("gate_error", "error")),
        ("frequency", ("frequency", "detuning")),
        ("temperature", ("temperature", "temp")),
    ):
        if name.startswith(marks) or (kind != "t1" and any(m in name for m in marks)):
            return kind
    return ""


def fidelity_loss(kind: str, factor: float, qubits: int, depth: int, machine: Machine) -> float:
    """Return how much of a circuit's fidelity goes, in [0, 1].

    Args:
        kind: ``"t1"``, ``"t2"``, ``"gate"``, ``"readout"``, ``"frequency"`` or ``"temperature"``.
        factor: By how much the figure changed; the harmful direction is taken.
        qubits: Qubits of the workload that are affected.
        depth: Layers of the workload.
        machine: Ordinary figures of the device.
    """
    up, layer = max(factor, 1 / factor), machine.layer_s
    if kind == "t1":
        worse = machine.t1_s / up
        extra = decoherence(layer, worse, min(machine.t2_s, 2 * worse)) - decoherence(layer, machine.t1_s, machine.t2_s)
        return -math.expm1(-qubits * depth * max(0.0, extra))
    if kind == "t2":
        extra = decoherence(layer, machine.t1_s, machine.t2_s / up) - decoherence(layer, machine.t1_s, machine.t2_s)
        return -math.expm1(-qubits * depth * max(0.0, extra))
    if kind == "gate":  # an affected coupling works in every second layer
        return -math.expm1(-qubits * depth / 2 * min(1.0, machine.gate_error * (up - 1)))
    if kind == "readout":
        return -math.expm1(-qubits * min(1.0, machine.readout_error * (up - 1)))
    if kind == "frequency":  # Rz(φ): 1 − F = (2/3) sin²(φ/2), the phase adding up over the circuit
        phase = 2 * math.pi * ASSUMED_DETUNING_HZ * layer * depth
        return 2 / 3 * math.sin(min(math.pi, phase) / 2) ** 2
    warmer = thermal_population(COLD_K * up, machine.frequency_hz)
    return -math.expm1(-qubits * max(0.0, warmer - thermal_population(COLD_K, machine.frequency_hz)))


def harm(finding: Finding, inventory: Inventory) -> Harm:
    """Weigh one finding: the worst workload of criticality × loss, in [0, 1]."""
    worst, reason = -1.0, ""
    for workload in inventory.workloads(finding.device):
        loss, why = _loss(finding, workload, inventory.machine(finding.device))
        if loss * workload.criticality > worst:
            worst = loss * workload.criticality
            listed = "no workload is listed, so" if workload is UNLISTED else ""
            reason = f"{listed} {workload.name} (criticality {workload.criticality:g}) {why}".strip()
    if finding.severity <= Severity.LOW:  # what its own rule calls low is worth a look, not a page
        worst = min(worst, BY_SEVERITY[finding.severity])
    return Harm(impact=min(1.0, max(0.0, worst)), reason=reason[0].upper() + reason[1:] + ".")


def _loss(finding: Finding, workload: Workload, machine: Machine) -> tuple[float, str]:
    channel = finding.attribution[0].channel if finding.attribution else ""
    best = (BY_SEVERITY[finding.severity], f"is judged by the severity alone ({finding.severity.name.lower()})")
    if kind := _kind(channel):
        factor, told = change_of(finding.detail)
        touched = {m[1] for a in finding.carriers[:100] if (m := QUBIT.search(a.channel))}
        affected = workload.qubits if not touched else min(workload.qubits, len(touched))
        loss = fidelity_loss(kind, factor, affected, workload.depth, machine)
        size = f"a change of ×{factor:.3g}" if told else "an assumed change, the finding gives no figure,"
        what = "" if kind == "frequency" else f" by {size}"
        best = (
            loss,
            f"would lose {loss:.0%} of its fidelity over {workload.depth} layers ({channel}{what} on {affected} qubits)",
        )
    tactics = {t.split(".", 1)[0] for t in finding.techniques}
    trust, tactic = max(((BY_TACTIC.get(t, 0.4), t) for t in tactics), default=(0.0, ""))
    if trust > best[0]:
        return trust, f"cannot trust its results or secrets if this is {tactic.replace('_', ' ')}"
    return best
