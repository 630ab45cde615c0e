"""Circuits in the JSON of SDKs: Qobj (Qiskit), Cirq, Braket (jaqcd and OpenQASM inside). Bounded, typed, never run."""

import math
import re
from collections.abc import Iterator

import msgspec

from mumetal.core.errors import BadInputError
from mumetal.formats import openqasm
from mumetal.formats.circuit import DT_S, MAX_OPERATIONS, MAX_QUBITS, Circuit, Operation, Pulse
from mumetal.formats.qasm_pulses import AREA

MAX_BYTES = 64 * 2**20
MAX_CIRCUITS = 10_000
Json = dict[str, object] | list[object] | str | float | int | bool | None
_CIRQ = {
    "CNotPowGate": "cx", "CXPowGate": "cx", "CZPowGate": "cz", "ISwapPowGate": "iswap", "SwapPowGate": "swap",
    "XXPowGate": "rxx", "ZZPowGate": "rzz", "FSimGate": "fsim", "PhasedISwapPowGate": "iswap", "XPowGate": "rx",
    "YPowGate": "ry", "ZPowGate": "rz", "HPowGate": "h", "PhasedXPowGate": "u", "PhasedXZGate": "u", "Rx": "rx",
    "Ry": "ry", "Rz": "rz", "MeasurementGate": "measure", "ResetChannel": "reset", "WaitGate": "delay",
    "IdentityGate": "id", "_PauliX": "x", "_PauliY": "y", "_PauliZ": "z", "CCXPowGate": "ccx", "CCZPowGate": "ccz",
}  # fmt: skip
_BRAKET = {
    "cnot": "cx",
    "v": "sx",
    "vi": "sxdg",
    "si": "sdg",
    "ti": "tdg",
    "i": "id",
    "xx": "rxx",
    "zz": "rzz",
    "yy": "ryy",
}


def decode(data: bytes, where: str = "circuit.json") -> tuple[Circuit, ...]:
    """Read every circuit of a file; empty when it is JSON of another kind.

    Raises:
        BadInputError: No JSON, too large, or a circuit that cannot be.
    """
    if len(data) > MAX_BYTES:
        raise BadInputError(f"{len(data)} bytes are more than {MAX_BYTES}", where=where)
    try:
        read = msgspec.json.decode(data)
    except (msgspec.DecodeError, RecursionError, UnicodeDecodeError) as error:
        raise BadInputError(f"no JSON: {str(error)[:200]}", where=where) from None
    found: list[Circuit] = []
    for circuit in _circuits(read, where):
        found.append(circuit)
        if len(found) > MAX_CIRCUITS:
            raise BadInputError(f"more than {MAX_CIRCUITS} circuits", where=where)
    return tuple(found)


def _circuits(read: object, where: str) -> Iterator[Circuit]:
    if isinstance(read, list):
        for one in read[: MAX_CIRCUITS + 1]:
            yield from _circuits(one, where) if isinstance(one, dict) else ()
    elif isinstance(read, dict):
        if isinstance(experiments := read.get("experiments"), list):
            shared = _pulse_library(_dict(read.get("config")))
            for one in experiments[: MAX_CIRCUITS + 1]:
                yield _qobj(_dict(one), shared, where)
        elif read.get("cirq_type") in {"Circuit", "FrozenCircuit"}:
            yield _cirq(read, where)
        elif isinstance(read.get("braketSchemaHeader"), dict):
            if isinstance(source := read.get("source"), str):
                yield openqasm.decode(source.encode(), where)
            elif isinstance(read.get("instructions"), list):
                yield _braket(read, where)
        elif isinstance(instructions := read.get("instructions"), list) and _looks_like_qobj(instructions):
            yield _qobj(read, {}, where)


def _looks_like_qobj(instructions: list[object]) -> bool:
    first = _dict(instructions[0]) if instructions else {}
    return isinstance(first.get("name"), str) and isinstance(first.get("qubits"), list)


def _dict(value: object) -> dict[str, object]:
    return value if isinstance(value, dict) else {}


def _items(value: object) -> list[object]:
    return value if isinstance(value, list) else []


