"""Two kinds of waste: blocks on one pair that keep returning to nothing, and CX networks far longer than any needs.

A two-qubit unitary needs at most three CX (Vatan and Williams 2004, doi:10.1103/PhysRevA.69.032315); CX networks on n
qubits in a line need at most 5 n layers, so 2.5 n² (Kutin, Moulton and Smithline 2007, arXiv:quant-ph/0701194); with
rotations about Z in them, one CX and a way back for each of 2**n parities.
"""

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field

import numpy as np

from mumetal.formats.circuit import Circuit, Operation
from mumetal.scan.circuits.unitary import Matrix, apply, is_local, standard

MAX_CHECKS = 20_000
PAULIS = frozenset({"x", "y", "z", "id"})
DIAGONAL = frozenset({"rz", "p", "u1", "s", "sdg", "t", "tdg"})
LINEAR = frozenset({"cx", "cnot", "cz", "swap", "cy"})
SILENT = frozenset({"barrier", "delay", "id"})


@dataclass(slots=True)
class Block:
    """Consecutive gates on one pair of qubits.

    Args:
        pair: The qubits, smaller first.
        gates: Two-qubit gates so far.
        returns: How often the whole block was local again after one of them.
        line: Line of the first gate.
    """

    pair: tuple[int, int]
    gates: int = 0
    returns: int = 0
    line: int = 0
    net: Matrix | None = field(default_factory=lambda: np.eye(4, dtype=np.complex128))


def pair_blocks(circuit: Circuit) -> Iterator[Block]:
    """Yield the maximal blocks of consecutive gates on one pair, with how often each came back to nothing."""
    current: dict[int, Block] = {}
    checks = 0
    for operation in circuit.operations:
        qubits = operation.qubits
        if operation.name in SILENT:
            continue
        if len(qubits) == 1 and operation.name not in {"measure", "reset"} and not operation.conditional:
            if (block := current.get(qubits[0])) is not None:
                _extend(block, operation)
            continue
        pair = tuple(sorted(set(qubits))) if len(qubits) == 2 else ()
        block = current.get(qubits[0]) if qubits else None
        if len(pair) != 2 or operation.conditional or block is None or block.pair != pair:
            for qubit in qubits:
                if (old := current.pop(qubit, None)) is not None:
                    current = {q: b for q, b in current.items() if b is not old}
                    yield old
            if len(pair) != 2 or operation.conditional:
                continue
            block = Block(pair=(pair[0], pair[1]), line=operation.line)
            current[pair[0]] = current[pair[1]] = block
        block.gates += 1
        _extend(block, operation)
        checks += 1
        if block.net is not None and checks <= MAX_CHECKS:
            block.returns += is_local(block.net)
    yield from {id(b): b for b in current.values()}.values()


def _extend(block: Block, operation: Operation) -> None:
    if block.net is None:
        return
    matrix = standard(operation.name, operation.params)
    if matrix is None or matrix.shape[0] != 2 ** len(operation.qubits):
        block.net = None
        return
    block.net = apply(matrix, block.net, [block.pair.index(q) for q in operation.qubits], 2)


@dataclass(slots=True)
class Network:
    """A stretch in which some qubits see nothing but CX, CZ, swaps, Paulis and rotations about Z."""

    qubits: set[int] = field(default_factory=set)
    edges: Counter[tuple[int, ...]] = field(default_factory=Counter)
    rotated: bool = False
    line: int = 0

    @property
    def needed(self) -> float:
        """CX gates beyond which the network is longer than any network on its qubits has to be."""
        n = len(self.qubits)
        return max(10.0, 2.0 ** min(n + 1, 60) if self.rotated else 2.5 * n * n)


def networks(circuit: Circuit) -> Iterator[Network]:
    """Yield the CX networks of a circuit."""
    of: dict[int, Network] = {}
    for operation in circuit.operations:
        name, qubits = operation.name, operation.qubits
        if name in SILENT or (name in PAULIS and not operation.conditional):
            continue
        if name in DIAGONAL and len(qubits) == 1 and not operation.conditional:
            if (held := of.get(qubits[0])) is not None:
                held.rotated = True
            continue
        if name in LINEAR and len(qubits) == len(set(qubits)) == 2 and not operation.conditional:
            merged = of.get(qubits[0]) or Network(line=operation.line)
            other = of.get(qubits[1])
            if other is not None and other is not merged:
                merged.qubits |= other.qubits
                merged.edges.update(other.edges)
                merged.rotated |= other.rotated
            merged.qubits.update(qubits)
            merged.edges[tuple(sorted(qubits))] += 1
            for qubit in merged.qubits if other is not merged else qubits:
                of[qubit] = merged
            continue
        for qubit in qubits:
            if (ended := of.get(qubit)) is not None:
                yield ended
                for member in ended.qubits:
                    of.pop(member, None)
    yield from {id(n): n for n in of.values()}.values()
