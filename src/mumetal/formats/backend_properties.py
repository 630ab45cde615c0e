"""IBM BackendProperties JSON to and from a :class:`DeviceSnapshot`, with the traps of real files handled.

Traps (seen in the files of qiskit-terra 0.18–0.46 and qiskit-ibm-runtime 0.20–0.51, Apache-2.0):

* ``gate_error`` 1.0 stands for "not measured": NaN, flagged.
* ``frequency``, ``anharmonicity``, ``T1`` or ``T2`` 0 stands for "not known": NaN, flagged.
* T2 may exceed 2·T1, which no qubit can: kept, flagged (arXiv:1901.04417).
* ``dt`` is in ns or in s: with a unit it is converted, without one the two ranges do not overlap; a length in units
  of ``dt`` uses it, and is refused when there is none.
* An unknown unit is refused, never guessed; an empty one is a pure number. Newer Herons leave the frequency out.
* Every figure has its own date, up to weeks older than the snapshot's.
"""

import math
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, tzinfo

import msgspec

from mumetal.core import LOCAL
from mumetal.core.delivery import Quarantined
from mumetal.core.errors import BadInputError
from mumetal.core.snapshot import MAX_PARAMETERS, DeviceSnapshot, Parameter
from mumetal.formats.canonical import decode_json
from mumetal.formats.foreign import told_by
from mumetal.formats.moments import parse_iso
from mumetal.formats.units import Conversion, to_si

MAX_BYTES = 32 * 2**20
MAX_QUARANTINED = 200
ZERO_IS_UNKNOWN = frozenset({"frequency", "anharmonicity", "T1", "T2"})
EXPECTED_UNIT = {
    "T1": "s", "T2": "s", "frequency": "Hz", "anharmonicity": "Hz", "gate_length": "s", "readout_length": "s",
    "gate_error": "1", "readout_error": "1", "prob_meas0_prep1": "1", "prob_meas1_prep0": "1", "dt": "s",
}  # fmt: skip
PURE = Conversion(unit="1", factor=1.0)


class _Figure(msgspec.Struct):
    """One figure as the document writes it."""

    name: str
    value: float | None = None
    unit: str | None = ""
    date: str | None = None


class _Gate(msgspec.Struct):
    """One gate as the document writes it."""

    qubits: list[int]
    gate: str
    parameters: list[msgspec.Raw] = []


class _Properties(msgspec.Struct):
    """The document."""

    backend_name: str
    last_update_date: str
    qubits: list[list[msgspec.Raw]]
    gates: list[msgspec.Raw] = []
    general: list[msgspec.Raw] | None = None
    backend_version: str = ""


_PROPERTIES = msgspec.json.Decoder(_Properties)
_GATE = msgspec.json.Decoder(_Gate)
_FIGURE = msgspec.json.Decoder(_Figure)


def _known(data: bytes) -> str:
    """Return what a document of another kind is, where that is known."""
    try:
        return told_by(decode_json(data, MAX_BYTES, nan_is_null=True))[1]
    except BadInputError:
        return ""


