"""Gates that do not do what their name says: definitions and pulses."""

import math
import re
from collections.abc import Iterator

from mumetal.core.finding import Severity
from mumetal.formats.circuit import Circuit, Pulse, example_angles
from mumetal.scan.circuits.context import Surroundings
from mumetal.scan.circuits.rule import CircuitRule, Sign
from mumetal.scan.circuits.unitary import distance, standard, unitary

TOLERANCE = 1e-6
RATIO = 0.25  # x turns twice as far as sx; calibrated libraries keep the ratio of areas within a few percent
_CHANNEL = re.compile(r"([dma])(\d{1,5})")


def _look(circuit: Circuit, _: Surroundings) -> Iterator[Sign]:
    for definition in circuit.definitions:
        wanted = standard(definition.name, example_angles(len(definition.parameters)))
        if wanted is None or wanted.shape[0] != 2**definition.qubits:
            continue
        done = unitary(definition.operations, definition.qubits)
        if done is not None and (off := distance(wanted, done)) > TOLERANCE:
            yield Sign(
                detail=f"The gate called {definition.name} is defined as something else (infidelity {off:.3f}).",
                line=definition.line,
                confidence=0.95,
            )
    yield from _channels(circuit.pulses)
    yield from _areas(circuit.pulses)


def _channels(pulses: tuple[Pulse, ...]) -> Iterator[Sign]:
    for pulse in pulses:
        found = _CHANNEL.fullmatch(pulse.channel)
        if found and pulse.qubits and int(found[2]) not in pulse.qubits:
            own = ", ".join(map(str, pulse.qubits))
            yield Sign(
                detail=f"The pulses of {pulse.gate} on {own} play on {pulse.channel}, which is not theirs.",
                line=pulse.line,
                qubits=(*pulse.qubits, int(found[2])),
            )
        if pulse.gate in {"id", "rz", "barrier", "delay"} and pulse.amplitude > 0:
            yield Sign(
                detail=f"{pulse.gate} needs no pulse and plays one on {pulse.channel}.",
                line=pulse.line,
                qubits=pulse.qubits,
            )


def _areas(pulses: tuple[Pulse, ...]) -> Iterator[Sign]:
    area: dict[tuple[str, tuple[int, ...]], float] = {}
    for pulse in pulses:
        if pulse.gate in {"x", "sx"} and pulse.channel.startswith("d"):
            area[pulse.gate, pulse.qubits] = area.get((pulse.gate, pulse.qubits), 0.0) + pulse.area_s
    for (gate, qubits), size in area.items():
        half = area.get(("sx", qubits), math.nan)
        if gate == "x" and half > 0 and math.isfinite(size) and abs(size / (2 * half) - 1) > RATIO:
            yield Sign(
                detail=f"x on {qubits} has {size / half:.2f} times the area of sx, not twice.",
                qubits=qubits,
                confidence=0.7,
            )


RULE = CircuitRule(
    rule_id="scan.circuits.mismatch",
    title="A gate does not do what its name says",
    why="Channels are tapped or blocked, order or phase is changed, and the program's text still looks right.",
    bad="OPENQASM 2.0;\ngate cz a,b { cx a,b; t b; }\nqreg q[2];\ncreg c[2];\ncz q[0],q[1];\nmeasure q -> c;\n",
    good="OPENQASM 2.0;\ngate cz a,b { h b; cx a,b; h b; }\nqreg q[2];\ncreg c[2];\nh q[0];\ncz q[0],q[1];\nmeasure q -> c;\n",
    remedy="Refuse definitions of standard names; compare custom pulses with the calibrated ones before they play.",
    reference="arXiv 2406.05941 (IEEE S&P 2025)",
    severity=Severity.HIGH,
    confidence=0.85,
    techniques=("evasion.gate_pulse_mismatch", "impair.zero_knowledge_tampering"),
    look=_look,
)
