"""A device model from a real calibration, and the exact noisy outcome of a small circuit on it.

Density matrix; after every gate a depolarising channel with the calibrated gate error and relaxation over the gate's
length (T1, T2); readout flips with the calibrated readout error. Left out: crosstalk, leakage, coherent errors and drift,
so that the model is a lower bound on the noise.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from mumetal.core.errors import BadInputError
from mumetal.core.snapshot import DeviceSnapshot
from mumetal.formats.circuit import Circuit, Operation
from mumetal.scan.circuits.unitary import Matrix, apply, standard

MAX_QUBITS = 10
ONE_QUBIT_S = 5e-8
VIRTUAL = frozenset({"rz", "p", "u1", "z", "s", "sdg", "t", "tdg", "id", "barrier"})


@dataclass(frozen=True, slots=True, kw_only=True)
class DeviceModel:
    """Noise of the qubits that a circuit runs on.

    Args:
        name: Device and date, for messages.
        t1_s: Relaxation time per qubit, s.
        t2_s: Coherence time per qubit, s; at most 2 T1.
        readout_error: Probability of a wrong bit per qubit.
        gate_error: Infidelity of a two-qubit gate per pair (smaller qubit first); the worst of them where a pair has none.
        gate_length_s: Length of a two-qubit gate, s.
        one_qubit_error: Infidelity of a one-qubit gate.
    """

    name: str
    t1_s: tuple[float, ...]
    t2_s: tuple[float, ...]
    readout_error: tuple[float, ...]
    gate_error: tuple[tuple[int, int, float], ...] = ()
    gate_length_s: float = 3e-7
    one_qubit_error: float = 3e-4

    @classmethod
    def of(cls, snapshot: DeviceSnapshot, qubits: Sequence[int]) -> "DeviceModel":
        """Return the model of some of a device's qubits; circuit qubit 0 lies on ``qubits[0]``.

        Raises:
            BadInputError: A qubit is not there, or its T1, T2 or readout error was not calibrated.
        """
        if len(set(qubits)) < len(qubits) or not 0 < len(qubits) <= MAX_QUBITS:
            raise BadInputError(f"a model has 1 to {MAX_QUBITS} different qubits")
        figures = {p.channel: p.value for p in snapshot.parameters if math.isfinite(p.value)}

        def get(qubit: int, name: str) -> float:
            try:
                return figures[f"q{qubit}.{name}"]
            except KeyError:
                raise BadInputError(
                    f"qubit {qubit} of {snapshot.device} has no calibrated {name}", hint="choose another qubit"
                ) from None

        t1 = tuple(get(q, "T1") for q in qubits)
        t2 = tuple(min(get(q, "T2"), 2 * one) for q, one in zip(qubits, t1, strict=True))
        place = {q: n for n, q in enumerate(qubits)}
        errors: dict[tuple[int, int], float] = {}
        lengths: list[float] = []
        for channel, value in figures.items():
            component, _, name = channel.rpartition(".")
            gate, _, pair = component.partition(".")
            ends = [int(p) for p in pair.split("_") if p.isdigit()]
            if len(ends) == 2 and gate and ends[0] in place and ends[1] in place:
                if name == "gate_error":
                    low, high = sorted((place[ends[0]], place[ends[1]]))
                    errors[low, high] = min(value, errors.get((low, high), 1.0))
                elif name == "gate_length":
                    lengths.append(value)
        return cls(
            name=f"{snapshot.device} at {snapshot.t_ns}",
            t1_s=t1,
            t2_s=t2,
            readout_error=tuple(get(q, "readout_error") for q in qubits),
            gate_error=tuple((a, b, e) for (a, b), e in sorted(errors.items())),
            gate_length_s=max(lengths, default=3e-7),
        )

    def error_of(self, first: int, second: int) -> float:
        """Return the infidelity of a two-qubit gate."""
        low, high = min(first, second), max(first, second)
        known = {(a, b): e for a, b, e in self.gate_error}
        return known.get((low, high), max(known.values(), default=1e-2))


def final_state(circuit: Circuit, model: DeviceModel) -> Matrix:
    """Return the density matrix after a circuit, shape (2**n, 2**n), before readout.

    Raises:
        BadInputError: Too many qubits, an unknown gate or angle, or an operation that depends on a measured bit.
    """
    n = len(model.t1_s)
    if circuit.qubits > n:
        raise BadInputError(f"the circuit has {circuit.qubits} qubits, the model {n}")
    rho = np.zeros((2**n, 2**n), np.complex128)
    rho[0, 0] = 1.0
    for operation in circuit.operations:
        if operation.conditional:
            raise BadInputError(
                "operations that depend on measured bits are not simulated", where=f"line {operation.line}"
            )
        rho = _step(rho, operation, model, n)
    return rho


def _both(rho: Matrix, matrix: Matrix, qubits: Sequence[int], n: int) -> Matrix:
    left = apply(matrix, rho, qubits, n)
    return apply(matrix, left.conj().T, qubits, n).conj().T


def _channel(rho: Matrix, kraus: Sequence[Matrix], qubit: int, n: int) -> Matrix:
    total: Matrix = np.zeros_like(rho)
    for one in kraus:
        total = total + _both(rho, one, [qubit], n)
    return total


def _step(rho: Matrix, operation: Operation, model: DeviceModel, n: int) -> Matrix:
    name, qubits = operation.name, operation.qubits
    if name == "barrier":
        return rho
    if name == "delay":
        return _relax(rho, qubits[0], operation.duration_s if math.isfinite(operation.duration_s) else 0.0, model, n)
    if name == "reset":
        down = np.array([[0, 1], [0, 0]], np.complex128)
        return _channel(rho, [np.diag([1, 0]).astype(np.complex128), down], qubits[0], n)
    if name == "measure":
        return _channel(
            rho, [np.diag([1, 0]).astype(np.complex128), np.diag([0, 1]).astype(np.complex128)], qubits[0], n
        )
    matrix = standard(name, operation.params)
    if matrix is None or matrix.shape[0] != 2 ** len(qubits) or len(set(qubits)) < len(qubits):
        raise BadInputError(f"{name[:40]!r} is no gate with a known matrix", where=f"line {operation.line}")
    rho = _both(rho, matrix, qubits, n)
    if name in VIRTUAL:
        return rho
    pairs = len(qubits) > 1
    error = model.error_of(qubits[0], qubits[1]) if pairs else model.one_qubit_error
    if len(qubits) > 2:
        error = min(6 * error, 1.0)  # a Toffoli takes six CX
    length = model.gate_length_s * (6 if len(qubits) > 2 else 1) if pairs else ONE_QUBIT_S
    rho = _depolarise(rho, qubits, error, n)
    for qubit in qubits:
        rho = _relax(rho, qubit, length, model, n)
    return rho


def _depolarise(rho: Matrix, qubits: Sequence[int], infidelity: float, n: int) -> Matrix:
    """Mix with the maximally mixed state of the qubits so that the average infidelity is the given one."""
    d = 2 ** len(qubits)
    share = min(max(infidelity, 0.0) * d / (d - 1), 1.0)
    tensor = rho.reshape((2,) * (2 * n))
    rows, columns = list(qubits), [n + q for q in qubits]
    moved = np.moveaxis(tensor, rows + columns, list(range(2 * len(qubits))))
    flat = moved.reshape(d, d, -1)
    mixed = np.einsum("ab,k->abk", np.eye(d) / d, np.einsum("aak->k", flat))
    blended = ((1 - share) * flat + share * mixed).reshape(moved.shape)
    back: Matrix = np.moveaxis(blended, list(range(2 * len(qubits))), rows + columns).reshape(rho.shape)
    return back


def _relax(rho: Matrix, qubit: int, seconds: float, model: DeviceModel, n: int) -> Matrix:
    if seconds <= 0:
        return rho
    decay = 1 - math.exp(-seconds / model.t1_s[qubit])
    damped = [
        np.array([[1, 0], [0, math.sqrt(1 - decay)]], np.complex128),
        np.array([[0, math.sqrt(decay)], [0, 0]], np.complex128),
    ]
    rho = _channel(rho, damped, qubit, n)
    pure_rate = max(1 / model.t2_s[qubit] - 0.5 / model.t1_s[qubit], 0.0)
    flip = 0.5 * (1 - math.exp(-seconds * pure_rate))
    return _channel(
        rho, [math.sqrt(1 - flip) * np.eye(2, dtype=np.complex128), math.sqrt(flip) * np.diag([1, -1]).astype(np.complex128)], qubit, n
    )  # fmt: skip


def readout(rho: Matrix, model: DeviceModel) -> NDArray[np.float64]:
    """Return the probability of every bit string, shape (2**n,), qubit 0 first, with readout errors."""
    n = len(model.t1_s)
    chances = np.real(np.diag(rho)).clip(min=0).reshape((2,) * n)
    for qubit, error in enumerate(model.readout_error):
        flip = np.array([[1 - error, error], [error, 1 - error]])
        chances = np.moveaxis(np.tensordot(flip, chances, axes=([1], [qubit])), 0, qubit)
    flat: NDArray[np.float64] = chances.reshape(-1) / chances.sum()
    return flat


def distribution(circuit: Circuit, model: DeviceModel) -> NDArray[np.float64]:
    """Return the probability of every bit string after a circuit, shape (2**n,), qubit 0 first.

    Raises:
        BadInputError: The circuit cannot be simulated; says why.
    """
    return readout(final_state(circuit, model), model)
