"""What a test of a quantum program can assert; every failure says the figures."""

import math
from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from mumetal.core.errors import BadInputError
from mumetal.formats import openqasm
from mumetal.formats.circuit import Circuit
from mumetal.scan.testing.model import ONE_QUBIT_S, VIRTUAL, DeviceModel, distribution, final_state
from mumetal.scan.testing.statistics import compare, shots_needed


def circuit_of(program: str | bytes | Circuit) -> Circuit:
    """Read OpenQASM text; a circuit is returned as it is.

    Raises:
        BadInputError: The text is no OpenQASM.
    """
    if isinstance(program, Circuit):
        return program
    return openqasm.decode(program.encode() if isinstance(program, str) else program, "program")


def vector(expected: Mapping[str, float], qubits: int) -> NDArray[np.float64]:
    """Return probabilities by bit string (qubit 0 first) as a vector, shape (2**qubits,).

    Raises:
        BadInputError: A bit string of another length, or probabilities that do not add up to 1.
    """
    chances = np.zeros(2**qubits)
    for bits, chance in expected.items():
        if len(bits) != qubits or set(bits) - {"0", "1"} or not 0 <= chance <= 1:
            raise BadInputError(f"{bits[:40]!r}: {chance} is no probability of {qubits} bits, qubit 0 first")
        chances[int(bits, 2)] = chance
    if not math.isclose(chances.sum(), 1.0, abs_tol=1e-6):
        raise BadInputError(f"the probabilities add up to {chances.sum():.6f}")
    return chances


def assert_close_to(
    program: str | bytes | Circuit, model: DeviceModel, expected: Mapping[str, float], *, distance: float
) -> None:
    """Assert that the noisy outcome on a device model stays within a total variation of the ideal one.

    Raises:
        AssertionError: It does not; says the distance.
    """
    circuit = circuit_of(program)
    got = distribution(circuit, model)
    off = 0.5 * float(np.abs(got - vector(expected, len(model.t1_s))).sum())
    if off > distance:
        raise AssertionError(f"on {model.name} the outcome is {off:.4f} away in total variation, more than {distance}")


def assert_counts(
    counts: Mapping[str, int],
    program: str | bytes | Circuit,
    model: DeviceModel,
    *,
    distance: float = 0.1,
    alpha: float = 1e-3,
    power: float = 0.9,
) -> None:
    """Assert that counts from a device or simulator fit what the device model says, at a stated power.

    Args:
        counts: How often each bit string (qubit 0 first) was seen.
        program: What was run.
        model: Where.
        distance: Total variation that must not go unnoticed.
        alpha: Probability of failing although all is well.
        power: Probability of failing when the outcome is ``distance`` away.

    Raises:
        AssertionError: Too few shots for that power, or the counts do not fit.
    """
    expected = distribution(circuit_of(program), model)
    seen = np.zeros(expected.size, np.int64)
    for bits, count in counts.items():
        if len(bits) != len(model.t1_s) or set(bits) - {"0", "1"}:
            raise BadInputError(f"{bits[:40]!r} is no outcome of {len(model.t1_s)} qubits")
        seen[int(bits, 2)] += count
    needed = shots_needed(distance, expected.size, alpha=alpha, power=power)
    if seen.sum() < needed:
        raise AssertionError(
            f"{seen.sum()} shots cannot show a deviation of {distance} at power {power}: {needed} are needed"
        )
    verdict = compare(seen, expected)
    if verdict.p_value < alpha:
        raise AssertionError(
            f"the counts do not fit {model.name}: χ² = {verdict.statistic:.1f} with {verdict.freedom} degrees of freedom, "
            f"p = {verdict.p_value:.2g} below {alpha}"
        )


def assert_budget(
    program: str | bytes | Circuit,
    *,
    depth: int | None = None,
    two_qubit_gates: int | None = None,
    duration_s: float | None = None,
    model: DeviceModel | None = None,
) -> None:
    """Assert that a circuit keeps within its budgets; the duration uses the model's gate lengths, 300 ns without one.

    Raises:
        AssertionError: It does not; says by how much.
    """
    circuit = circuit_of(program)
    layers: dict[int, int] = {}
    clock: dict[int, float] = {}
    pairs = 0
    for operation in circuit.operations:
        two = len(operation.qubits) > 1 and operation.name != "barrier"
        pairs += two
        length = (model.gate_length_s if model else 3e-7) if two else 0.0 if operation.name in VIRTUAL else ONE_QUBIT_S
        length = operation.duration_s if operation.name == "delay" else length
        level = max((layers.get(q, 0) for q in operation.qubits), default=0) + (operation.name != "barrier")
        end = max((clock.get(q, 0.0) for q in operation.qubits), default=0.0) + length
        layers.update(dict.fromkeys(operation.qubits, level))
        clock.update(dict.fromkeys(operation.qubits, end))
    found = (("depth", max(layers.values(), default=0), depth), ("two-qubit gates", pairs, two_qubit_gates))
    for name, value, limit in found:
        if limit is not None and value > limit:
            raise AssertionError(f"{name}: {value}, more than {limit}")
    longest = max(clock.values(), default=0.0)
    if duration_s is not None and not longest <= duration_s:
        raise AssertionError(f"one shot takes {longest * 1e6:.2f} µs, more than {duration_s * 1e6:.2f} µs")


def assert_no_residue(
    program: str | bytes | Circuit,
    model: DeviceModel,
    *,
    shots: int,
    reset_error: float = 0.01,
    alpha: float = 1e-3,
    power: float = 0.9,
) -> None:
    """Assert that the next tenant, with some shots, could not tell that this program ran before.

    After the program each qubit is reset; with probability ``reset_error`` an excited one stays excited. The next tenant
    measures at once and compares with what an empty device gives.

    Args:
        program: What runs first.
        model: Where.
        shots: Shots that the next tenant has.
        reset_error: Share of excitation a reset leaves; 1% is ordinary (Mi et al. CCS 2022).
        alpha: The next tenant's rate of false alarms.
        power: The next tenant's chance of telling from which it counts as leaked.

    Raises:
        AssertionError: A qubit tells; says which, and with how many shots.
    """
    rho = final_state(circuit_of(program), model)
    n = len(model.t1_s)
    chances = np.real(np.diag(rho)).reshape((2,) * n)
    for qubit in range(n):
        excited = float(np.moveaxis(chances, qubit, 0)[1].sum())
        left = excited * reset_error * (1 - 2 * model.readout_error[qubit])
        base = model.readout_error[qubit]
        if left <= 0:
            continue
        needed = _two_rates(base, min(base + left, 1.0), alpha, power)
        if shots >= needed:
            raise AssertionError(
                f"qubit {qubit} ends excited with probability {excited:.3f}; after a reset that leaves {reset_error:.1%} the "
                f"next tenant can tell with {needed:.0f} shots and has {shots}"
            )


def _two_rates(base: float, other: float, alpha: float, power: float) -> float:
    """Shots that tell a rate from a larger known one, one-sided (normal approximation)."""
    from mumetal.numerics.normal import z_upper

    reach = z_upper(alpha) * math.sqrt(base * (1 - base)) + z_upper(1 - power) * math.sqrt(other * (1 - other))
    return max((reach / (other - base)) ** 2, 1.0)