def _number(value: object, otherwise: float = math.nan) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float):
        if isinstance(value, list) and len(value) == 2:
            return math.hypot(_number(value[0], 0.0), _number(value[1], 0.0))
        return otherwise
    return float(value) if abs(value) < 1e300 else otherwise


def _qubits(value: object, where: str) -> tuple[int, ...]:
    qubits = tuple(q for q in _items(value) if isinstance(q, int) and not isinstance(q, bool))
    if any(not 0 <= q < MAX_QUBITS for q in qubits):
        raise BadInputError(f"a qubit outside 0 to {MAX_QUBITS}", where=where)
    return qubits


def _checked(operations: list[Operation], where: str) -> tuple[Operation, ...]:
    if len(operations) > MAX_OPERATIONS:
        raise BadInputError(f"more than {MAX_OPERATIONS} operations", where=where)
    return tuple(operations)


def _size(operations: tuple[Operation, ...]) -> int:
    return 1 + max((q for o in operations for q in o.qubits), default=-1)


def _qobj(experiment: dict[str, object], shared: dict[str, tuple[float, float, float]], where: str) -> Circuit:
    operations: list[Operation] = []
    for raw in _items(experiment.get("instructions"))[: MAX_OPERATIONS + 1]:
        one = _dict(raw)
        name, qubits = str(one.get("name", ""))[:100].lower(), _qubits(one.get("qubits"), where)
        if not name or not qubits:
            continue
        params = tuple(_number(p) for p in _items(one.get("params"))[:100])
        conditional = "conditional" in one
        if name in {"measure", "reset"}:
            operations += [Operation(name=name, qubits=(q,), conditional=conditional) for q in qubits]
        else:
            length = _delay_s(params[0], str(one.get("unit", "dt"))) if name == "delay" and params else 0.0
            angles = () if name == "delay" else params
            operations.append(
                Operation(name=name, qubits=qubits, params=angles, duration_s=length, conditional=conditional)
            )
    done = _checked(operations, where)
    config, header = _dict(experiment.get("config")), _dict(experiment.get("header"))
    pulses = tuple(_calibrations(config, shared | _pulse_library(config), where))
    return Circuit(
        language="Qobj", qubits=_size(done), operations=done, pulses=pulses, name=str(header.get("name", ""))[:200]
    )


def _delay_s(value: float, unit: str) -> float:
    return value * {"dt": DT_S, "s": 1.0, "ms": 1e-3, "us": 1e-6, "ns": 1e-9}.get(unit, math.nan)


def _pulse_library(config: dict[str, object]) -> dict[str, tuple[float, float, float]]:
    """Return (duration, largest amplitude, area) by name, s and shares, of sampled pulses."""
    library: dict[str, tuple[float, float, float]] = {}
    for raw in _items(config.get("pulse_library"))[:10_000]:
        samples = [_number(s, 0.0) for s in _items(_dict(raw).get("samples"))[:1_000_000]]
        if samples and isinstance(name := _dict(raw).get("name"), str):
            sizes = [abs(s) for s in samples]
            library[name] = (len(samples) * DT_S, max(sizes), sum(sizes) * DT_S)
    return library


def _calibrations(
    config: dict[str, object], library: dict[str, tuple[float, float, float]], where: str
) -> Iterator[Pulse]:
    for raw in _items(_dict(config.get("calibrations")).get("gates"))[:10_000]:
        gate = _dict(raw)
        name, qubits = str(gate.get("name", ""))[:100].lower(), _qubits(gate.get("qubits"), where)
        frequency: dict[str, float] = {}
        for played in _items(gate.get("instructions"))[:10_000]:
            one = _dict(played)
            verb, channel = str(one.get("name", "")), str(one.get("ch", ""))[:40].lower()
            if verb in {"setf", "set_frequency"}:
                value = _number(one.get("frequency"))
                frequency[channel] = value * 1e9 if value < 1e3 else value  # Qobj gives GHz
            elif verb == "parametric_pulse":
                said = _dict(one.get("parameters"))
                length, amplitude = _number(said.get("duration")) * DT_S, _number(said.get("amp"))
                area = AREA.get(str(one.get("pulse_shape", "")).lower(), math.nan) * abs(amplitude) * length
                yield Pulse(
                    gate=name, qubits=qubits, channel=channel, duration_s=length, amplitude=abs(amplitude),
                    area_s=area, frequency_hz=frequency.get(channel, math.nan),
                )  # fmt: skip
            elif verb in library:
                length, amplitude, area = library[verb]
                yield Pulse(
                    gate=name, qubits=qubits, channel=channel, duration_s=length, amplitude=amplitude, area_s=area,
                    frequency_hz=frequency.get(channel, math.nan),
                )  # fmt: skip


