"""Resets that hide or read something instead of beginning something."""

from collections.abc import Iterator

from mumetal.core.finding import Severity
from mumetal.formats.circuit import Circuit
from mumetal.scan.circuits.context import Surroundings
from mumetal.scan.circuits.rule import CircuitRule, Sign

IN_A_ROW = 5  # devices that reset by repetition do it up to three times
READ_AFTER = 2
SILENT = frozenset({"barrier", "delay", "id"})


def _look(circuit: Circuit, _: Surroundings) -> Iterator[Sign]:
    row: dict[int, int] = {}
    fresh: set[int] = set()
    read: dict[int, int] = {}
    worst: dict[int, tuple[int, int]] = {}
    for operation in circuit.operations:
        if operation.name in SILENT:
            continue
        for qubit in operation.qubits:
            if operation.name == "reset":
                row[qubit] = row.get(qubit, 0) + 1
                fresh.add(qubit)
                if row[qubit] >= IN_A_ROW:
                    worst[qubit] = (row[qubit], operation.line)
                continue
            if operation.name == "measure" and qubit in fresh:
                read[qubit] = read.get(qubit, 0) + 1
            elif operation.name != "measure":
                fresh.discard(qubit)
            row[qubit] = 0
    if worst:
        times, line = max(worst.values())
        yield Sign(
            detail=f"{times} resets in a row on {len(worst)} qubits.", line=line, qubits=tuple(sorted(worst))[:100]
        )
    probed = sorted(q for q, n in read.items() if n >= READ_AFTER)
    if probed:
        yield Sign(
            detail=f"{len(probed)} qubits are measured right after a reset, again and again: what it leaves is read out.",
            qubits=tuple(probed)[:100],
        )


RULE = CircuitRule(
    rule_id="scan.circuits.resets",
    title="Resets in a row, or reads right after a reset",
    why="A reset leaves about a percent behind: read often enough, it tells the state before; in a row, it wastes the device.",
    bad="OPENQASM 3.0;\nqubit[2] q;\nbit[2] c;\n" + "reset q;\nc = measure q;\n" * 4,
    good="OPENQASM 3.0;\nqubit[2] q;\nbit[2] c;\n" + "reset q;\nh q[0];\ncx q[0], q[1];\nc = measure q;\n" * 4,
    remedy="Reset from the second excited level too, and begin each tenant's shot with a reset of the provider's own.",
    reference="Mi et al. CCS 2022; Xu et al. CCS 2023",
    severity=Severity.MEDIUM,
    confidence=0.75,
    techniques=("collection.reset_leakage", "collection.reset_bypass"),
    look=_look,
)