class _Reading:
    """What has been read of one document so far."""

    def __init__(self, where: str, naive: tzinfo) -> None:
        self.where = where
        self.naive = naive
        self.figures: dict[tuple[str, str], Parameter] = {}
        self.quarantined: list[Quarantined] = []
        self.refused = 0
        self.coupling: dict[tuple[int, int], None] = {}
        self.dt_s = math.nan

    def refuse(self, place: str, reason: str, raw: bytes = b"") -> None:
        self.refused += 1
        if len(self.quarantined) < MAX_QUARANTINED:
            self.quarantined.append(Quarantined.of(f"{self.where}#{place}", reason, raw))

    def figure(self, component: str, raw: msgspec.Raw, place: str) -> None:
        """Take one figure, or quarantine it."""
        text = bytes(raw)
        try:
            figure = _FIGURE.decode(text)
            parameter = self._parameter(component, figure, place)
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
            self.refuse(place, f"not a figure: {str(error)[:200]}", text)
            return
        except BadInputError as error:
            self.refuse(place, error.message, text)
            return
        key = (parameter.component, parameter.name)
        if key in self.figures:
            self.refuse(place, f"{parameter.channel} is given twice; the first is kept", text)
        elif len(self.figures) >= MAX_PARAMETERS:
            self.refuse(place, f"more than {MAX_PARAMETERS} figures")
        else:
            self.figures[key] = parameter

    def _parameter(self, component: str, figure: _Figure, place: str) -> Parameter:
        unit = (figure.unit or "").strip()
        t_ns, flag = self._date(figure.date, place)
        if figure.value is None:
            raise BadInputError(f"{component}.{figure.name} has no value")
        value = figure.value
        if figure.name == "dt" and not unit:
            conversion, flag = _dt_unit(value)
        elif unit == "dt":
            if math.isnan(self.dt_s):
                raise BadInputError(f"{component}.{figure.name} is in units of dt, and the file does not say dt")
            conversion = Conversion(unit="s", factor=self.dt_s)
        else:
            conversion = to_si(unit) if unit else PURE
        expected = EXPECTED_UNIT.get(figure.name)
        if expected is not None and conversion.unit != expected:
            raise BadInputError(f"{component}.{figure.name} is in {unit or 'no unit'!r}, which is no {expected}")
        if figure.name == "gate_error" and value == 1.0:
            value, flag = math.nan, "sentinel: gate_error 1.0"
        elif figure.name in ZERO_IS_UNKNOWN and value == 0.0:
            value, flag = math.nan, f"sentinel: {figure.name} 0"
        return Parameter(
            component=component,
            name=figure.name,
            value=conversion(value),
            unit=conversion.unit,
            t_ns=t_ns,
            flag=flag,
        )

    def _date(self, text: str | None, place: str) -> tuple[int, str]:
        if not text:
            return 0, ""
        try:
            return parse_iso(text, self.naive), ""
        except BadInputError as error:
            self.refuse(place + "/date", error.message, text.encode(errors="replace"))
            return 0, "date unreadable"

    def gate(self, raw: msgspec.Raw, qubits: int, place: str) -> None:
        """Take one gate's figures and its coupling."""
        text = bytes(raw)
        try:
            gate = _GATE.decode(text)
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
            self.refuse(place, f"not a gate: {str(error)[:200]}", text)
            return
        if not gate.qubits or len(set(gate.qubits)) != len(gate.qubits) or not set(gate.qubits) <= set(range(qubits)):
            self.refuse(place, f"gate on qubits that the device of {qubits} does not have", text)
            return
        if len(gate.qubits) == 2:
            self.coupling[gate.qubits[0], gate.qubits[1]] = None
        component = f"{gate.gate}.{'_'.join(map(str, gate.qubits))}"
        for index, figure in enumerate(gate.parameters):
            self.figure(component, figure, f"{place}/parameters/{index}")

    def parameters(self) -> Iterator[Parameter]:
        """Yield the figures, with T2 past 2·T1 flagged."""
        for (component, name), parameter in self.figures.items():
            t1 = self.figures.get((component, "T1"))
            if name == "T2" and t1 is not None and parameter.value > 2 * t1.value * (1 + 1e-9):
                flags = filter(None, (parameter.flag, "T2 exceeds 2 T1"))
                yield replace(parameter, flag="; ".join(flags))
            else:
                yield parameter


def _dt_unit(value: float) -> tuple[Conversion, str]:
    """Tell ns from s by range: a control clock ticks every 0.01 to 100 ns, so 1e-11 to 1e-7 s."""
    if 0.01 <= value <= 100:
        return to_si("ns"), "dt without a unit, read as ns by its range"
    if 1e-11 <= value <= 1e-7:
        return to_si("s"), "dt without a unit, read as s by its range"
    raise BadInputError(f"dt {value} without a unit is neither a plausible number of ns nor of s")


def from_backend_properties(
    data: bytes, *, tenant: str = LOCAL, device: str = "", where: str = "backend-properties", naive: tzinfo = UTC
) -> tuple[DeviceSnapshot, tuple[Quarantined, ...]]:
    """Read one BackendProperties document.

    Args:
        data: The JSON bytes, at most 32 MiB.
        tenant: Who owns the data.
        device: Device name; empty takes the document's ``backend_name``.
        where: Place for errors, provenance and quarantine; a JSON pointer is added after ``#``.
        naive: Zone of dates that name none.

    Returns:
        The snapshot in SI units, and what was refused (at most 200 pieces, the last one says how many more).

    Raises:
        BadInputError: Not such a document, no usable figure, or no usable publication date.
    """
    if len(data) > MAX_BYTES:
        raise BadInputError(f"{len(data)} bytes of calibration, more than {MAX_BYTES}", where=where)
    try:
        document = _PROPERTIES.decode(data)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        why = _known(data) or str(error)[:200]
        raise BadInputError(
            f"not BackendProperties JSON: {why}", where=where, hint="save backend.properties().to_dict()"
        ) from None
    reading = _Reading(where, naive)
    published = parse_iso(document.last_update_date, naive, where=where)
    qubits = len(document.qubits)
    for index, raw in enumerate(document.general or ()):
        reading.figure("general", raw, f"/general/{index}")
    clock = reading.figures.get(("general", "dt"))
    reading.dt_s = clock.value if clock is not None else math.nan
    for index, figures in enumerate(document.qubits):
        for inner, raw in enumerate(figures):
            reading.figure(f"q{index}", raw, f"/qubits/{index}/{inner}")
    for index, raw in enumerate(document.gates):
        reading.gate(raw, qubits, f"/gates/{index}")
    if reading.refused > len(reading.quarantined):
        more = reading.refused - len(reading.quarantined)
        reading.quarantined.append(Quarantined.of(where, f"{more} more pieces were refused"))
    try:
        snapshot = DeviceSnapshot(
            tenant=tenant,
            device=device or document.backend_name,
            t_ns=published,
            qubits=qubits,
            coupling=tuple(reading.coupling),
            parameters=tuple(reading.parameters()),
            provenance=f"{where}, backend version {document.backend_version[:40] or 'not given'}"[:1_000],
        )
    except BadInputError as error:
        raise BadInputError(error.message, where=where, hint=error.hint) from None
    return snapshot, tuple(reading.quarantined)
