"""What a circuit's text says, flat: operations on numbered qubits, definitions of gates, pulses. Never run."""

import math
from dataclasses import dataclass

MAX_QUBITS = 10_000
MAX_OPERATIONS = 200_000
DT_S = 2.0 / 9.0 * 1e-9  # one sample of IBM's control electronics, s (4.5 GS/s)


@dataclass(frozen=True, slots=True, kw_only=True)
class Operation:
    """One gate, measurement, reset, delay or barrier.

    Args:
        name: Lower-case name: ``"cx"``, ``"rz"``, ``"measure"``, ``"reset"``, ``"delay"``, ``"barrier"``.
        qubits: Qubits it acts on, in order.
        params: Angles (rad) where they are numbers, NaN where they are not known.
        duration_s: Length of a delay, s; 0 for the rest, NaN when not known.
        conditional: Whether it depends on a measured bit.
        line: Line in the text, from 1; 0 when there is none.
    """

    name: str
    qubits: tuple[int, ...]
    params: tuple[float, ...] = ()
    duration_s: float = 0.0
    conditional: bool = False
    line: int = 0


def example_angles(count: int) -> tuple[float, ...]:
    """Return angles, rad, by which definitions of gates are compared: 0.3, 0.7, 1.1 and so on."""
    return tuple(0.3 + 0.4 * n for n in range(count))


@dataclass(frozen=True, slots=True, kw_only=True)
class Definition:
    """A gate that the text defines itself.

    Args:
        name: Its name.
        parameters: Names of its angles.
        qubits: How many qubits it takes.
        operations: What it does on qubits 0 to ``qubits`` - 1 when called with :func:`example_angles`.
        line: Line in the text, from 1.
    """

    name: str
    parameters: tuple[str, ...]
    qubits: int
    operations: tuple[Operation, ...]
    line: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Pulse:
    """One pulse of a gate's own calibration.

    Args:
        gate: Gate that it calibrates; empty for a bare schedule.
        qubits: Qubits of that gate.
        channel: Kind of line and qubit: ``"d0"`` drive, ``"u3"`` control, ``"m0"`` measurement.
        duration_s: Length, s.
        amplitude: Largest amplitude as a share of full scale.
        area_s: Integral of the envelope's magnitude, s; NaN when not known.
        frequency_hz: Carrier, Hz; NaN when the channel's own.
        line: Line in the text, from 1; 0 when there is none.
    """

    gate: str
    qubits: tuple[int, ...]
    channel: str
    duration_s: float
    amplitude: float
    area_s: float = math.nan
    frequency_hz: float = math.nan
    line: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Circuit:
    """One circuit.

    Args:
        language: ``"OpenQASM 2"``, ``"OpenQASM 3"``, ``"Qobj"``, ``"Cirq"``, ``"Braket"``.
        qubits: How many qubits it names.
        operations: What it does, gates defined in the text expanded.
        definitions: Gates defined in the text.
        pulses: Pulses of calibrations in the text.
        includes: Files it names; they are never opened.
        name: Its name where it has one.
    """

    language: str
    qubits: int
    operations: tuple[Operation, ...]
    definitions: tuple[Definition, ...] = ()
    pulses: tuple[Pulse, ...] = ()
    includes: tuple[str, ...] = ()
    name: str = ""
