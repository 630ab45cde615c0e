"""A :class:`DeviceSnapshot` as IBM BackendProperties JSON, so that the twin can publish what a provider would."""

import math
import re

import msgspec

from mumetal.core.errors import BadInputError
from mumetal.core.snapshot import DeviceSnapshot, Parameter
from mumetal.formats.moments import iso
from mumetal.formats.units import to_si

QUBIT = re.compile(r"q(\d{1,5})")
GATE = re.compile(r"([A-Za-z][A-Za-z0-9_]*)\.(\d{1,5}(?:_\d{1,5})*)")
SENTINEL = {"gate_error": 1.0, "frequency": 0.0, "anharmonicity": 0.0, "T1": 0.0, "T2": 0.0}


class _Figure(msgspec.Struct):
    """One figure as the document writes it."""

    date: str
    name: str
    unit: str
    value: float


class _Gate(msgspec.Struct):
    """One gate as the document writes it."""

    qubits: list[int]
    gate: str
    parameters: list[_Figure]
    name: str


class _Properties(msgspec.Struct):
    """The document."""

    backend_name: str
    backend_version: str
    last_update_date: str
    qubits: list[list[_Figure]]
    gates: list[_Gate]
    general: list[_Figure]


def to_backend_properties(snapshot: DeviceSnapshot) -> bytes:
    """Write a snapshot in the shape that :func:`.backend_properties.from_backend_properties` reads.

    Times go out in us, lengths in ns and frequencies in GHz, as IBM writes them; a NaN goes out as the field's
    sentinel, and is left out where the field has none. Dates keep microseconds.

    Raises:
        BadInputError: A component is neither a qubit of the device, a gate, nor ``"general"``.
    """
    qubits: list[list[_Figure]] = [[] for _ in range(snapshot.qubits)]
    gates: dict[str, _Gate] = {}
    general: list[_Figure] = []
    for parameter in snapshot.parameters:
        figure = _figure(parameter, snapshot.t_ns)
        if figure is None:
            continue
        qubit, gate = QUBIT.fullmatch(parameter.component), GATE.fullmatch(parameter.component)
        if qubit and int(qubit[1]) < snapshot.qubits:
            qubits[int(qubit[1])].append(figure)
        elif parameter.component == "general":
            general.append(figure)
        elif gate:
            on = [int(q) for q in gate[2].split("_")]
            entry = gates.setdefault(
                parameter.component, _Gate(qubits=on, gate=gate[1], parameters=[], name=gate[1] + gate[2])
            )
            entry.parameters.append(figure)
        else:
            raise BadInputError(f"component {parameter.component!r} has no place in BackendProperties")
    return msgspec.json.encode(
        _Properties(
            backend_name=snapshot.device,
            backend_version="0.0.0",
            last_update_date=_date(snapshot.t_ns),
            qubits=qubits,
            gates=list(gates.values()),
            general=general,
        )
    )


def _figure(parameter: Parameter, published_ns: int) -> _Figure | None:
    value = parameter.value
    unit = "" if parameter.unit == "1" else parameter.unit
    if math.isnan(value):
        if parameter.name not in SENTINEL:
            return None
        value = SENTINEL[parameter.name]
    if parameter.unit == "s":
        unit = "us" if parameter.name in {"T1", "T2"} else "ns"
    elif parameter.unit == "Hz":
        unit = "GHz"
    if unit not in {"", parameter.unit}:
        value /= to_si(unit).factor
    return _Figure(date=_date(parameter.t_ns or published_ns), name=parameter.name, unit=unit, value=value)


def _date(t_ns: int) -> str:
    return iso(t_ns - t_ns % 1_000)
