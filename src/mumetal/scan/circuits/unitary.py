"""Matrices of the standard gates, of small circuits, and the local class of a two-qubit gate.

Qubit 0 is the first factor (most significant). Local class: Makhlin 2002, doi:10.1023/A:1022144002391.
"""

import math
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from mumetal.formats.circuit import Operation

Matrix = NDArray[np.complex128]
MAX_QUBITS = 5
_R2 = 1 / math.sqrt(2)


def _rotation(axis: str, angle: float) -> Matrix:
    c, s = math.cos(angle / 2), math.sin(angle / 2)
    if axis == "x":
        return np.array([[c, -1j * s], [-1j * s, c]], np.complex128)
    if axis == "y":
        return np.array([[c, -s], [s, c]], np.complex128)
    return np.array([[c - 1j * s, 0], [0, c + 1j * s]], np.complex128)


def _u(theta: float, phi: float, lam: float) -> Matrix:
    c, s = math.cos(theta / 2), math.sin(theta / 2)
    return np.array([[c, -np.exp(1j * lam) * s], [np.exp(1j * phi) * s, np.exp(1j * (phi + lam)) * c]], np.complex128)


_FIXED: dict[str, Matrix] = {
    "id": np.eye(2, dtype=np.complex128),
    "x": np.array([[0, 1], [1, 0]], np.complex128),
    "y": np.array([[0, -1j], [1j, 0]], np.complex128),
    "z": np.diag([1, -1]).astype(np.complex128),
    "h": np.array([[_R2, _R2], [_R2, -_R2]], np.complex128),
    "s": np.diag([1, 1j]).astype(np.complex128),
    "sdg": np.diag([1, -1j]).astype(np.complex128),
    "t": np.diag([1, np.exp(0.25j * math.pi)]),
    "tdg": np.diag([1, np.exp(-0.25j * math.pi)]),
    "sx": 0.5 * np.array([[1 + 1j, 1 - 1j], [1 - 1j, 1 + 1j]], np.complex128),
    "sxdg": 0.5 * np.array([[1 - 1j, 1 + 1j], [1 + 1j, 1 - 1j]], np.complex128),
    "swap": np.eye(4, dtype=np.complex128)[[0, 2, 1, 3]],
    "iswap": np.array([[1, 0, 0, 0], [0, 0, 1j, 0], [0, 1j, 0, 0], [0, 0, 0, 1]], np.complex128),
    "dcx": np.eye(4, dtype=np.complex128)[[0, 2, 3, 1]],
}
_FIXED["ecr"] = _R2 * (np.kron(_FIXED["x"], np.eye(2)) - np.kron(_FIXED["y"], _FIXED["x"])).astype(np.complex128)
_ANGLES = {
    "rx": 1, "ry": 1, "rz": 1, "p": 1, "u1": 1, "u2": 2, "u3": 3, "u": 3, "r": 2, "rxx": 1, "ryy": 1, "rzz": 1,
    "rzx": 1, "crx": 1, "cry": 1, "crz": 1, "cp": 1, "cu1": 1, "cu3": 3,
}  # fmt: skip


def _controlled(inner: Matrix) -> Matrix:
    size = inner.shape[0]
    full = np.eye(2 * size, dtype=np.complex128)
    full[size:, size:] = inner
    return full


def standard(name: str, params: Sequence[float]) -> Matrix | None:
    """Return the matrix of a standard gate; None when it is none or an angle is not known."""
    name = {"cnot": "cx", "toffoli": "ccx", "phase": "p", "cphase": "cp", "fredkin": "cswap", "i": "id"}.get(name, name)
    if any(not math.isfinite(a) for a in params) or len(params) != _ANGLES.get(name, 0):
        return None
    if name in _FIXED:
        return _FIXED[name]
    if name in {"rx", "ry", "rz"}:
        return _rotation(name[1], params[0])
    if name in {"rxx", "ryy", "rzz", "rzx"}:
        pair = np.kron(_FIXED[name[1]], _FIXED[name[2]])
        return math.cos(params[0] / 2) * np.eye(4, dtype=np.complex128) - 1j * math.sin(params[0] / 2) * pair
    match name:
        case "p" | "u1":
            return _u(0, 0, params[0])
        case "u2":
            return _u(math.pi / 2, params[0], params[1])
        case "u3" | "u":
            return _u(params[0], params[1], params[2])
        case "r":
            return _u(params[0], params[1] - math.pi / 2, math.pi / 2 - params[1])
    if len(name) > 1 and name[0] == "c" and (inner := standard(name[1:], params)) is not None and inner.shape[0] < 16:
        return _controlled(inner)
    return None


def apply(matrix: Matrix, state: Matrix, qubits: Sequence[int], count: int) -> Matrix:
    """Apply a gate to ``qubits`` of a state or of a matrix's columns, shape (2**count, …)."""
    k = len(qubits)
    tensor = state.reshape((2,) * count + (-1,))
    tensor = np.moveaxis(tensor, list(qubits), list(range(k)))
    shape = tensor.shape
    tensor = (matrix @ tensor.reshape(2**k, -1)).reshape(shape)
    return np.moveaxis(tensor, list(range(k)), list(qubits)).reshape(state.shape)


def unitary(operations: Sequence[Operation], count: int) -> Matrix | None:
    """Return the matrix of a circuit of at most five qubits, shape (2**count, 2**count); None when a gate is not standard."""
    if count > MAX_QUBITS or len(operations) > 2_000:
        return None
    total: Matrix = np.eye(2**count, dtype=np.complex128)
    for operation in operations:
        if operation.name in {"barrier", "delay"}:
            continue
        matrix = standard(operation.name, operation.params)
        if (
            matrix is None
            or matrix.shape[0] != 2 ** len(operation.qubits)
            or len(set(operation.qubits)) < len(operation.qubits)
        ):
            return None
        total = apply(matrix, total, operation.qubits, count)
    return total


def distance(a: Matrix, b: Matrix) -> float:
    """Return 1 - |tr(a†b)| / d, in [0, 1]: 0 when they differ by a phase only."""
    return float(max(0.0, 1.0 - abs(np.trace(a.conj().T @ b)) / a.shape[0]))


_MAGIC = _R2 * np.array([[1, 0, 0, 1j], [0, 1j, 1, 0], [0, 1j, -1, 0], [1, 0, 0, -1j]], np.complex128)


def is_local(matrix: Matrix) -> bool:
    """Whether a two-qubit gate is a product of one-qubit gates (Makhlin invariants 1 and 3)."""
    inner = _MAGIC.conj().T @ matrix @ _MAGIC
    square = inner.T @ inner
    determinant = np.linalg.det(matrix)
    trace = np.trace(square)
    first = trace * trace / (16 * determinant)
    second = (trace * trace - np.trace(square @ square)) / (4 * determinant)
    return bool(abs(first - 1) < 1e-6 and abs(second - 3) < 1e-6)