def _cirq(read: dict[str, object], where: str) -> Circuit:
    seen: dict[str, int] = {}
    operations: list[Operation] = []
    for moment in _items(read.get("moments")):
        for raw in _items(_dict(moment).get("operations")):
            operations += _cirq_operation(_dict(raw), seen, where)
            _checked(operations, where)
    return Circuit(language="Cirq", qubits=len(seen), operations=tuple(operations))


def _cirq_operation(one: dict[str, object], seen: dict[str, int], where: str) -> Iterator[Operation]:
    conditional = False
    for _ in range(8):  # tags, controls and classical conditions wrap the operation
        if isinstance(inner := one.get("sub_operation"), dict):
            conditional = conditional or one.get("cirq_type") == "ClassicallyControlledOperation"
            one = inner
    gate = _dict(one.get("gate"))
    kind = str(gate.get("cirq_type", ""))
    qubits: list[int] = []
    for raw in _items(one.get("qubits"))[:MAX_QUBITS]:
        said = _dict(raw)
        key = f"{said.get('cirq_type')}:{said.get('x', said.get('row'))}:{said.get('col', said.get('name'))}"[:200]
        if said.get("cirq_type") == "LineQubit" and isinstance(said.get("x"), int) and key not in seen:
            seen[key] = int(str(said["x"]))
        qubits.append(seen.setdefault(key, len(seen)))
    if any(not 0 <= q < MAX_QUBITS for q in qubits):
        raise BadInputError(f"a qubit outside 0 to {MAX_QUBITS}", where=where)
    if not qubits or not kind:
        return
    name = _CIRQ.get(kind, kind.lower()[:100])
    exponent = _number(gate.get("exponent"), 1.0)
    if name in {"measure", "reset"}:
        yield from (Operation(name=name, qubits=(q,), conditional=conditional) for q in qubits)
        return
    if name in {"rx", "ry", "rz"}:
        angle = _number(gate.get("rads"), exponent * math.pi)
        half_turn = math.isclose(abs(angle), math.pi)
        yield Operation(
            name=name[1] if half_turn else name,
            qubits=tuple(qubits),
            params=() if half_turn else (angle,),
            conditional=conditional,
        )
        return
    length = _number(_dict(gate.get("duration")).get("picos"), 0.0) * 1e-12 if name == "delay" else 0.0
    fixed = name in {"cx", "cz", "h", "swap", "ccx", "ccz", "id", "delay"} and math.isclose(abs(exponent), 1.0)
    params = () if fixed else (exponent * math.pi,)
    yield Operation(
        name=name if fixed or not re.fullmatch("c[xz]", name) else f"{name}_pow",
        qubits=tuple(qubits),
        params=params,
        duration_s=length,
        conditional=conditional,
    )


def _braket(read: dict[str, object], where: str) -> Circuit:
    operations: list[Operation] = []
    for raw in _items(read.get("instructions"))[: MAX_OPERATIONS + 1]:
        one = _dict(raw)
        kind = str(one.get("type", ""))[:100].lower()
        named: list[object] = []
        for key in ("control", "controls", "target", "targets"):
            value = one.get(key)
            named += value if isinstance(value, list) else [value] if value is not None else []
        qubits = _qubits(named, where)
        if kind and qubits:
            angle = one.get("angle")
            params = (_number(angle),) if angle is not None else ()
            operations.append(Operation(name=_BRAKET.get(kind, kind), qubits=qubits, params=params))
    done = _checked(operations, where)
    size = _size(done)
    results = [_dict(r).get("type") for r in _items(read.get("results"))]
    if not results:  # Braket measures every qubit at the end
        done = (*done, *(Operation(name="measure", qubits=(q,)) for q in sorted({q for o in done for q in o.qubits})))
    return Circuit(language="Braket", qubits=size, operations=done)
