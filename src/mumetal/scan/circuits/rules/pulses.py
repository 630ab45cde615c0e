"""Pulses that are too strong, too long, or tuned to what is not theirs."""

import math
import re
from collections.abc import Iterator

from mumetal.core.finding import Severity
from mumetal.formats.circuit import Circuit, Pulse
from mumetal.scan.circuits.context import Surroundings
from mumetal.scan.circuits.rule import CircuitRule, Sign

LONGEST_S = 1e-4
OFF_HZ = 30e6  # DRAG and Stark corrections stay within a few MHz of the transition
NEAR_HZ = 5e6
_CHANNEL = re.compile(r"([du])(\d{1,5})")


def _look(circuit: Circuit, around: Surroundings) -> Iterator[Sign]:
    for pulse in circuit.pulses:
        place = f"{pulse.gate or 'a schedule'} on {pulse.channel}"
        if pulse.amplitude > 1.0:
            yield Sign(
                detail=f"{place} plays at {pulse.amplitude:.2f} of full scale.", line=pulse.line, qubits=pulse.qubits
            )
        if math.isfinite(pulse.duration_s) and pulse.duration_s > LONGEST_S:
            yield Sign(
                detail=f"{place} plays for {pulse.duration_s * 1e6:.0f} µs.", line=pulse.line, qubits=pulse.qubits
            )
        yield from _frequency(pulse, around, place)


def _frequency(pulse: Pulse, around: Surroundings, place: str) -> Iterator[Sign]:
    found = _CHANNEL.fullmatch(pulse.channel)
    if not found or found[1] != "d" or not math.isfinite(pulse.frequency_hz):
        return
    qubit = int(found[2])
    own, anharmonicity = around.figure(f"q{qubit}", "frequency"), around.figure(f"q{qubit}", "anharmonicity")
    if not math.isfinite(own) or abs(pulse.frequency_hz - own) <= OFF_HZ:
        return
    detuned = f"{place} plays {abs(pulse.frequency_hz - own) / 1e6:.0f} MHz off qubit {qubit}'s transition"
    if math.isfinite(anharmonicity) and abs(pulse.frequency_hz - own - anharmonicity) <= NEAR_HZ:
        yield Sign(
            detail=f"{detuned}, on the one to its second excited level: a reset does not empty that.",
            line=pulse.line, qubits=(qubit,), confidence=0.7,
        )  # fmt: skip
        return
    hit = sorted(
        n for n in around.neighbours(qubit) if abs(around.figure(f"q{n}", "frequency") - pulse.frequency_hz) <= NEAR_HZ
    )
    yield Sign(
        detail=f"{detuned}" + (f", on that of its neighbour {hit[0]}." if hit else "."),
        line=pulse.line,
        qubits=(qubit, *hit),
        severity=Severity.CRITICAL if hit and hit[0] in around.others else None,
    )


RULE = CircuitRule(
    rule_id="scan.circuits.pulses",
    title="Plays a pulse out of range or off resonance",
    why="Strong off-resonant pulses flip qubits far away; pulses on the second level survive a reset.",
    bad="OPENQASM 3.0;\ndefcal x $0 { play(drive($0), gaussian(1.7, 160dt, 40dt)); }\nx $0;\nbit c;\nc = measure $0;\n",
    good="OPENQASM 3.0;\ndefcal x $0 { play(drive($0), gaussian(0.2, 160dt, 40dt)); }\nx $0;\nbit c;\nc = measure $0;\n",
    remedy="Allow only pulses from the provider's library; bound amplitude, length and detuning at the controller.",
    reference="QubitHammer, arXiv 2504.07875; Xu et al. CCS 2023",
    severity=Severity.HIGH,
    confidence=0.85,
    techniques=("impair.qubit_hammer", "collection.reset_bypass"),
    look=_look,
)
