"""Circuits that listen: qubits measured before anything was done to them, and idle Ramsey sensors."""

import math
from collections.abc import Iterator

import numpy as np

from mumetal.core.finding import Severity
from mumetal.formats.circuit import Circuit, Operation
from mumetal.scan.circuits.context import Surroundings
from mumetal.scan.circuits.rule import CircuitRule, Sign
from mumetal.scan.circuits.unitary import Matrix, standard

REPEATS = 3
TOLERANCE = 1e-6
IDLE_S = 5e-7  # 50 kHz of ZZ turns a sensor by 0.16 rad in 0.5 µs
ID_GATE_S = 5e-8
TO_EQUATOR = frozenset({"h", "sx", "sxdg", "u2", "v", "x90", "y90"})
NOTHING = frozenset({"id", "barrier", "delay", "rz", "z", "s", "sdg", "t", "tdg", "p", "u1"})
ECHO = frozenset({"x", "y"})


def _by_qubit(circuit: Circuit) -> dict[int, list[Operation]]:
    own: dict[int, list[Operation]] = {}
    for operation in circuit.operations:
        for qubit in operation.qubits:
            own.setdefault(qubit, []).append(operation)
    return own


def _read_early(done: list[Operation]) -> Operation | None:
    """Return the measurement that comes before any preparation of a qubit used later; None for an active reset.

    A qubit that is only measured may be an idle one of ``measure q -> c``, which compilers put anywhere in the text. A
    measurement answered by a conditional gate on the same qubit prepares it. Gates that leave both basis states where
    they are (phases, pairs that cancel) prepare nothing.
    """
    net: Matrix = np.eye(2, dtype=np.complex128)
    first: Operation | None = None
    for operation in done:
        if operation.name in {"barrier", "delay"}:
            continue
        if first is not None:
            if operation.name not in NOTHING | {"measure", "reset"}:
                return None if operation.conditional else first
        elif operation.name == "measure":
            if abs(net[0, 1]) > TOLERANCE:
                return None
            first = operation
        elif operation.name not in NOTHING or net[0, 1]:  # a phase of any angle leaves a basis state where it is
            matrix = standard(operation.name, operation.params)
            if operation.conditional or matrix is None or matrix.shape[0] != 2:
                return None
            net = matrix @ net
            if not np.isfinite(net).all():
                return None
    return None


def _measure_only(circuit: Circuit, _: Surroundings) -> Iterator[Sign]:
    own = _by_qubit(circuit)
    measured = {q for q, done in own.items() if any(o.name == "measure" for o in done)}
    working = {q for q, done in own.items() if any(o.name not in NOTHING | {"measure", "reset"} for o in done)}
    if measured and not working:
        yield Sign(
            detail=f"All {len(measured)} measured qubits are measured without any gate before.",
            line=circuit.operations[0].line,
            qubits=tuple(sorted(measured))[:100],
        )
        return
    early = {q: first for q, done in own.items() if (first := _read_early(done)) is not None}
    if early:
        yield Sign(
            detail=f"{len(early)} qubits are measured before anything is done to them, and put to work afterwards.",
            line=min(first.line for first in early.values()),
            qubits=tuple(sorted(early))[:100],
            confidence=0.55,  # a run that keeps only shots which began in the ground state reads the same
        )
        return
    for qubit in sorted(measured - working):
        times = sum(o.name == "measure" for o in own[qubit])
        if times >= REPEATS:
            yield Sign(
                detail=f"Qubit {qubit} is measured {times} times and never touched.",
                line=own[qubit][0].line,
                qubits=(qubit,),
                confidence=0.75,
            )
            return


def _is_to_equator(operation: Operation) -> bool:
    if operation.name in TO_EQUATOR:
        return True
    if operation.name in {"rx", "ry", "u3", "u", "r"} and operation.params and math.isfinite(operation.params[0]):
        return math.isclose(abs(math.remainder(operation.params[0], math.pi)), math.pi / 2, rel_tol=0.1)
    return False


def _idle_s(operation: Operation) -> float:
    if operation.name == "delay":
        return operation.duration_s if math.isfinite(operation.duration_s) else IDLE_S
    return ID_GATE_S if operation.name in {"id", *ECHO} else 0.0


def _ramsey(circuit: Circuit, around: Surroundings) -> Iterator[Sign]:
    sensors: list[tuple[int, float, int]] = []
    for qubit, done in _by_qubit(circuit).items():
        if any(len(o.qubits) > 1 and o.name != "barrier" for o in done):
            continue
        idle, opened, line, longest = 0.0, False, 0, 0.0
        for operation in done:
            if _is_to_equator(operation):
                longest = max(longest, idle if opened else 0.0)
                opened, idle, line = True, 0.0, line or operation.line
            elif operation.name in NOTHING | ECHO:
                idle += _idle_s(operation)
            elif operation.name == "measure":
                break
            else:
                opened, idle = False, 0.0
        else:
            continue
        if longest >= IDLE_S:
            sensors.append((qubit, longest, line))
    if not sensors:
        return
    qubits = tuple(q for q, _, _ in sorted(sensors))
    victims = around.victims(qubits)
    longest = max(s for _, s, _ in sensors)
    yield Sign(
        detail=(
            f"{len(sensors)} qubits wait {longest * 1e6:.2f} µs between two quarter turns and meet no other qubit of the "
            f"circuit: they feel 50 kHz of a neighbour's ZZ as {2 * math.pi * 5e4 * longest:.2f} rad."
        ),
        line=min(line for _, _, line in sensors),
        qubits=qubits[:100],
        severity=Severity.HIGH if victims else None,
        confidence=0.9 if victims else None,
    )


MEASURE_ONLY = CircuitRule(
    rule_id="scan.circuits.measure_only",
    title="Measures qubits that it has not prepared",
    why="What an earlier tenant left in the qubits, or what a neighbour's readout does to them, is read out.",
    bad="OPENQASM 2.0;\nqreg q[5];\ncreg c[5];\nmeasure q -> c;\n",
    good="OPENQASM 2.0;\nqreg q[3];\ncreg c[3];\nh q[0];\ncx q[0],q[1];\nmeasure q -> c;\n",
    remedy="Reset securely between tenants; allow it where the provider calibrates readout.",
    reference="Mi et al. CCS 2022; arXiv 2405.08962",
    severity=Severity.MEDIUM,
    confidence=0.6,
    techniques=("collection.reset_leakage", "collection.readout_crosstalk"),
    look=_measure_only,
)
RAMSEY = CircuitRule(
    rule_id="scan.circuits.ramsey",
    title="Lets lone qubits wait between two quarter turns",
    why="A Ramsey sensor on idle qubits hears which gates a neighbour runs, and when.",
    bad="OPENQASM 3.0;\nqubit[4] q;\nbit[4] c;\nh q;\ndelay[2us] q;\nh q;\nc = measure q;\n",
    good=(
        "OPENQASM 3.0;\nqubit[2] q;\nbit[2] c;\nh q[0];\ndelay[2us] q[0];\ncx q[0], q[1];\nh q[0];\nc = measure q;\n"
    ),
    remedy="Keep sensors away from tenants, or fill their neighbourhood with dummy gates; allow it for calibration jobs.",
    reference="arXiv 2412.10507 (NDSS 2025); arXiv 2605.14325",
    severity=Severity.MEDIUM,
    confidence=0.65,
    techniques=("collection.crosstalk_side_channel", "collection.ramsey_sensing"),
    look=_ramsey,
)
