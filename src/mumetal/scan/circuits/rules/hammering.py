"""The same pair driven again and again, to no effect but on its neighbours."""

import math
from collections.abc import Iterator

from mumetal.core.finding import Severity
from mumetal.formats.circuit import Circuit
from mumetal.scan.circuits.blocks import networks, pair_blocks
from mumetal.scan.circuits.context import Surroundings
from mumetal.scan.circuits.rule import CircuitRule, Sign

LEAST = (
    10  # ten CX beside a Grover victim move P(11) from 0.940 to 0.772 (THREATS); five need 1,037 canary shots to see
)
RETURNING = 0.3  # share of gates after which the block is nothing again: 1/2 for CX·CX, 0.05 for random Cliffords
EDGE = 8  # error mitigation folds a gate at most seven times
ZZ_HZ = 50e3


def _look(circuit: Circuit, around: Surroundings) -> Iterator[Sign]:
    told: set[tuple[int, ...]] = set()
    for block in pair_blocks(circuit):
        if block.gates >= LEAST and block.returns >= RETURNING * block.gates and block.pair not in told:
            told.add(block.pair)
            yield _sign(around, block.pair, block.gates, block.line, f"{block.returns} times they undo one another")
    for network in networks(circuit):
        total = sum(network.edges.values())
        edge, most = max(network.edges.items(), key=lambda item: item[1])
        if total >= network.needed and most >= EDGE and edge not in told:
            told.add(edge)
            needed = f"no network on these {len(network.qubits)} qubits needs {network.needed:.0f}"
            yield _sign(around, edge, most, network.line, needed)


def _sign(around: Surroundings, pair: tuple[int, ...], gates: int, line: int, reason: str) -> Sign:
    victims = around.victims(pair)
    phase = 2 * math.pi * ZZ_HZ * gates * around.gate_length_s(pair[0], pair[1])
    beside = f" Beside it lie other tenants' qubits {', '.join(map(str, sorted(victims)))}." if victims else ""
    return Sign(
        detail=(
            f"{gates} two-qubit gates in a row on qubits {pair[0]} and {pair[1]}: {reason}. At 50 kHz of ZZ to a "
            f"neighbour that is {phase:.2f} rad of phase on it.{beside}"
        ),
        line=line,
        qubits=pair,
        severity=Severity.CRITICAL if victims else None,
        confidence=0.95 if victims else None,
    )


RULE = CircuitRule(
    rule_id="scan.circuits.hammering",
    title="Drives one pair of qubits again and again to no effect",
    why="Crosstalk of repeated two-qubit gates turns a neighbour's qubits: faults in somebody else's job.",
    bad="OPENQASM 2.0;\nqreg q[2];\ncreg c[2];\n" + "cx q[0],q[1];\n" * 20 + "measure q -> c;\n",
    good="OPENQASM 2.0;\nqreg q[2];\ncreg c[2];\n"
    + "rx(0.3) q;\ncx q[0],q[1];\nrz(0.2) q[1];\ncx q[0],q[1];\n" * 20
    + "measure q -> c;\n",
    remedy="Refuse the job or compile it (an optimiser leaves at most three CX); keep a buffer of idle qubits around tenants.",
    reference="Ash-Saki et al. ISLPED 2020; QubitVise 2025; BARS S8",
    severity=Severity.HIGH,
    confidence=0.85,
    techniques=("impair.crosstalk_hammering", "impair.double_sided_crosstalk"),
    look=_look,
)
