"""Two-qubit gates that no measurement can feel."""

from collections.abc import Iterator

from mumetal.core.finding import Severity
from mumetal.formats.circuit import Circuit
from mumetal.scan.circuits.context import Surroundings
from mumetal.scan.circuits.rule import CircuitRule, Sign

LEAST = 12
SHARE = 0.5
ONE_GATE = frozenset({"barrier", "delay", "measure", "reset"})


def _look(circuit: Circuit, around: Surroundings) -> Iterator[Sign]:
    if not any(o.name == "measure" for o in circuit.operations):
        return
    live: set[int] = set()
    dead: list[tuple[tuple[int, ...], int]] = []
    total = 0
    for operation in reversed(circuit.operations):
        if operation.name == "measure":
            live.update(operation.qubits)
        elif operation.name == "reset":
            live.difference_update(operation.qubits)
        elif operation.name not in ONE_GATE and len(operation.qubits) > 1:
            total += 1
            if operation.conditional or live.intersection(operation.qubits):
                live.update(operation.qubits)
            else:
                dead.append((operation.qubits, operation.line))
    if len(dead) < LEAST or len(dead) < SHARE * total:
        return
    qubits = tuple(sorted({q for pair, _ in dead for q in pair}))
    victims = around.victims(qubits)
    beside = f" Beside them lie other tenants' qubits {', '.join(map(str, sorted(victims)))}." if victims else ""
    yield Sign(
        detail=f"{len(dead)} of {total} two-qubit gates reach no measurement.{beside}",
        line=dead[-1][1],
        qubits=qubits[:100],
        severity=Severity.HIGH if victims else None,
        confidence=0.9 if victims else None,
    )


_GATES = "".join(f"cx q[{n % 3}],q[{n % 3 + 1}];\nrx(0.{n + 1}) q[{n % 3}];\n" for n in range(24))
RULE = CircuitRule(
    rule_id="scan.circuits.dead_work",
    title="Most two-qubit gates reach no measurement",
    why="Work whose result is thrown away has one effect left: on the neighbours, and on the power drawn.",
    bad="OPENQASM 2.0;\nqreg q[5];\ncreg c[1];\n" + _GATES + "h q[4];\nmeasure q[4] -> c[0];\n",
    good="OPENQASM 2.0;\nqreg q[4];\ncreg c[1];\n" + _GATES + "measure q[3] -> c[0];\n",
    remedy="Refuse the job, or compile it: an optimiser removes what is never measured.",
    reference="QubitVise 2025; arXiv 2507.22140; BARS S8",
    severity=Severity.MEDIUM,
    confidence=0.8,
    techniques=("impair.crosstalk_hammering",),
    look=_look,
)
